/*
 * cmd_split -- discern data split: who trains, who checks, who tests; written down so that it stays
 */
#include "data/cmd.h"
#include "data/sandbox.h"
#include "data/split.h"
#include "nn/base/file.h"
#include "nn/base/json.h"
#include "nn/base/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOLD_CLUSTERS = 10, TOLD_NAMES = 4, LABEL_WIDTH = 24 };

struct options {
    struct data_source_options source;
    double val, test;
    const char *out;
    bool still, no_near, redraw, sandbox, json;
    int threads;
};

static const struct field options[] = {
    FIELD_FLOAT(struct options, val, NULL, 0.2, 0, 0.9, "share to check with while training"),
    FIELD_FLOAT(struct options, test, NULL, 0.1, 0, 0.9, "share to test with at the end"),
    { .name = "out", .kind = FIELD_KIND_STRING, .count = 1, .offset = offsetof(struct options, out),
      .hint = "FILE", .letter = 'o',
      .doc = "table name,split to write; what it says already stays" },
    FIELD_BOOL(struct options, redraw,
               "draw everything anew, whatever the data and the file say"),
    FIELD_BOOL(struct options, still,
               "by the pictures' own lots alone, so that the split stands still without a file; "
               "shares are then as chance has them"),
    FIELD_BOOL(struct options, no_near, "do not look for pictures that look the same"),
    FIELD_INT(struct options, threads, NULL, 0, 0, 1024, "0 = one a processor; changes no result"),
    DATA_SANDBOX_FIELD(struct options),
    FIELD_BOOL(struct options, json, "one JSON object instead of a table"),
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

struct report {
    const char *data;
    const struct options *o;
    const struct data_index *x;
    struct data_split_result r;
    int *cluster;               /* [x->n] */
    unsigned char *parts;       /* [x->n] of a cluster, by its first: a bit for each it is in */
    int *count[DATA_TEST + 1];  /* [n_labels + 1] of each part; the last is of all pictures */
    int kept, gone;             /* as the file had it; no longer there */
};

/* ---- what there is --------------------------------------------------------------------------- */

static bool count_parts(struct report *r, struct arena *mem, struct err *err)
{
    const struct data_index *x = r->x;

    r->parts = arena_array(mem, (size_t)x->n + 1, sizeof *r->parts);
    for (int p = 0; r->parts && p <= DATA_TEST; p++) {
        r->count[p] = arena_array(mem, (size_t)x->n_labels + 1, sizeof *r->count[p]);
        if (!r->count[p])
            return err_set(err, ERR_MEMORY, "%s: cannot count %d labels", r->data, x->n_labels);
    }
    if (!r->parts)
        return err_set(err, ERR_MEMORY, "%s: cannot count %d pictures", r->data, x->n);
    for (int i = 0; i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];
        int *count = r->count[s->split];

        count[x->n_labels]++;
        if (!s->mark && s->label >= 0)
            count[s->label]++;
        for (int l = 0; s->mark && l < x->n_labels; l++)
            count[l] += s->mark[l] == 1;
        if (s->hash)
            r->parts[r->cluster[i]] |= (unsigned char)(1 << s->split);
    }
    return true;
}

/* Whether the cluster that begins with sample c is in more than one part. */
static bool is_torn(const struct report *r, int c)
{
    return r->parts[c] & (r->parts[c] - 1);
}

/* ---- the report ------------------------------------------------------------------------------ */

static void put_row(const struct report *r, const char *label, int i, int width, struct str *out)
{
    int all = 0;

    for (int p = DATA_TRAIN; p <= DATA_TEST; p++)
        all += r->count[p][i];
    cli_column(out, label, width, false);
    str_printf(out, " %8d", all);
    for (int p = DATA_TRAIN; p <= DATA_TEST; p++)
        str_printf(out, " %8d %5.1f%%", r->count[p][i],
                   all ? 100.0 * r->count[p][i] / all : 0.0);
    str_addc(out, '\n');
}

static void put_torn(const struct report *r, struct str *out)
{
    int told = 0;

    for (int c = 0; c < r->x->n && told < TOLD_CLUSTERS; c++) {
        int names = 0;

        if (!is_torn(r, c))
            continue;
        told++;
        for (int i = c; i < r->x->n && names <= TOLD_NAMES; i++) {
            const struct data_sample *s = &r->x->sample[i];

            if (r->cluster[i] != c)
                continue;
            if (names++ == TOLD_NAMES) {
                str_add(out, ", ...");
                break;
            }
            str_printf(out, "%s%s ", names > 1 ? ", " : "  ", data_split_names[s->split]);
            cli_clean(out, s->name);
        }
        str_addc(out, '\n');
    }
    if (r->r.straddling > told)
        str_printf(out, "  and %d more (--json names all)\n", r->r.straddling - told);
}

/* What is drawn, and what stays; where that has other shares than those asked for, that too. */
static void put_drawn(const struct report *r, struct str *out)
{
    const struct data_split_result *s = &r->r;
    const double asked[] = { [DATA_VAL] = r->o->val, [DATA_TEST] = r->o->test };
    int n = 0;

    if (s->drawn && s->worst < 0.05)
        str_printf(out, "drawn              %d picture%s; every label has its share\n", s->drawn,
                   str_plural(s->drawn));
    else if (s->drawn)
        str_printf(out, "drawn              %d picture%s; a label's part is %.1f pictures from its "
                   "share at most\n", s->drawn, str_plural(s->drawn), s->worst);
    if (r->kept || r->gone)
        str_printf(out, "kept               %d picture%s they were%s\n", r->kept,
                   r->kept == 1 ? " where" : "s where", s->drawn ? "" : "; nothing is new");
    for (int p = DATA_VAL; r->kept && p <= DATA_TEST; p++) {
        int count = r->count[p][r->x->n_labels];
        double off = fabs(count - asked[p] * r->x->n);

        /* Whole pictures of each label make a little of it. */
        if (off <= 1 || off <= 0.01 * r->x->n ||
            (off <= 0.03 * r->x->n && off <= r->x->n_labels))
            continue;
        str_printf(out, "%s%s is %.1f %%, not %.1f %%", n++ ? ", " : "shares             ",
                   data_split_names[p], 100.0 * count / r->x->n, 100 * asked[p]);
    }
    if (n)
        str_add(out, ": what the data or the file say stays\n"
                     "                   (--redraw draws everything anew, with the shares asked "
                     "for)\n");
    if (r->gone)
        str_printf(out, "gone               %d name%s of the file %s no longer there\n", r->gone,
                   str_plural(r->gone), r->gone == 1 ? "is" : "are");
}

/* Training and figures leave these out, wherever they are. */
static void put_unreadable(const struct data_split_result *s, struct str *out)
{
    int n = 0;

    str_printf(out, "unreadable         %d picture%s, placed as the others: ", s->unreadable,
               str_plural(s->unreadable));
    for (int p = DATA_TRAIN; p <= DATA_TEST; p++)
        if (s->unreadable_in[p])
            str_printf(out, "%s%s %d", n++ ? ", " : "", data_split_names[p], s->unreadable_in[p]);
    str_add(out, " (discern data check names them)\n");
}

static void put_text(const struct report *r, struct str *out)
{
    const struct data_split_result *s = &r->r;
    int width = 8;

    for (int l = 0; l < r->x->n_labels; l++) {
        int w = cli_width(r->x->label[l]);

        width = w > width ? w < LABEL_WIDTH ? w : LABEL_WIDTH : width;
    }
    cli_column(out, "label", width, false);
    str_add(out, "      all          train            val           test\n");
    for (int l = 0; l < r->x->n_labels; l++)
        put_row(r, r->x->label[l], l, width, out);
    put_row(r, "pictures", r->x->n_labels, width, out);
    str_addc(out, '\n');
    put_drawn(r, out);
    if (s->clusters)
        str_printf(out, "belong together    %d pictures in %d cluster%s (copies%s, groups)\n",
                   s->clustered, s->clusters, str_plural(s->clusters),
                   r->o->no_near ? "" : ", looking the same");
    if (s->unreadable)
        put_unreadable(s, out);
    if (s->straddling) {
        str_printf(out, "torn apart         %d cluster%s by what was placed already (--redraw "
                   "draws anew):\n", s->straddling, str_plural(s->straddling));
        put_torn(r, out);
    }
    if (r->o->out) {
        str_add(out, "written            ");
        cli_clean(out, r->o->out);
        str_addc(out, '\n');
    } else {
        str_add(out, "written            nothing: -o FILE writes it down\n");
    }
}

static void put_parts(const struct report *r, int i, struct str *out)
{
    for (int p = DATA_TRAIN; p <= DATA_TEST; p++)
        json_number(out, data_split_names[p], r->count[p][i]);
}

static void put_json(const struct report *r, struct str *out)
{
    const struct data_split_result *s = &r->r;

    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.data.split/1");
    json_text(out, "data", r->data);
    json_text(out, "out", r->o->out);
    json_number(out, "pictures", r->x->n);
    put_parts(r, r->x->n_labels, out);
    json_number(out, "drawn", s->drawn);
    json_number(out, "kept", r->kept);
    json_number(out, "gone", r->gone);
    json_number(out, "unreadable", s->unreadable);
    json_begin(out, "unreadable_in", '{');
    for (int p = DATA_TRAIN; p <= DATA_TEST; p++)
        json_number(out, data_split_names[p], s->unreadable_in[p]);
    json_end(out, '}');
    json_number(out, "worst", s->worst);
    json_number(out, "clusters", s->clusters);
    json_number(out, "clustered", s->clustered);
    json_number(out, "straddling", s->straddling);
    json_begin(out, "labels", '[');
    for (int l = 0; l < r->x->n_labels; l++) {
        json_begin(out, NULL, '{');
        json_text(out, "label", r->x->label[l]);
        put_parts(r, l, out);
        json_end(out, '}');
    }
    json_end(out, ']');
    json_begin(out, "torn", '[');
    for (int c = 0; c < r->x->n; c++) {
        if (!is_torn(r, c))
            continue;
        json_begin(out, NULL, '[');
        for (int i = c; i < r->x->n; i++) {
            if (r->cluster[i] != c)
                continue;
            json_begin(out, NULL, '{');
            json_text(out, "name", r->x->sample[i].name);
            json_text(out, "split", data_split_names[r->x->sample[i].split]);
            json_end(out, '}');
        }
        json_end(out, ']');
    }
    json_end(out, ']');
    json_end(out, '}');
}

/* ---- the command ----------------------------------------------------------------------------- */

/* What the file to be written says already.  Also with --redraw, so that nothing is overwritten but
 * a split of these data. */
static bool read_old(struct report *r, struct data_index *x, struct err *err)
{
    const struct options *o = r->o;

    if (!o->out || file_kind(o->out) == FILE_NONE)
        return true;
    if (!cli_may_write(o->out, r->data, true, err))
        return false;
    if (!data_split_read(x, o->out, &r->gone, err))
        return err_set(err, err->kind, "%.440s; choose another --out, or remove it", err->msg);
    return true;
}

static bool split(struct report *r, struct data_index *x, struct arena *mem, struct err *err)
{
    const struct options *o = r->o;
    int threads = o->threads ? o->threads : pool_cpus();
    struct data_decode how;
    struct progress progress;
    struct data_split_options opt = {
        .val = o->val,
        .test = o->test,
        .shares = o->still ? DATA_SPLIT_STILL : DATA_SPLIT_EXACT,
        .no_near = o->no_near,
        .grow = o->source.split_file || (o->out && file_kind(o->out) != FILE_NONE),
        .redraw = o->redraw,
        .threads = threads,
        .decode = &how,
        .progress = &progress,
    };
    bool ok;

    r->x = x;
    r->cluster = opt.cluster = arena_array(mem, (size_t)x->n + 1, sizeof *r->cluster);
    if (!r->cluster)
        return err_set(err, ERR_MEMORY, "%s: cannot split %d pictures", r->data, x->n);
    if (!read_old(r, x, err) || !data_sandbox_choose(o->sandbox, threads, &how, err))
        return false;
    cli_progress(&progress, "looked at", "pictures", x->n);
    ok = data_split(x, &opt, &r->r, err);
    progress_end(&progress);
    data_sandbox_free(how.sandbox);
    if (!ok || !count_parts(r, mem, err))
        return false;
    r->gone = o->redraw ? 0 : r->gone;
    r->kept = x->n - r->r.drawn;
    return !o->out || data_split_write(x, o->out, err);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct str out = { 0 };
    struct data_index *x;
    struct arena *mem = NULL;
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);
    struct report r = { .o = &o };
    bool ok;

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_RUN && !(o.val + o.test < 1))
        parsed = err_set(&err, ERR_USAGE, "val %g and test %g: something must be left to train on",
                         o.val, o.test) ? CLI_RUN : CLI_FAILED;
    if (parsed == CLI_FAILED)
        return cli_fail(&err, o.json);
    r.data = args.arg[0];
    x = data_index_open(r.data, &o.source, &err);
    mem = x ? arena_new() : NULL;
    ok = x && (mem || err_set(&err, ERR_MEMORY, "%s: memory is out", r.data)) &&
         split(&r, x, mem, &err);
    if (ok && o.json)
        put_json(&r, &out);
    else if (ok)
        put_text(&r, &out);
    ok = ok && cli_print(&out, &err);
    str_release(&out);
    arena_free(mem);
    data_index_free(x);
    return ok ? 0 : cli_fail(&err, o.json);
}

const struct cli_command data_cmd_split = {
    .name = "data split",
    .summary = "hold pictures out to check and to test with, and write that down",
    .synopsis = "DATA",
    .about = "Says which pictures are to train, to check while training (val) and to test with, "
             "and writes it as a table of names: --split-file of the other commands takes it. "
             "Every label has its share in every part to within one picture, as far as pictures "
             "that belong together allow: copies, pictures that look the same, and groups "
             "(--group) stay on one side.\n"
             "What the table says already stays, and so does what the data say (folders named "
             "train, val, test); only new pictures are drawn, where they are missing. So a set "
             "may grow, and no picture that was tested with is ever learnt.",
    .examples = "discern data split photos/ -o split.csv\n"
                "discern data split xrays.csv --group patient --val 0.1 --test 0.2 -o split.csv\n"
                "discern train photos/ --split-file split.csv\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
