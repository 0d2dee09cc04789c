/*
 * cmd_merge -- discern merge: the average of models' weights
 *
 * The greedy soup is algorithm 1 of Wortsman et al. 2022, arXiv:2203.05482: from the best model on,
 * in the order of what they get on pictures held out, each is taken into the average unless that
 * gets less with it.  Models are read one at a time, however many there are.
 */
#include "data/build.h"
#include "infer/cmd.h"
#include "infer/eval/eval.h"
#include "infer/eval/measure.h"
#include "infer/merge.h"
#include "nn/base/about.h"
#include "nn/base/json.h"
#include "nn/base/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = INFER_COMMITTEE_MOST };   /* models */

struct options {
    const char *out, *weights, *soup, *data;
    int split, batch, threads;
    bool force, json, sandbox;
    struct data_source_options source;
};

static const struct field options[] = {
    { .name = "out", .kind = FIELD_KIND_STRING, .count = 1, .offset = offsetof(struct options, out),
      .hint = "FILE", .letter = 'o', .doc = "where to" },
    FIELD_STRING(struct options, weights, "W,W...", NULL,
                 "how much each model counts, in their order: 2,1; without it all the same"),
    FIELD_STRING(struct options, soup, "DATA", NULL,
                 "take only models with which the average is no worse on these pictures, which "
                 "have labels; statistics are measured on them, too"),
    FIELD_STRING(struct options, data, "DATA", NULL,
                 "pictures, as the models learnt from, to measure statistics of batch-norms on"),
    FIELD_ENUM(struct options, split, infer_eval_parts, INFER_PART_VAL,
               "which pictures judge a soup; auto: as val"),
    FIELD_BOOL(struct options, force,
               "overwrite FILE; judge by pictures that the models have learnt from"),
    FIELD_BOOL(struct options, json, "one JSON object instead of a report"),
    INFER_CMD_PACE_FIELDS(struct options),
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

struct job {
    const struct options *o;
    int n;                      /* models */
    char **path;
    struct part {
        double weight;          /* in the average; 0: left out */
        double alone, with;     /* soup: what it gets; what the average with it gets, NaN where
                                   that was not tried */
    } part[MOST];
    struct infer_model *head[MOST];     /* without values */
    struct infer_mix mix;
    struct infer_model *m;      /* what is made */
    double figure;              /* soup: what it gets */
    const char *data;           /* DATA, or NULL */
    struct data_index *x, *judges, *learnt;     /* all; what judges a soup; what is measured on */
    struct infer_eval r;        /* which part that is */
    struct data_decode how;
    int threads;
    int measured;               /* pictures; 0: statistics are averaged */
};

/* ---- options and models ---------------------------------------------------------------------- */

static bool read_weights(struct job *j, const char *text, struct err *err)
{
    char *copy = strdup(text), *next = copy;
    double sum = 0;
    int n = 0;

    if (!copy)
        return err_set(err, ERR_MEMORY, "no memory for weights");
    while (next && !err->kind) {
        char *comma = strchr(next, ',');
        double w;

        if (comma)
            *comma++ = 0;
        if (!str_to_double(next, &w) || w < 0 || w > 1e9)
            err_set(err, ERR_USAGE, "--weights %.200s: \"%.40s\" is no number from 0 on", text,
                    next);
        else if (n < j->n)
            sum += j->part[n].weight = w;
        n++;
        next = comma;
    }
    if (!err->kind && n != j->n)
        err_set(err, ERR_USAGE, "--weights %.200s: %d weight%s for %d models", text, n,
                str_plural(n), j->n);
    else if (!err->kind && !(sum > 0))
        err_set(err, ERR_USAGE, "--weights %.200s: no model counts", text);
    free(copy);
    return !err->kind;
}

static bool read_options(struct job *j, struct err *err)
{
    const struct options *o = j->o;

    if (!o->out)
        return err_set(err, ERR_USAGE, "-o FILE is missing: where to");
    if (j->n > MOST)
        return err_set(err, ERR_USAGE, "%d models: %d at most are merged", j->n, MOST);
    if (o->soup && (o->weights || o->data))
        return err_set(err, ERR_USAGE, o->weights ? "--weights, --soup: one of them at a time"
                                                  : "--soup measures statistics on its own DATA: "
                                                    "leave out --data");
    for (int i = 0; i < j->n; i++)
        j->part[i] = (struct part){ 1, NAN, NAN };
    return !o->weights || read_weights(j, o->weights, err);
}

static bool open_heads(struct job *j, struct err *err)
{
    for (int i = 0; i < j->n; i++) {
        struct infer_file *f = infer_cmd_named(&j->path[i], 1, err)
                                   ? infer_file_open(j->path[i], err) : NULL;

        j->head[i] = f ? infer_file_head(f, err) : NULL;
        infer_file_close(f);
        if (!j->head[i] || !cli_may_write(j->o->out, j->path[i], j->o->force, err) ||
            (i && !infer_merge_match(j->head[i], j->path[i], j->head[0], j->path[0], err)))
            return false;
    }
    return true;
}

/* ---- pictures -------------------------------------------------------------------------------- */

static void on_bad(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct job *j = ctx;

    (void)sample;
    if (!j->r.failed++)         /* they come again with every model */
        cli_say("some pictures cannot be read and are left out: --verbose names them");
    cli_detail("%s - left out", why->msg);
}

static bool judge_by(struct job *j, struct err *err)
{
    struct infer_eval *e = &j->r;
    int split = j->o->split == INFER_PART_AUTO ? INFER_PART_VAL : j->o->split;

    j->judges = infer_eval_choose(e, j->x, (enum infer_eval_part)split, j->threads, &j->how, err);
    if (!j->judges || !infer_eval_note_learnt(e, &e->side[0], j->judges, INFER_PART_VAL, j->threads,
                                              err))
        return false;
    if (e->side[0].learnt * 10 > j->judges->n && !j->o->force)
        return err_set(err, ERR_INPUT, "%s; a soup would be made of what was learnt by heart "
                       "(--force does it)", str_text(&e->note));
    if (e->note.len)
        cli_say("%s", str_text(&e->note));
    return true;
}

/* Pictures to learn from, where there is such a part; else all. */
static bool measure_by(struct job *j, struct err *err)
{
    int n = 0;

    for (int i = 0; i < j->x->n; i++)
        n += j->x->sample[i].split == DATA_TRAIN;
    j->learnt = n ? data_index_part(j->x, DATA_TRAIN, err) : j->x;
    return j->learnt;
}

static bool open_data(struct job *j, struct err *err)
{
    const struct options *o = j->o;

    if (!j->data)
        return true;
    j->r = (struct infer_eval){
        .side = { { .name = j->path[0], .n = j->n, .learnt = -1 } }, .sides = 1, .data = j->data,
        .grow = o->source.split_file != NULL };
    for (int i = 0; i < j->n; i++) {
        j->r.side[0].model[i] = j->head[i];
        j->r.side[0].path[i] = j->path[i];
    }
    j->x = infer_cmd_data(j->head[0], j->path[0], j->data, &o->source, err);
    return j->x && cli_may_write(o->out, j->data, o->force, err) &&
           data_index_spares(j->x, o->out, err) &&
           data_sandbox_choose(o->sandbox, j->threads, &j->how, err) &&
           (!o->soup || judge_by(j, err)) && measure_by(j, err);
}

/* ---- soup ------------------------------------------------------------------------------------ */

/* What a model gets on the pictures that judge. */
static bool judge(struct job *j, const struct infer_model *m, double *figure, struct err *err)
{
    struct progress progress;
    struct infer_evaluate_options how = { .threads = j->threads, .decode = &j->how, .bad = on_bad,
                                          .bad_ctx = j, .progress = &progress };
    int batch = j->o->batch < j->judges->n ? j->o->batch : j->judges->n;
    struct infer_predictor *q = infer_predictor_new(m->graph, m->params, m->task, NULL, batch,
                                                    j->threads, NULL, err);
    struct infer_figures f = { 0 };
    bool ok;

    cli_progress(&progress, "looked at", "pictures", j->judges->n);
    ok = q && infer_evaluate(q, j->judges, &m->prep, &how, &f, err);
    progress_end(&progress);
    *figure = ok ? infer_figures_main(&f) : NAN;
    infer_figures_release(&f);
    infer_predictor_free(q);
    return ok;
}

static bool measure(struct job *j, struct infer_model *m, struct err *err)
{
    struct progress progress;
    struct infer_evaluate_options how = { .threads = j->threads, .decode = &j->how, .bad = on_bad,
                                          .bad_ctx = j, .progress = &progress };
    bool ok;

    if (!j->learnt || !infer_measures(m->graph))
        return true;
    cli_progress(&progress, "measured on", "pictures", 0);
    ok = infer_measure(m->graph, m->params, j->learnt, &m->prep, &how, &j->measured, err);
    progress_end(&progress);
    return ok || err_in(err, "%s", j->data);
}

static bool add(struct job *j, int i, const struct infer_model *m, double weight, struct err *err)
{
    return infer_mix_add(&j->mix, m->params, weight, err) || err_in(err, "%s", j->path[i]);
}

/* Model number i, which joins the average of those before where that is no worse with it. */
static bool try_with(struct job *j, int i, struct err *err)
{
    struct infer_model *alone = infer_model_open(j->path[i], err);
    struct infer_model *with = alone ? infer_model_open(j->path[i], err) : NULL;
    int measured = j->measured;
    bool ok = with;

    if (ok && j->mix.weight > 0) {
        infer_mix_into(&j->mix, 1, with->params);
        ok = measure(j, with, err) && judge(j, with, &j->part[i].with, err);
    } else if (ok) {
        j->part[i].with = j->part[i].alone;
    }
    j->part[i].weight = ok && (!j->m || j->part[i].with >= j->figure);
    if (ok && j->part[i].weight > 0 && add(j, i, alone, 1, err)) {
        infer_model_free(j->m);
        j->m = with;
        j->figure = j->part[i].with;
        with = NULL;
    } else {
        j->measured = measured;
    }
    infer_model_free(alone);
    infer_model_free(with);
    return ok && !err->kind;
}

static bool soup(struct job *j, struct err *err)
{
    bool tried[MOST] = { false };

    for (int i = 0; i < j->n; i++) {
        struct infer_model *m = infer_model_open(j->path[i], err);
        bool ok = m && judge(j, m, &j->part[i].alone, err) &&
                  (j->mix.sum || infer_mix_init(&j->mix, m->params->total, err));

        infer_model_free(m);
        if (!ok)
            return false;
    }
    for (int k = 0; k < j->n; k++) {
        int best = -1;

        for (int i = 0; i < j->n; i++)
            if (!tried[i] && (best < 0 || j->part[i].alone > j->part[best].alone))
                best = i;
        tried[best] = true;
        if (!try_with(j, best, err))
            return false;
    }
    return true;
}

/* ---- the average ----------------------------------------------------------------------------- */

static bool average(struct job *j, struct err *err)
{
    for (int i = 0; i < j->n; i++) {
        struct infer_model *m = infer_model_open(j->path[i], err);
        bool ok = m && (j->mix.sum || infer_mix_init(&j->mix, m->params->total, err)) &&
                  add(j, i, m, j->part[i].weight, err);

        if (ok && !j->m) {
            j->m = m;
            m = NULL;
        }
        infer_model_free(m);
        if (!ok)
            return false;
    }
    infer_mix_into(&j->mix, 0, j->m->params);
    return measure(j, j->m, err);
}

static int count_used(const struct job *j)
{
    int n = 0;

    for (int i = 0; i < j->n; i++)
        n += j->part[i].weight > 0;
    return n;
}

/* ---- what is told ---------------------------------------------------------------------------- */

/* What was learnt from and how, where that is the same of all that were taken: then eval and
 * calibrate know which pictures were held out. */
static const json_t *common(const struct job *j, json_t *const *about, const char *key)
{
    const json_t *first = NULL;

    for (int i = 0; i < j->n; i++) {
        const json_t *of = j->part[i].weight > 0 ? json_object_get(about[i], key) : NULL;

        if (j->part[i].weight > 0 && (!of || (first && !json_equal(first, of))))
            return NULL;
        first = of ? of : first;
    }
    return first;
}

static json_t *parts_of(const struct job *j)
{
    json_t *parts = json_array();

    for (int i = 0; i < j->n; i++) {
        const char *slash = strrchr(j->path[i], '/');
        struct str name = { 0 };
        json_t *part;

        str_utf8(&name, slash ? slash + 1 : j->path[i]);        /* where it lay is nobody's
                                                                   business */
        part = json_pack("{s:s, s:f}", "file", str_text(&name), "weight", j->part[i].weight);
        str_release(&name);
        if (!part || json_array_append_new(parts, part)) {
            json_decref(parts);
            return NULL;
        }
    }
    return parts;
}

/* The text lives as long as the model. */
static bool note_parts(struct job *j, struct err *err)
{
    json_t *about[MOST], *o = json_object(), *settings = json_object();
    const json_t *data, *of;
    char *text = NULL;

    for (int i = 0; i < j->n; i++)
        about[i] = json_loads(j->head[i]->provenance, 0, NULL);
    json_object_set_new(o, "version", json_string(about_version));
    json_object_set_new(o, "git", json_string(about_git));
    json_object_set_new(o, "merged", parts_of(j));
    data = common(j, about, "data");
    if (data)
        json_object_set(o, "data", (json_t *)(uintptr_t)data);
    for (int i = 0; i < j->n; i++) {
        of = about[i];
        about[i] = json_incref(json_object_get(of, "settings"));
        json_decref((json_t *)(uintptr_t)of);
    }
    /* These two say how the pictures held out were drawn. */
    for (const char *const *key = (const char *const[]){ "val", "no_near", NULL }; *key; key++) {
        of = common(j, about, *key);
        if (of && data)
            json_object_set(settings, *key, (json_t *)(uintptr_t)of);
    }
    if (o && settings && json_object_get(o, "merged") &&
        (!json_object_size(settings) || !json_object_set(o, "settings", settings)))
        text = record_dump(o);
    j->m->provenance = text ? arena_str(j->m->mem, text) : NULL;
    for (int i = 0; i < j->n; i++)
        json_decref(about[i]);
    json_decref(settings);
    json_decref(o);
    free(text);
    return j->m->provenance || err_set(err, ERR_MEMORY, "no memory for what was merged");
}

/* One model that was left alone keeps what was fitted to it; an average has none. */
static bool take_calibration(struct job *j, struct err *err)
{
    const struct infer_calibration *c = NULL;

    for (int i = 0; i < j->n; i++)
        if (j->part[i].weight > 0 && count_used(j) == 1 && !j->measured)
            c = j->head[i]->calibration;
    return infer_model_calibrate(j->m, c, err);
}

static void say_notes(const struct job *j)
{
    bool calibrated = false;

    for (int i = 0; i < j->n; i++)
        calibrated |= j->head[i]->calibration && !j->m->calibration;
    if (!j->measured && count_used(j) > 1 && infer_measures(j->m->graph))
        cli_say("statistics of batch-norms are averaged, which need not fit averaged weights: "
                "--data DATA measures them anew");
    if (calibrated)
        cli_say("calibration of the parts does not hold for their average and is left out: "
                "discern calibrate puts in a new one");
}

static void write_text(const struct job *j, struct str *out)
{
    const char *name = infer_figures_main_name(j->m->task);

    str_printf(out, "averaged %d of %d models", count_used(j), j->n);
    if (j->o->soup)
        str_printf(out, ": %s on part %s, %d pictures", name, j->r.part, j->judges->n);
    str_add(out, j->o->soup ? "\n\n   alone  with it\n" : "\n\n  weight\n");
    for (int i = 0; i < j->n; i++) {
        const struct part *p = &j->part[i];

        if (j->o->soup)
            str_printf(out, "%7.2f%%%7.2f%%  %-9s ", 100 * p->alone, 100 * p->with,
                       p->weight > 0 ? "taken" : "left out");
        else
            str_printf(out, "%8.4g  ", p->weight);
        cli_clean(out, j->path[i]);
        str_addc(out, '\n');
    }
    if (j->o->soup)
        str_printf(out, "\n%s          %.2f%%\n", name, 100 * j->figure);
    if (infer_measures(j->m->graph) && j->measured)
        str_printf(out, "%sstatistics        measured on %d pictures\n", j->o->soup ? "" : "\n",
                   j->measured);
}

static void write_json(const struct job *j, struct str *out)
{
    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.merge/1");
    json_text(out, "wrote", j->o->out);
    json_begin(out, "models", '[');
    for (int i = 0; i < j->n; i++) {
        json_begin(out, NULL, '{');
        json_text(out, "file", j->path[i]);
        json_number(out, "weight", j->part[i].weight);
        json_number(out, "alone", j->part[i].alone);
        json_number(out, "with", j->part[i].with);
        json_end(out, '}');
    }
    json_end(out, ']');
    json_text(out, "figure", j->o->soup ? infer_figures_main_name(j->m->task) : NULL);
    json_number(out, "value", j->o->soup ? j->figure : NAN);
    json_text(out, "data", j->data);
    json_number(out, "pictures", j->judges ? j->judges->n : NAN);
    json_text(out, "statistics", !infer_measures(j->m->graph) ? "none"
                                 : j->measured ? "measured"
                                 : count_used(j) > 1 ? "averaged" : "kept");
    json_number(out, "measured", j->measured);
    json_end(out, '}');
    str_addc(out, '\n');
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool merge(struct job *j, struct err *err)
{
    struct str out = { 0 };
    bool ok;

    j->data = j->o->soup ? j->o->soup : j->o->data;
    j->threads = j->o->threads ? j->o->threads : pool_cpus();
    if (!read_options(j, err) || !open_heads(j, err) || !open_data(j, err) ||
        !(j->o->soup ? soup(j, err) : average(j, err)) || !note_parts(j, err))
        return false;
    if (!take_calibration(j, err) || !infer_model_write(j->m, j->o->out, NULL, err))
        return false;
    say_notes(j);
    if (j->o->json)
        write_json(j, &out);
    else
        write_text(j, &out);
    ok = cli_print(&out, err);
    if (ok)
        cli_say("wrote %s", j->o->out);
    str_release(&out);
    return ok;
}

static void release(struct job *j)
{
    for (int i = 0; i < j->n && i < MOST; i++)
        infer_model_free(j->head[i]);
    infer_mix_release(&j->mix);
    infer_model_free(j->m);
    if (j->judges != j->x)
        data_index_free(j->judges);
    if (j->learnt != j->x)
        data_index_free(j->learnt);
    data_index_free(j->x);
    str_release(&j->r.note);
    data_sandbox_free(j->how.sandbox);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct job j = { .o = &o };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_RUN) {
        j.n = args.n;
        j.path = args.arg;
        merge(&j, &err);
        release(&j);
    }
    return err.kind ? cli_fail(&err, o.json) : 0;
}

const struct cli_command infer_cmd_merge = {
    .name = "merge",
    .summary = "average the weights of models",
    .synopsis = "MODEL MODEL...",
    .about = "Makes one model of several, as fast as one: each weight is the mean of theirs.  They "
             "are of one network, know the same labels, see the same pictures, and were trained "
             "from the same first weights, or from one another; of others the mean is noise.\n"
             "With --soup models are taken one after the other, the best first, as long as the "
             "average does not get worse on pictures held out.  Statistics of batch-norms do not "
             "fit averaged weights: with --soup or --data they are measured anew.",
    .examples = "discern merge a.safetensors b.safetensors -o both.safetensors --data photos/\n"
                "discern merge runs/*/best.safetensors -o soup.safetensors --soup photos/\n"
                "discern merge old.safetensors new.safetensors --weights 1,3 -o mix.safetensors\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 2,
    .max_args = -1,
    .run = run,
};
