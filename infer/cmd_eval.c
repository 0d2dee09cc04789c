/*
 * cmd_eval -- discern eval: how good a model's answers are
 */
#include "data/sandbox.h"
#include "data/split.h"
#include "infer/cmd.h"
#include "infer/evaluate.h"
#include "infer/learnt.h"
#include "nn/base/file.h"
#include "nn/base/json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum part { PART_AUTO, PART_TEST, PART_VAL, PART_TRAIN, PART_ALL };

struct options {
    bool json, sandbox;
    int split, top, batch, threads;
    double min_accuracy;
    struct data_source_options source;
};

static const char *const parts[] = { "auto", "test", "val", "train", "all", NULL };

static const struct field options[] = {
    FIELD_ENUM(struct options, split, parts, PART_AUTO,
               "which pictures; auto: test where there is such a part, else val, else all"),
    FIELD_BOOL(struct options, json, "one JSON object instead of a report"),
    FIELD_INT(struct options, top, NULL, 10, 0, 1e6, "most confused pairs of labels to tell"),
    FIELD_FLOAT(struct options, min_accuracy, NULL, 0, 0, 1,
                "exit with status 1 when accuracy (several labels: mAP) is lower"),
    FIELD_INT(struct options, batch, NULL, 32, 1, 4096, "pictures at a time"),
    FIELD_INT(struct options, threads, NULL, 0, 0, 1024, "threads; 0 = all processors"),
    DATA_SANDBOX_FIELD(struct options),
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

struct report {
    const char *model, *data, *part;
    const struct infer_model *m;
    bool grow;                  /* a split file was given: what it does not name was drawn too */
    bool declared;              /* the part is as the data or a split file say */
    int learnt;                 /* pictures of the part that were learnt from; -1: unknown */
    int failed;
    struct str failures;        /* --json: elements of an array */
    bool json;
    struct infer_figures f;
};

static void on_bad(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct report *r = ctx;

    r->failed++;
    cli_say("%s - left out", why->msg);
    if (!r->json)
        return;
    json_begin(&r->failures, NULL, '{');
    json_text(&r->failures, "file", sample->name);
    json_begin(&r->failures, "error", '{');
    json_number(&r->failures, "code", cli_status(why));
    json_text(&r->failures, "message", why->msg);
    json_end(&r->failures, '}');
    json_end(&r->failures, '}');
}

/* ---- which pictures -------------------------------------------------------------------------- */

/* What training held out, as the model tells: a share, and how many pictures that made. */
struct held_out {
    double share;
    bool no_near;               /* copies were not looked for */
    int train, val;
};

static struct held_out held_out_of(const struct infer_model *m)
{
    json_t *all = json_loads(m->provenance, 0, NULL), *data = json_object_get(all, "data");
    struct held_out h = {
        .share = json_number_value(json_object_get(json_object_get(all, "settings"), "val")),
        .train = (int)json_integer_value(json_object_get(data, "train")),
        .val = (int)json_integer_value(json_object_get(data, "val")),
        /* A model from before there was this setting was made without. */
        .no_near = !json_is_false(json_object_get(json_object_get(all, "settings"), "no_near")),
    };

    json_decref(all);
    if (!(h.share > 0 && h.share < 1))
        h.share = 0;
    return h;
}

static int count_part(const struct data_index *x, enum data_split split)
{
    int n = 0;

    for (int i = 0; i < x->n; i++)
        n += x->sample[i].split == split;
    return n;
}

/*
 * Which part to take, for --split and what there is.  Data without a val part are split as
 * training splits them, by content, so that val is what this model has not learnt from.  Where that
 * leaves just the numbers that the model tells, it has learnt from these data, and auto means val:
 * pictures that were learnt prove nothing.
 */
static bool decide(struct data_index *x, struct report *r, enum part *part, int threads,
                   const struct data_decode *decode, struct err *err)
{
    struct held_out h = held_out_of(r->m);
    bool test = count_part(x, DATA_TEST) > 0, val = count_part(x, DATA_VAL) > 0;
    bool more = r->grow && h.share > 0 && count_part(x, DATA_UNSPLIT) > 0;

    if (*part == PART_AUTO && (test || val))
        *part = test ? PART_TEST : PART_VAL;
    r->declared = (*part == PART_TEST && test) || (val && !more);
    if (*part == PART_TEST || *part == PART_ALL || (val && !more))
        return true;
    if (h.share > 0 &&
        !data_split(x,
                    &(struct data_split_options){
                        .val = h.share, .no_near = h.no_near, .threads = threads,
                        .decode = decode, .grow = r->grow },
                    NULL, err))
        return false;
    if (*part != PART_AUTO)
        return true;
    *part = PART_ALL;
    if (count_part(x, DATA_VAL) != h.val || count_part(x, DATA_TRAIN) != h.train || h.val == 0)
        return true;
    *part = PART_VAL;
    cli_say("%s: the model has learnt from %d of these %d pictures; it is measured on the %d "
                  "that were held out (--split all: on every one)", r->data, h.train, x->n, h.val);
    return true;
}

/*
 * Figures on pictures that were learnt from flatter, so that is never silent: looked up in the
 * sample that the model holds, and told with what helps.
 */
static bool note_learnt(struct report *r, struct data_index *part, enum part asked, int threads,
                        struct err *err)
{
    const char *slash = strrchr(r->model, '/');
    struct str file = { 0 };
    bool hashed = false;

    r->learnt = -1;
    for (int i = 0; i < part->n; i++)
        hashed |= part->sample[i].hash != 0;
    if (!infer_learnt_known(r->m))
        return true;
    if (!hashed && !data_index_hash(part, threads, err))
        return false;
    r->learnt = infer_learnt_count(r->m, part);
    if (r->learnt <= 0 || asked == PART_TRAIN || asked == PART_ALL)
        return true;
    str_printf(&file, "%.*ssplit.csv", slash ? (int)(slash - r->model) + 1 : 0, r->model);
    if (r->declared)
        cli_say("%s: the model has learnt from about %d of these %d pictures, so the figures "
                "flatter: it was trained with other parts than these, or copies stand in several "
                "(\"discern data dedup\" names them)", r->data, r->learnt, part->n);
    else
        cli_say("%s: the model has learnt from about %d of these %d pictures, so the figures "
                "flatter: --split-file %s measures on what was held out", r->data, r->learnt,
                part->n, file_kind(str_text(&file)) == FILE_REGULAR ? str_text(&file) :
                "with the split.csv that training wrote");
    str_release(&file);
    return true;
}

/* The part that was asked for: x itself, or a new index.  r->part says which. */
static struct data_index *choose(struct data_index *x, struct report *r, enum part part,
                                 int threads, const struct data_decode *decode, struct err *err)
{
    static const enum data_split split_of[] = { [PART_TEST] = DATA_TEST, [PART_VAL] = DATA_VAL,
                                                [PART_TRAIN] = DATA_TRAIN };

    if (!decide(x, r, &part, threads, decode, err))
        return NULL;
    r->part = parts[part];
    if (part == PART_ALL)
        return x;
    if (count_part(x, split_of[part]) > 0)
        return data_index_part(x, split_of[part], err);
    err_set(err, ERR_INPUT, "%s: has no %s part; --split all takes every picture", r->data,
            r->part);
    return NULL;
}

/* ---- the report ------------------------------------------------------------------------------ */

static int label_width(const struct infer_model *m, int most)
{
    int width = 5;

    for (int l = 0; l < m->n_labels; l++) {
        int w = cli_width(m->label[l]);

        width = w > width ? w : width;
    }
    return width < most ? width : most;
}

static void headline(const struct report *r, struct str *out)
{
    const struct infer_figures *f = &r->f;
    int most = 0;

    if (f->task == DATA_MULTI) {
        str_printf(out, "mAP                %.2f%%   (label frequencies: %.2f%%)\n",
                   100 * f->mean_ap, 100 * f->baseline_ap);
        str_printf(out, "all labels right   %.2f%%\n", 100 * f->subset_accuracy);
        str_printf(out, "wrong labels       %.2f%%\n", 100 * f->hamming);
    } else {
        for (int l = 1; l < f->n_labels; l++)
            most = f->label[l].support > f->label[most].support ? l : most;
        str_printf(out, "accuracy           %.2f%%   (always \"", 100 * f->accuracy);
        cli_clean(out, r->m->label[most]);
        str_printf(out, "\": %.2f%%)\n", 100 * f->majority);
        if (f->n_labels > 5)
            str_printf(out, "among the top 5    %.2f%%\n", 100 * f->top5);
        str_printf(out, "mean recall        %.2f%%\n", 100 * f->balanced_accuracy);
    }
    str_printf(out, "F1                 %.4f macro, %.4f micro\n", f->macro_f1, f->micro_f1);
    str_printf(out, "log loss           %.4f\n", f->log_loss);
    if (f->task == DATA_SINGLE)
        str_printf(out, "calibration error  %.4f\n", f->ece);
}

static void table(const struct report *r, struct str *out)
{
    bool multi = r->f.task == DATA_MULTI;
    int width = label_width(r->m, 30);

    str_addc(out, '\n');
    cli_column(out, "label", width, false);
    str_printf(out, "  precision  recall      F1%s  pictures\n", multi ? "      AP" : "");
    for (int l = 0; l < r->f.n_labels; l++) {
        const struct infer_label_figures *f = &r->f.label[l];

        cli_column(out, r->m->label[l], width, false);
        str_printf(out, "     %6.4f  %6.4f  %6.4f", f->precision, f->recall, f->f1);
        if (multi && isnan(f->ap))
            str_add(out, "       -");
        else if (multi)
            str_printf(out, "  %6.4f", f->ap);
        str_printf(out, "  %8d\n", f->support);
    }
}

static void confusion(const struct report *r, struct str *out)
{
    int n = r->f.n_labels, width = label_width(r->m, 20), cell = label_width(r->m, 7);

    str_add(out, "\ntrue label in rows, answer in columns\n");
    cli_column(out, "", width, false);
    for (int l = 0; l < n; l++) {
        str_addc(out, ' ');
        cli_column(out, r->m->label[l], cell, true);
    }
    str_addc(out, '\n');
    for (int t = 0; t < n; t++) {
        cli_column(out, r->m->label[t], width, false);
        for (int a = 0; a < n; a++)
            str_printf(out, " %*d", cell, r->f.confusion[t * n + a]);
        str_addc(out, '\n');
    }
}

struct pair {
    int truth, answer, n;
};

static int by_falling_n(const void *pa, const void *pb)
{
    const struct pair *a = pa, *b = pb;

    if (a->n != b->n)
        return a->n < b->n ? 1 : -1;
    return a->truth != b->truth ? (a->truth > b->truth) - (a->truth < b->truth)
                                : (a->answer > b->answer) - (a->answer < b->answer);
}

/* Wrong answers that were given, each pair once: as many as there are wrong answers at most. */
static struct pair *confused(const struct infer_figures *f, int *n, struct err *err)
{
    size_t labels = (size_t)f->n_labels;
    struct pair *pair = calloc((size_t)f->n + 1, sizeof *pair);

    *n = 0;
    if (!pair) {
        err_set(err, ERR_MEMORY, "no memory for the report");
        return NULL;
    }
    for (size_t i = 0; i < labels * labels; i++)
        if (f->confusion[i] && i / labels != i % labels)
            pair[(*n)++] = (struct pair){ (int)(i / labels), (int)(i % labels), f->confusion[i] };
    qsort(pair, (size_t)*n, sizeof *pair, by_falling_n);
    return pair;
}

static void write_text(const struct report *r, const struct pair *pair, int n_pairs,
                       struct str *out)
{
    cli_clean(out, r->model);
    str_add(out, " on ");
    cli_clean(out, r->data);
    str_printf(out, ", part %s: %d picture%s", r->part, r->f.n, r->f.n == 1 ? "" : "s");
    if (r->learnt > 0)
        str_printf(out, ", the model has learnt from about %d of them", r->learnt);
    if (r->failed)
        str_printf(out, " (%d could not be read)", r->failed);
    str_add(out, "\n\n");
    headline(r, out);
    table(r, out);
    if (!pair)
        return;
    if (r->f.n_labels <= 20)
        confusion(r, out);
    if (n_pairs)
        str_add(out, "\nmost confused\n");
    for (int i = 0; i < n_pairs; i++) {
        str_printf(out, "%6d  ", pair[i].n);
        cli_clean(out, r->m->label[pair[i].truth]);
        str_add(out, " taken for ");
        cli_clean(out, r->m->label[pair[i].answer]);
        str_addc(out, '\n');
    }
}

static void json_labels(const struct report *r, struct str *out)
{
    json_begin(out, "labels", '[');
    for (int l = 0; l < r->f.n_labels; l++) {
        const struct infer_label_figures *f = &r->f.label[l];

        json_begin(out, NULL, '{');
        json_text(out, "label", r->m->label[l]);
        json_number(out, "support", f->support);
        json_number(out, "predicted", f->predicted);
        json_number(out, "correct", f->correct);
        json_number(out, "precision", f->precision);
        json_number(out, "recall", f->recall);
        json_number(out, "f1", f->f1);
        json_number(out, "ap", f->ap);
        json_end(out, '}');
    }
    json_end(out, ']');
}

static void json_confusion(const struct report *r, const struct pair *pair, int n_pairs,
                           struct str *out)
{
    int n = r->f.n_labels;

    json_begin(out, "confusion", '[');
    for (int t = 0; t < n; t++) {
        json_begin(out, NULL, '[');
        for (int a = 0; a < n; a++)
            json_number(out, NULL, r->f.confusion[(size_t)t * (size_t)n + (size_t)a]);
        json_end(out, ']');
    }
    json_end(out, ']');
    json_begin(out, "confused", '[');
    for (int i = 0; i < n_pairs; i++) {
        json_begin(out, NULL, '{');
        json_text(out, "truth", r->m->label[pair[i].truth]);
        json_text(out, "answer", r->m->label[pair[i].answer]);
        json_number(out, "pictures", pair[i].n);
        json_end(out, '}');
    }
    json_end(out, ']');
}

static void write_json(const struct report *r, const struct pair *pair, int n_pairs,
                       struct str *out)
{
    const struct infer_figures *f = &r->f;

    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.eval/1");
    json_text(out, "model", r->model);
    json_text(out, "data", r->data);
    json_text(out, "split", r->part);
    json_text(out, "task", data_task_names[f->task]);
    json_number(out, "pictures", f->n);
    json_number(out, "failed", r->failed);
    json_number(out, "learnt", r->learnt < 0 ? NAN : r->learnt);
    if (f->task == DATA_SINGLE) {
        json_number(out, "accuracy", f->accuracy);
        json_number(out, "majority", f->majority);
        json_number(out, "top5", f->top5);
        json_number(out, "balanced_accuracy", f->balanced_accuracy);
        json_number(out, "ece", f->ece);
    } else {
        json_number(out, "mean_ap", f->mean_ap);
        json_number(out, "baseline_ap", f->baseline_ap);
        json_number(out, "subset_accuracy", f->subset_accuracy);
        json_number(out, "hamming", f->hamming);
    }
    json_number(out, "macro_f1", f->macro_f1);
    json_number(out, "micro_f1", f->micro_f1);
    json_number(out, "log_loss", f->log_loss);
    json_labels(r, out);
    if (pair)
        json_confusion(r, pair, n_pairs, out);
    json_begin(out, "failures", '[');
    if (r->failures.len)
        json_raw(out, NULL, str_text(&r->failures));
    json_end(out, ']');
    json_end(out, '}');
    out->failed |= r->failures.failed;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool print_report(const struct report *r, int top, struct err *err)
{
    struct str out = { 0 };
    struct pair *pair = NULL;
    int n = 0;
    bool ok;

    if (r->f.task == DATA_SINGLE) {
        pair = confused(&r->f, &n, err);
        if (!pair)
            return false;
        n = n < top ? n : top;
    }
    if (r->json)
        write_json(r, pair, n, &out);
    else
        write_text(r, pair, n, &out);
    ok = cli_print(&out, err);
    str_release(&out);
    free(pair);
    return ok;
}

/* The pictures, with the task and the labels of the model. */
static struct data_index *open_data(const struct report *r, const struct options *o,
                                    struct err *err)
{
    struct data_source_options source = o->source;
    struct data_index *x;
    struct str left_out = { 0 };

    source.task = r->m->task == DATA_SINGLE ? DATA_TASK_SINGLE : DATA_TASK_MULTI;
    source.n_labels = r->m->n_labels;
    source.labels = (const char *const *)r->m->label;
    if (o->source.task != DATA_TASK_AUTO && o->source.task != source.task) {
        err_set(err, ERR_USAGE, "--task %s: %s was trained for the task %s",
                data_task_choice_names[o->source.task], r->model,
                data_task_choice_names[source.task]);
        return NULL;
    }
    x = data_index_open(r->data, &source, err);
    if (!x)
        return NULL;
    data_index_tell_skipped(x, &left_out);
    if (left_out.len)
        cli_say("%s", str_text(&left_out));
    str_release(&left_out);
    return x;
}

static bool evaluate(struct report *r, const struct options *o, struct err *err)
{
    int threads = o->threads ? o->threads : pool_cpus(), batch = o->batch;
    struct data_index *x = open_data(r, o, err);
    struct data_index *part = NULL;
    struct infer_predictor *q = NULL;
    struct data_decode how = { .sandbox = NULL };
    bool ok = false;

    if (!x)
        return false;
    if (!data_sandbox_choose(o->sandbox, threads, &how, err))
        goto out;
    part = choose(x, r, (enum part)o->split, threads, &how, err);
    if (!part)
        goto out;
    if (part->n == 0) {
        err_set(err, ERR_INPUT, "%s: no pictures", r->data);
        goto out;
    }
    if (!note_learnt(r, part, (enum part)o->split, threads, err))
        goto out;
    q = infer_cmd_predictor(r->m, batch < part->n ? batch : part->n, threads, err);
    ok = q && infer_evaluate(q, part, &r->m->prep,
                             &(struct infer_evaluate_options){
                                 .threads = threads, .decode = &how, .bad = on_bad,
                                 .bad_ctx = r },
                             &r->f, err);
out:
    infer_predictor_free(q);
    data_sandbox_free(how.sandbox);
    if (part != x)
        data_index_free(part);
    data_index_free(x);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct report r = { 0 };
    struct infer_model *m;
    int status = 0;
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED)
        return cli_fail(&err, o.json);
    m = infer_cmd_model(args.arg, args.n, &err);
    if (!m)
        return cli_fail(&err, o.json);
    r.m = m;
    r.json = o.json;
    r.grow = o.source.split_file != NULL;
    r.model = args.arg[0];
    r.data = args.arg[1];
    if (!evaluate(&r, &o, &err) || !print_report(&r, o.top, &err)) {
        status = cli_fail(&err, o.json);
    } else if (!(infer_figures_main(&r.f) >= o.min_accuracy) && o.min_accuracy > 0) {
        cli_say("%s %.4f is below %g", infer_figures_main_name(r.f.task),
                      infer_figures_main(&r.f), o.min_accuracy);
        status = 1;
    }
    infer_figures_release(&r.f);
    str_release(&r.failures);
    infer_model_free(m);
    return status;
}

const struct cli_command infer_cmd_eval = {
    .name = "eval",
    .summary = "measure a model on pictures whose labels are known",
    .synopsis = "MODEL DATA",
    .about = "DATA is a folder with a folder of pictures for each label, a folder with train, "
             "val and test parts of that form, or a table (CSV) of files and labels.  Prints "
             "how often the answers are right, beside what guessing would get, label by label, "
             "and which labels are taken for which.  Pictures that cannot be read are named, "
             "counted and left out. Of a folder that the model has learnt from, the pictures "
             "that were held out are taken; where they cannot be told (the training had a split "
             "file), it is told how many of the pictures were learnt from, by their bytes.",
    .examples = "discern eval cats.safetensors photos/\n"
                "discern eval cats.safetensors photos/ --split val\n"
                "discern eval cats.safetensors photos/ --json --min-accuracy 0.9\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
