/*
 * cmd_eval -- discern eval: how good a model's answers are
 */
#include "data/sandbox.h"
#include "infer/cmd.h"
#include "infer/eval/eval.h"
#include "infer/fit.h"
#include "nn/base/json.h"

#include <stdlib.h>
#include <string.h>

struct options {
    bool json, sandbox, raw, force;
    int split, top, top_k, views, precision, batch, threads;
    double min_accuracy;
    const char *report, *csv;
    struct data_source_options source;
};

static const struct field options[] = {
    FIELD_ENUM(struct options, split, infer_eval_parts, INFER_PART_AUTO,
               "which pictures; auto: test where there is such a part, else val, else all"),
    FIELD_BOOL(struct options, json, "one JSON object instead of a report"),
    FIELD_STRING(struct options, report, "FILE", NULL,
                 "write the report as a page (HTML) that holds all it shows, too"),
    FIELD_STRING(struct options, csv, "FILE", NULL,
                 "write each picture's answer as a row of a table, too"),
    FIELD_BOOL(struct options, force, "write over files that are there"),
    FIELD_INT(struct options, top, NULL, 10, 0, 1e6,
              "most confused pairs of labels to tell, and worst mistakes"),
    FIELD_INT(struct options, top_k, NULL, 5, 1, 1e6,
              "how many of the likeliest labels the true one may be among"),
    FIELD_FLOAT(struct options, min_accuracy, NULL, 0, 0, 1,
                "exit with status 1 when accuracy (several labels: mAP) of the first model is "
                "lower"),
    INFER_CMD_VIEWS_FIELDS(struct options),
    INFER_CMD_PRECISION_FIELD(struct options),
    INFER_CMD_PACE_FIELDS(struct options),
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

static void on_bad(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct infer_eval *e = ctx;

    e->failed++;
    cli_say("%s - left out", why->msg);
    if (!e->json)
        return;
    json_begin(&e->failures, NULL, '{');
    json_text(&e->failures, "file", sample->name);
    json_begin(&e->failures, "error", '{');
    json_number(&e->failures, "code", cli_status(why));
    json_text(&e->failures, "message", why->msg);
    json_end(&e->failures, '}');
    json_end(&e->failures, '}');
}

static void say_note(struct infer_eval *e)
{
    if (e->note.len)
        cli_say("%s", str_text(&e->note));
    str_clear(&e->note);
}

/* ---- models ---------------------------------------------------------------------------------- */

/* data: the last argument, for advice. */
static bool open_side(struct infer_eval_side *side, char *data, const struct options *o,
                      char **mem, struct err *err)
{
    struct pool *pool = pool_new(o->threads ? o->threads : pool_cpus(), err);
    bool ok = pool;

    side->n = ok ? infer_cmd_models(side->name, side->path, mem, err) : 0;
    for (int i = 0; ok && i < side->n; i++) {
        char *arg[] = { side->path[i], data };

        side->network[i] = infer_cmd_network(arg, 2, o->raw, (enum nn_precision)o->precision,
                                             pool, &side->model[i], err);
        ok = side->network[i];
    }
    pool_free(pool);
    return ok && side->n > 0;
}

static void release_side(struct infer_eval_side *side, char *mem)
{
    for (int i = 0; i < side->n; i++) {
        infer_model_free(side->model[i]);
        infer_network_free(side->network[i]);
    }
    infer_answers_release(&side->answers);
    infer_figures_release(&side->f);
    infer_figures_release(&side->before);
    free(side->threshold);
    free(mem);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Puts probabilities into the order of the first side's labels. */
static void reorder(struct infer_answers *a, const int *to, float *row)
{
    size_t n = (size_t)a->n_labels;

    for (int i = 0; i < a->n; i++) {
        float *p = a->probability + (size_t)i * n;

        memcpy(row, p, n * sizeof *row);
        for (size_t l = 0; l < n; l++)
            p[l] = row[to[l]];
    }
}

/* The probabilities from which labels are told, where a single model was calibrated for that. */
static bool take_thresholds(const struct infer_eval *e, struct infer_eval_side *side,
                            const int *to, struct err *err)
{
    const struct infer_calibration *c = side->model[0]->calibration;

    if (e->task == DATA_SINGLE || !c || !c->threshold)
        return true;
    side->threshold = malloc((size_t)e->n_labels * sizeof *side->threshold);
    if (!side->threshold)
        return err_set(err, ERR_MEMORY, "no memory for thresholds");
    for (int l = 0; l < e->n_labels; l++)
        side->threshold[l] = infer_calibration_threshold(c, e->task, to[l]);
    side->answers.threshold = side->threshold;
    return true;
}

/* What calibration has changed, and whether its promises are kept.  Rows are in the order of the
 * model's own labels yet, to[] as of infer_committee_match. */
static bool look_at_calibration(const struct infer_eval *e, struct infer_eval_side *side,
                                const int *to, float *row, struct err *err)
{
    const struct infer_calibration *c = side->model[0]->calibration;
    struct infer_answers raw = side->answers;
    size_t n = (size_t)e->n_labels, cells = (size_t)raw.n * n;
    bool ok;

    side->calibrated = c && raw.logits;
    if (!side->calibrated)
        return true;
    for (int i = 0; i < raw.n; i++) {
        const float *p = raw.probability + (size_t)i * n;
        int top = infer_answers_top(&raw, i);
        struct infer_eval_band *band = &side->band[infer_calibration_band(c, p[top])];

        if (e->task == DATA_SINGLE && raw.truth[i] >= 0) {
            band->n++;
            band->right += to[raw.truth[i]] == top;
        }
        side->unknown += infer_calibration_unknown(c, e->task, e->n_labels, p,
                                                   raw.logits + (size_t)i * n);
    }
    raw.probability = malloc((cells + 1) * sizeof *raw.probability);
    if (!raw.probability)
        return err_set(err, ERR_MEMORY, "cannot hold the answers for %d pictures", raw.n);
    infer_fit_apply(&side->answers, NULL, raw.probability);
    reorder(&raw, to, row);
    ok = infer_figures(&raw, &side->before, err);
    infer_reliability(&raw, side->bin_before);
    free(raw.probability);
    return ok;
}

static bool answer_side(struct infer_eval *e, struct infer_eval_side *side,
                        const struct options *o, struct infer_evaluate_options *how,
                        struct err *err)
{
    struct infer_committee_options as = {
        .batch = o->batch < e->index->n ? o->batch : e->index->n, .threads = how->threads,
        .views = o->views, .network = (const struct infer_network *const *)side->network };
    int *to = malloc((size_t)e->n_labels * sizeof *to);
    float *row = malloc((size_t)e->n_labels * sizeof *row);
    struct infer_committee *c = NULL;
    struct progress progress;
    bool ok = false;

    if (!to || !row) {
        err_set(err, ERR_MEMORY, "no memory for %d labels", e->n_labels);
        goto out;
    }
    if (!infer_committee_match(side->model[0], side->name, e->side[0].model[0], e->side[0].name,
                               "models are compared only", to, err))
        goto out;
    c = infer_committee_new(side->n, side->model, (const char *const *)side->path, &as, err);
    cli_progress(&progress, "looked at", "pictures", e->index->n);
    how->progress = &progress;
    ok = c && infer_committee_answer(c, e->index, how, &side->answers, err);
    progress_end(&progress);
    if (!ok)
        goto out;
    side->answers.top_k = o->top_k;
    ok = look_at_calibration(e, side, to, row, err);
    reorder(&side->answers, to, row);
    ok = ok && take_thresholds(e, side, to, err) && infer_figures(&side->answers, &side->f, err) &&
         infer_intervals(&side->answers, &side->f, INFER_INTERVAL_SEED, side->range, err);
    side->chance = infer_reliability_by_chance(&side->answers, INFER_INTERVAL_SEED);
out:
    infer_committee_free(c);
    free(to);
    free(row);
    return ok;
}

static bool compare(struct infer_eval *e, struct err *err)
{
    const struct infer_eval_side *a = &e->side[0], *b = &e->side[1];

    if (a->answers.n != b->answers.n ||
        memcmp(a->answers.sample, b->answers.sample,
               (size_t)a->answers.n * sizeof *a->answers.sample) != 0)
        return err_set(err, ERR_IO, "%s: some pictures could be read for one model only; try again",
                       e->data);
    return infer_compare(&a->answers, &a->f, &b->answers, &b->f, INFER_INTERVAL_SEED,
                         &e->compared, err);
}

/* What is picked from the first side's answers: at most `top` of each. */
static bool pick(struct infer_eval *e, int top, struct err *err)
{
    const struct infer_eval_side *side = &e->side[0];
    int pairs = top < side->f.n ? top : side->f.n;      /* there are no more */
    int64_t cells = (int64_t)side->answers.n * (e->task == DATA_SINGLE ? 1 : e->n_labels);
    int mistakes = top < cells ? top : (int)cells;

    e->confused = calloc((size_t)pairs + 1, sizeof *e->confused);
    e->mistake = calloc((size_t)mistakes + 1, sizeof *e->mistake);
    if (!e->confused || !e->mistake)
        return err_set(err, ERR_MEMORY, "no memory for the report");
    if (e->task == DATA_SINGLE)
        e->n_confused = infer_confused(&side->f, pairs, e->confused);
    e->n_mistakes = infer_mistakes(&side->answers, mistakes, e->mistake, &e->mistakes);
    return true;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool may_write(const struct infer_eval *e, const struct data_index *x, const char *path,
                      bool force, struct err *err)
{
    if (!path)
        return true;
    for (int s = 0; s < e->sides; s++)
        for (int i = 0; i < e->side[s].n; i++)
            if (!cli_may_write(path, e->side[s].path[i], force, err))
                return false;
    return cli_may_write(path, e->data, force, err) && data_index_spares(x, path, err);
}

static bool print_report(const struct infer_eval *e, struct err *err)
{
    struct str out = { 0 };
    bool ok;

    if (e->json)
        infer_eval_json(e, &out);
    else
        infer_eval_text(e, &out);
    ok = cli_print(&out, err);
    str_release(&out);
    return ok;
}

/* Everything about the pictures that were chosen. */
static bool judge(struct infer_eval *e, struct data_index *part, const struct options *o,
                  struct infer_evaluate_options *how, struct err *err)
{
    if (part->n == 0)
        return err_set(err, ERR_INPUT, "%s: no pictures", e->data);
    e->index = part;
    for (int s = 0; s < e->sides; s++) {
        if (!infer_eval_note_learnt(e, &e->side[s], part, (enum infer_eval_part)o->split,
                                    how->threads, err))
            return false;
        say_note(e);
        if (!answer_side(e, &e->side[s], o, how, err))
            return false;
        how->bad = NULL;        /* the second model's are the first one's */
    }
    return (e->sides == 1 || compare(e, err)) && pick(e, o->top, err) &&
           (!o->csv || infer_eval_csv(e, o->csv, err)) &&
           (!o->report || infer_eval_page(e, how->decode, how->threads, o->report, err)) &&
           print_report(e, err);
}

static bool evaluate(struct infer_eval *e, const struct options *o, struct err *err)
{
    int threads = o->threads ? o->threads : pool_cpus();
    struct data_index *x = infer_cmd_data(e->side[0].model[0], e->side[0].name, e->data,
                                          &o->source, err);
    struct data_index *part = NULL;
    struct data_decode decode = { .sandbox = NULL };
    struct infer_evaluate_options how = { .threads = threads, .decode = &decode, .logits = true,
                                          .bad = on_bad, .bad_ctx = e };
    bool ok = x && may_write(e, x, o->report, o->force, err) &&
              may_write(e, x, o->csv, o->force, err) &&
              data_sandbox_choose(o->sandbox, threads, &decode, err);

    if (ok)
        part = infer_eval_choose(e, x, (enum infer_eval_part)o->split, threads, &decode, err);
    say_note(e);
    ok = part && judge(e, part, o, &how, err);
    data_sandbox_free(decode.sandbox);
    if (part != x)
        data_index_free(part);
    data_index_free(x);
    return ok;
}

static bool open_models(struct infer_eval *e, const struct options *o, const struct cli_args *args,
                        char **mem, struct err *err)
{
    const struct infer_model *m;

    e->sides = args->n - 1;
    e->data = args->arg[args->n - 1];
    if (e->sides > 1 && o->csv)
        return err_set(err, ERR_USAGE, "--csv is about one model's answers; say one MODEL");
    if (o->csv && o->report && !strcmp(o->csv, o->report))
        return err_set(err, ERR_USAGE, "--report and --csv: one file cannot be both");
    for (int s = 0; s < e->sides; s++) {
        e->side[s].name = args->arg[s];
        if (!open_side(&e->side[s], args->arg[args->n - 1], o, &mem[s], err))
            return false;
    }
    m = e->side[0].model[0];
    e->task = m->task;
    e->n_labels = m->n_labels;
    e->label = (const char *const *)m->label;
    return true;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct infer_eval e = { 0 };
    char *mem[2] = { NULL, NULL };
    int status = 0;
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED)
        return cli_fail(&err, o.json);
    e.json = o.json;
    e.grow = o.source.split_file != NULL;
    if (!open_models(&e, &o, &args, mem, &err) || !evaluate(&e, &o, &err)) {
        status = cli_fail(&err, o.json);
    } else if (!(infer_figures_main(&e.side[0].f) >= o.min_accuracy) && o.min_accuracy > 0) {
        cli_say("%s %.4f is below %g", infer_figures_main_name(e.task),
                infer_figures_main(&e.side[0].f), o.min_accuracy);
        status = 1;
    }
    for (int s = 0; s < 2; s++)
        release_side(&e.side[s], mem[s]);
    free(e.confused);
    free(e.mistake);
    str_release(&e.note);
    str_release(&e.failures);
    return status;
}

const struct cli_command infer_cmd_eval = {
    .name = "eval",
    .summary = "measure a model on pictures whose labels are known",
    .synopsis = "MODEL [MODEL2] DATA",
    .about = "DATA is a folder with a folder of pictures for each label, a folder with train, "
             "val and test parts of that form, or a table (CSV) of files and labels.  Prints "
             "how often the answers are right, beside what guessing would get, label by label, "
             "and which labels are taken for which.  Pictures that cannot be read are named, "
             "counted and left out. Of a folder that the model has learnt from, the pictures "
             "that were held out are taken; where they cannot be told (the training had a split "
             "file), it is told how many of the pictures were learnt from, by their bytes.\n"
             "With two models the same pictures are put to both, and it is told whether the "
             "difference means anything.  MODEL may be several files with commas between, which "
             "answer as one.  What each figure means: docs/eval.md.",
    .examples = "discern eval cats.safetensors photos/\n"
                "discern eval cats.safetensors photos/ --report cats.html --csv answers.csv\n"
                "discern eval cats.safetensors photos/ --json --min-accuracy 0.9\n"
                "discern eval old.safetensors new.safetensors photos/\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 2,
    .max_args = 3,
    .run = run,
};
