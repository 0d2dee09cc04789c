/*
 * cmd_errors -- discern data errors: labels that are likely wrong
 *
 * A linear classifier on what a model sees is fitted to the labels as they are, fold by fold, and
 * each picture is judged by the fit that has not seen it (infer/embed/probe.h); which labels are
 * then suspect: infer/embed/suspect.h.
 */
#include "data/csv.h"
#include "data/kept.h"
#include "infer/cmd_set.h"
#include "infer/embed/suspect.h"
#include "infer/learnt.h"
#include "nn/base/file.h"
#include "nn/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOLD = 20, TOLD_PAIRS = 10 };

struct options {
    bool relabel, strict, all, json, force, sandbox;
    double sure;
    int seed, precision, batch, threads;
    const char *csv, *html, *out, *model;
    struct data_source_options source;
};

static const struct field options[] = {
    FIELD_FLOAT(struct options, sure, NULL, 0, 0, 1,
                "tell only where the likely label is by so much more probable than the given one"),
    FIELD_STRING(struct options, html, "FILE", NULL, "write a page with the pictures"),
    FIELD_STRING(struct options, csv, "FILE", NULL,
                 "write a table of them: name, given, likely, and the probability of each"),
    { .name = "out", .kind = FIELD_KIND_STRING, .count = 1, .offset = offsetof(struct options, out),
      .hint = "FILE", .letter = 'o',
      .doc = "write the set without them: a table where it is called .csv, else a list of paths" },
    FIELD_BOOL(struct options, relabel, "in FILE they stand with the likely label instead"),
    FIELD_BOOL(struct options, all, "tell every one, not the first ones"),
    FIELD_BOOL(struct options, strict, "exit with status 1 when there are any"),
    FIELD_BOOL(struct options, json, "one JSON object instead of a report"),
    FIELD_BOOL(struct options, force, "write over files that are there"),
    FIELD_INT(struct options, seed, NULL, 0, 0, 2147483647,
              "of which pictures are judged together"),
    INFER_CMD_SET_FIELDS(struct options),
    FIELDS_END
};

struct job {
    const struct options *o;
    struct infer_set s;
    struct infer_probe probe;
    float *target;              /* [rows,labels] */
    struct infer_suspect *suspect;
    struct infer_suspect_pair *pair;
    int n, n_pairs, known;      /* known: pictures of which a label is known */
    bool *judged;               /* [rows] */
    int n_judged;
    struct str how;
};

/* ---- looking --------------------------------------------------------------------------------- */

/* What was learnt by heart looks right, whatever it is. */
static bool note_learnt(struct job *j, struct err *err)
{
    int learnt;

    if (!infer_learnt_known(j->s.m))
        return true;
    if (!data_index_hash(j->s.x, j->s.threads, err))
        return false;
    learnt = infer_learnt_count(j->s.m, j->s.x);
    if (learnt * 4 > j->s.x->n)
        cli_say("%s: the model has learnt from about %d of these %d pictures: wrong labels that it "
                "knows by heart look right to it; a model of other pictures finds more", j->s.data,
                learnt, j->s.x->n);
    return true;
}

/* Targets of the rows, from those of the index. */
static bool make_targets(struct job *j, struct err *err)
{
    size_t labels = (size_t)j->s.x->n_labels;
    float *all = malloc(((size_t)j->s.x->n * labels + 1) * sizeof *all);

    j->target = malloc(((size_t)j->s.rows.n * labels + 1) * sizeof *j->target);
    if (all)
        infer_probe_targets(j->s.x, all);
    for (int i = 0; all && j->target && i < j->s.rows.n; i++) {
        const float *from = all + (size_t)j->s.sample[i] * labels;
        bool known = false;

        memcpy(j->target + (size_t)i * labels, from, labels * sizeof *from);
        for (size_t l = 0; l < labels; l++)
            known |= j->s.x->task == DATA_SINGLE ? from[l] > 0 : from[l] >= 0;
        j->known += known;
    }
    free(all);
    j->judged = calloc((size_t)j->s.rows.n + 1, sizeof *j->judged);
    return (all && j->target && j->judged) ||
           err_set(err, ERR_MEMORY, "no memory for %d pictures", j->s.x->n);
}

/* Of a label with one picture whoever judges it has seen none. */
static bool note_unjudged(struct job *j, struct err *err)
{
    for (int i = 0; i < j->s.rows.n; i++)
        j->n_judged += j->judged[i];
    if (!j->n_judged)
        return err_set(err, ERR_INPUT, "%s: no label has two pictures, so none can be judged by "
                       "what is learnt from the others", j->s.data);
    if (j->n_judged < j->known)
        cli_say("%s: %d picture%s not judged: no other to learn from has the same label",
                j->s.data, j->known - j->n_judged,
                j->known - j->n_judged == 1 ? " is" : "s are");
    return true;
}

static void tell_how(struct job *j)
{
    str_printf(&j->how, "%d of %d pictures are likely labelled wrongly (%.1f%%)", j->n, j->n_judged,
               100.0 * j->n / j->n_judged);
    str_printf(&j->how, ", by a linear classifier on what %s sees (%d numbers) that is right about "
                        "%.1f%% of those that it has not learnt from", j->s.path, j->s.rows.width,
               j->probe.tried[j->probe.best].right);
}

/* Those that are sure enough. */
static void cut(struct job *j)
{
    int n = 0;

    for (int i = 0; i < j->n; i++)
        if ((double)(j->suspect[i].p_likely - j->suspect[i].p_given) >= j->o->sure)
            j->suspect[n++] = j->suspect[i];
    j->n = n;
}

static bool look(struct job *j, struct err *err)
{
    struct pool *pool = pool_new(j->s.threads, err);
    struct infer_probe_options how = { .seed = (uint64_t)j->o->seed, .pool = pool };
    struct infer_probe_data d = { .task = j->s.x->task, .n = j->s.rows.n,
                                  .width = j->s.rows.width, .n_labels = j->s.x->n_labels,
                                  .row = j->s.rows.row };
    bool ok = pool && make_targets(j, err);

    d.target = j->target;
    ok = ok && infer_probe_fit(&d, &how, &j->probe, err);
    pool_free(pool);
    if (ok && !j->probe.held_out)
        ok = err_set(err, ERR_INPUT, "too few pictures or labels to tell wrong ones from right "
                                     "ones");
    if (!ok)
        return err_in(err, "%s", j->s.data);
    j->n = infer_suspects(&d, j->probe.held_out, j->probe.fold, j->judged, &j->suspect, err);
    if (j->n < 0 || !note_unjudged(j, err))
        return false;
    cut(j);
    j->n_pairs = infer_suspect_pairs(j->n, j->suspect, &j->pair, err);
    tell_how(j);
    return j->n_pairs >= 0;
}

/* ---- what is written ------------------------------------------------------------------------- */

static void put_words(const struct job *j, int given, int likely, struct str *g, struct str *l)
{
    const char *const *label = (const char *const *)j->s.x->label;

    str_clear(g);
    str_clear(l);
    infer_suspect_given(g, label, given, likely);
    infer_suspect_likely(l, label, given, likely);
}

static const char *name_of(const struct job *j, int i)
{
    return j->s.x->sample[j->s.sample[j->suspect[i].row]].name;
}

static bool write_csv(const struct job *j, struct err *err)
{
    struct str out = { 0 }, given = { 0 }, likely = { 0 };
    bool ok;

    str_add(&out, "name,given,likely,p_given,p_likely\n");
    for (int i = 0; i < j->n; i++) {
        const struct infer_suspect *s = &j->suspect[i];

        put_words(j, s->given, s->likely, &given, &likely);
        data_csv_put(&out, name_of(j, i));
        str_addc(&out, ',');
        data_csv_put(&out, str_text(&given));
        str_addc(&out, ',');
        data_csv_put(&out, str_text(&likely));
        str_printf(&out, ",%.6g,%.6g\n", (double)s->p_given, (double)s->p_likely);
    }
    ok = out.failed || given.failed || likely.failed
             ? err_set(err, ERR_MEMORY, "%s: cannot hold %d names", j->o->csv, j->n)
             : file_replace(j->o->csv, out.data, out.len, err);
    str_release(&out);
    str_release(&given);
    str_release(&likely);
    return ok;
}

static bool write_page(const struct job *j, struct err *err)
{
    const struct infer_suspect_report r = {
        .data = j->s.data, .how = str_text(&j->how), .x = j->s.x, .sample = j->s.sample,
        .suspect = j->suspect, .n = j->n, .pair = j->pair, .n_pairs = j->n_pairs };

    return infer_suspect_page(&r, &j->s.how, j->s.threads, j->o->html, err);
}

/* The likely label in the place of the given one; marks in mem. */
static bool relabel(struct data_sample *s, const struct infer_suspect *of, int n_labels,
                    struct arena *mem)
{
    int8_t *mark;

    if (!s->mark) {
        s->label = of->likely;
        return true;
    }
    mark = arena_copy(mem, s->mark, (size_t)n_labels);
    if (!mark)
        return false;
    mark[of->given < 0 ? of->likely : of->given] = of->given < 0;
    s->mark = mark;
    return true;
}

static bool has(const struct data_sample *s, int label)
{
    return s->mark ? s->mark[label] == 1 : s->label == label;
}

/* Labels that no picture of the set to be written has any more; ERR_INPUT: it has no picture. */
static bool note_emptied(const struct job *j, const struct data_index *y, const bool *keep,
                         struct err *err)
{
    bool any = false;

    for (int i = 0; i < y->n; i++)
        any |= keep[i];
    if (!any)
        return err_set(err, ERR_INPUT, "%s: every picture is likely labelled wrongly: nothing "
                       "would be left; a higher --sure takes fewer", j->o->out);
    for (int l = 0; l < y->n_labels; l++) {
        bool was = false, is = false;

        for (int i = 0; i < y->n; i++) {
            was |= has(&j->s.x->sample[i], l);
            is |= keep[i] && has(&y->sample[i], l);
        }
        if (was && !is)
            cli_say("%s: no picture with the label %s is left in it", j->o->out, y->label[l]);
    }
    return true;
}

/* Pictures of which no label is suspect, or all of them with likely ones. */
static bool write_set(const struct job *j, struct err *err)
{
    struct data_index y = *j->s.x;
    bool *keep = malloc(((size_t)y.n + 1) * sizeof *keep), ok;
    struct arena *mem = arena_new();

    y.sample = malloc(((size_t)y.n + 1) * sizeof *y.sample);
    ok = keep && mem && y.sample;
    for (int i = 0; ok && i < y.n; i++) {
        y.sample[i] = j->s.x->sample[i];
        keep[i] = true;
    }
    for (int i = 0; ok && i < j->n; i++) {
        int sample = j->s.sample[j->suspect[i].row];

        if (j->o->relabel)
            ok = relabel(&y.sample[sample], &j->suspect[i], y.n_labels, mem);
        else
            keep[sample] = false;
    }
    ok = ok ? note_emptied(j, &y, keep, err) && data_kept_write(&y, keep, j->o->out, err)
            : err_set(err, ERR_MEMORY, "%s: cannot hold %d pictures", j->o->out, y.n);
    free(keep);
    free(y.sample);
    arena_free(mem);
    return ok;
}

static bool write_files(const struct job *j, struct err *err)
{
    const struct options *o = j->o;
    const char *const file[] = { o->csv, o->html, o->out };

    if ((o->csv && !write_csv(j, err)) || (o->html && !write_page(j, err)) ||
        (o->out && !write_set(j, err)))
        return false;
    for (int i = 0; i < 3; i++)
        if (file[i])
            cli_say("wrote %s", file[i]);
    return true;
}

/* ---- the report ------------------------------------------------------------------------------ */

static void put_text(const struct job *j, struct str *out)
{
    struct str given = { 0 }, likely = { 0 };
    int told = j->o->all || j->n <= TOLD + 1 ? j->n : TOLD;
    int pairs = j->o->all || j->n_pairs <= TOLD_PAIRS + 1 ? j->n_pairs : TOLD_PAIRS;

    cli_clean(out, j->s.data);
    str_add(out, ": ");
    cli_clean(out, str_text(&j->how));
    str_add(out, j->n ? "\n\npictures  given            likely\n" : "\n");
    for (int i = 0; i < pairs; i++) {
        put_words(j, j->pair[i].given, j->pair[i].likely, &given, &likely);
        str_printf(out, "%8d  ", j->pair[i].n);
        cli_column(out, str_text(&given), 16, false);
        str_addc(out, ' ');
        cli_clean(out, str_text(&likely));
        str_addc(out, '\n');
    }
    if (pairs < j->n_pairs)
        str_printf(out, "... and %d more (--all)\n", j->n_pairs - pairs);
    str_add(out, j->n ? "\ngiven                  likely\n" : "");
    for (int i = 0; i < told; i++) {
        const struct infer_suspect *s = &j->suspect[i];

        put_words(j, s->given, s->likely, &given, &likely);
        str_printf(out, "%5.1f%% ", 100 * (double)s->p_given);
        cli_column(out, str_text(&given), 15, false);
        str_printf(out, "%6.1f%% ", 100 * (double)s->p_likely);
        cli_column(out, str_text(&likely), 15, false);
        str_addc(out, ' ');
        cli_clean(out, name_of(j, i));
        str_addc(out, '\n');
    }
    if (told < j->n)
        str_printf(out, "... and %d more (--all, --csv, --html)\n", j->n - told);
    out->failed |= given.failed || likely.failed;
    str_release(&given);
    str_release(&likely);
}

static void put_json(const struct job *j, struct str *out)
{
    struct str given = { 0 }, likely = { 0 };

    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.data.errors/1");
    json_text(out, "data", j->s.data);
    json_text(out, "model", j->s.path);
    json_number(out, "pictures", j->n_judged);
    json_number(out, "not_judged", j->known - j->n_judged);
    json_number(out, "failed", j->s.failed);
    json_number(out, "right", j->probe.tried[j->probe.best].right);
    json_begin(out, "errors", '[');
    for (int i = 0; i < j->n; i++) {
        const struct infer_suspect *s = &j->suspect[i];

        put_words(j, s->given, s->likely, &given, &likely);
        json_begin(out, NULL, '{');
        json_text(out, "name", name_of(j, i));
        json_text(out, "given", str_text(&given));
        json_text(out, "likely", str_text(&likely));
        json_float(out, "p_given", s->p_given);
        json_float(out, "p_likely", s->p_likely);
        json_end(out, '}');
    }
    json_end(out, ']');
    json_text(out, "csv", j->o->csv);
    json_text(out, "html", j->o->html);
    json_text(out, "out", j->o->out);
    json_end(out, '}');
    out->failed |= given.failed || likely.failed;
    str_release(&given);
    str_release(&likely);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool go(struct job *j, const char *data, struct err *err)
{
    const struct options *o = j->o;
    const struct infer_set_options how = {
        .model = o->model, .source = &o->source, .precision = o->precision, .batch = o->batch,
        .threads = o->threads, .sandbox = o->sandbox };
    const char *const file[] = { o->csv, o->html, o->out };
    struct str out = { 0 };
    bool ok;

    if (o->relabel && !(o->out && data_kept_is_table(o->out)))
        return err_set(err, ERR_USAGE, "--relabel is for -o FILE.csv: a list of paths has no "
                                       "labels");
    if (!infer_set_open(&j->s, data, &how, err) ||
        !infer_set_may_write(&j->s, file, 3, o->force, err) || !note_learnt(j, err) ||
        !infer_set_look(&j->s, false, err) || !look(j, err) || !write_files(j, err))
        return false;
    if (o->json)
        put_json(j, &out);
    else
        put_text(j, &out);
    ok = cli_print(&out, err);
    str_release(&out);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct job j = { .o = &o };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);
    bool ok, told;

    if (parsed == CLI_DONE)
        return 0;
    ok = parsed == CLI_RUN && go(&j, args.arg[0], &err);
    told = ok && o.strict && j.n;
    infer_probe_release(&j.probe);
    free(j.target);
    free(j.judged);
    free(j.suspect);
    free(j.pair);
    str_release(&j.how);
    infer_set_release(&j.s);
    if (!ok)
        return cli_fail(&err, o.json);
    if (told)
        cli_say("%s: there are labels that are likely wrong", args.arg[0]);
    return told;
}

const struct cli_command infer_cmd_errors = {
    .name = "data errors",
    .summary = "find labels that are likely wrong, by what a model sees",
    .synopsis = "DATA",
    .about = "Shows every picture to a model, fits a linear classifier to what goes into its last "
             "layer and the labels as they are, and judges each picture by a fit that has not seen "
             "it: confident learning.  Tells labels that are likely wrong, the surest first, and "
             "what is taken for what.  The model need not know these labels, and is best one that "
             "has not learnt from these pictures.  The set is never written to; -o writes it "
             "down without them, or with the likely labels, for discern train.",
    .examples = "discern data errors photos/ --model imagenet.safetensors --html errors.html\n"
                "discern data errors photos/ --model m.safetensors --sure 0.5 -o kept.csv\n"
                "discern data errors labels.csv --model m.safetensors -o better.csv --relabel\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
