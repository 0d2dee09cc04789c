/*
 * cmd_eval -- discern eval: how good a model's answers are
 */
#include "data/sandbox.h"
#include "infer/cmd.h"
#include "infer/eval.h"
#include "infer/evaluate.h"
#include "nn/base/json.h"

#include <stdlib.h>

struct options {
    bool json, sandbox;
    int split, top, batch, threads;
    double min_accuracy;
    struct data_source_options source;
};

static const struct field options[] = {
    FIELD_ENUM(struct options, split, infer_eval_parts, INFER_PART_AUTO,
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

static void on_bad(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct infer_eval *r = ctx;

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

static bool print_report(struct infer_eval *r, int top, struct err *err)
{
    struct str out = { 0 };
    bool ok;

    /* There are no more pairs than pictures. */
    top = r->f.task == DATA_MULTI ? 0 : top < r->f.n ? top : r->f.n;
    r->confused = calloc((size_t)top + 1, sizeof *r->confused);
    if (!r->confused)
        return err_set(err, ERR_MEMORY, "no memory for the report");
    if (top)
        r->n_confused = infer_confused(&r->f, top, r->confused);
    if (r->json)
        infer_eval_json(r, &out);
    else
        infer_eval_text(r, &out);
    ok = cli_print(&out, err);
    str_release(&out);
    return ok;
}

static void say_note(struct infer_eval *r)
{
    if (r->note.len)
        cli_say("%s", str_text(&r->note));
    str_clear(&r->note);
}

static bool evaluate(struct infer_eval *r, const struct options *o, struct err *err)
{
    int threads = o->threads ? o->threads : pool_cpus(), batch = o->batch;
    struct data_index *x = infer_cmd_data(r->m, r->model, r->data, &o->source, err);
    struct data_index *part = NULL;
    struct infer_predictor *q = NULL;
    struct data_decode how = { .sandbox = NULL };
    bool ok = false;

    if (!x)
        return false;
    if (!data_sandbox_choose(o->sandbox, threads, &how, err))
        goto out;
    part = infer_eval_choose(r, x, (enum infer_eval_part)o->split, threads, &how, err);
    if (!part)
        goto out;
    say_note(r);
    if (part->n == 0) {
        err_set(err, ERR_INPUT, "%s: no pictures", r->data);
        goto out;
    }
    if (!infer_eval_note_learnt(r, part, (enum infer_eval_part)o->split, threads, err))
        goto out;
    say_note(r);
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
    struct infer_eval r = { 0 };
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
    free(r.confused);
    str_release(&r.note);
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
