/*
 * cmd_predict -- discern predict: what pictures show
 *
 * Pictures come from the command line, folders and lists and are answered by libdiscern
 * (cmd_ask.h).  What is made of an answer is the business of cmd_predict_out.h, sort_into.h and
 * npy.h.
 */
#include "data/sandbox.h"
#include "infer/cmd.h"
#include "infer/cmd_ask.h"
#include "infer/cmd_predict_out.h"
#include "infer/discern.h"
#include "infer/embed/npy.h"
#include "infer/sort_into.h"
#include "nn/base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    bool json, ndjson, csv, raw, unknown, null, force, sandbox;
    int top, batch, threads, views, precision, how;
    double threshold;
    const char *files_from, *sort_into, *undo, *dump_input;
};

static const char *const hows[] = { "copy", "link", "move", NULL };

static const struct field options[] = {
    FIELD_INT(struct options, top, NULL, 0, 0, 1e6,
              "labels told for a picture; 0 = 3, or if there may be several all above threshold"),
    FIELD_FLOAT(struct options, threshold, NULL, -1, -1, 1,
                "probability from which a label is told; -1 = as calibrated, else 0.5 if there may "
                "be several, else 0"),
    FIELD_BOOL(struct options, unknown,
               "tell a picture like nothing that the model learnt as unknown (after discern "
               "calibrate)"),
    INFER_CMD_VIEWS_FIELDS(struct options),
    INFER_CMD_PRECISION_FIELD(struct options),
    FIELD_BOOL(struct options, json, "one JSON object instead of lines"),
    FIELD_BOOL(struct options, ndjson, "a JSON object a picture, as they come"),
    FIELD_BOOL(struct options, csv, "a table: a row a label that is told"),
    INFER_CMD_NAMES_FIELDS(struct options),
    FIELD_STRING(struct options, sort_into, "DIR", NULL,
                 "put pictures into a folder for each label, in DIR"),
    FIELD_ENUM(struct options, how, hows, INFER_COPY, "what --sort-into does with a picture"),
    FIELD_STRING(struct options, undo, "DIR", NULL, "put back what --sort-into put into DIR"),
    INFER_CMD_PACE_FIELDS(struct options),
    FIELD_STRING(struct options, dump_input, "FILE", NULL,
                 "write what the network sees: .npy [pictures,height,width,3], NaN if unreadable"),
    FIELD_BOOL(struct options, force, "overwrite the file of --dump-input"),
    FIELDS_END
};

struct job {
    const struct options *o;
    discern_session *session;
    struct infer_out out;
    struct infer_sort *sort;
    struct infer_npy *dump;
    int nothing;                /* arguments that gave no picture */
    struct progress progress;   /* where it does not stand between the answers */
};

/* ---- answers --------------------------------------------------------------------------------- */

/* A picture of which nothing is told stays where it is, and so does one that cannot be read. */
static bool sort(struct job *j, const char *path, const discern_answer *a, struct err *err)
{
    const char **label;
    bool ok;

    if (a->status != DISCERN_OK || (!a->n && !a->unknown))
        return true;
    if (j->o->unknown && a->unknown)
        return infer_sort_put(j->sort, path, 1, (const char *[]){ INFER_SORT_UNKNOWN }, err);
    label = calloc((size_t)a->n + 1, sizeof *label);
    if (!label)
        return err_set(err, ERR_MEMORY, "no memory for %d labels", a->n);
    /* Where a picture has one label, that is the first: the others are what else it might be. */
    for (int k = 0; k < a->n; k++)
        label[k] = a->guess[k].label;
    ok = !a->n || infer_sort_put(j->sort, path, discern_is_multi(j->out.model) ? a->n : 1, label,
                                 err);
    free(label);
    return ok;
}

static bool on_answer(void *ctx, const char *path, const discern_answer *a, struct err *err)
{
    struct job *j = ctx;

    if (j->progress.to)
        progress_at(&j->progress, j->out.pictures);
    return (!j->dump || infer_npy_add(j->dump, a->input, err)) &&
           infer_out_answer(&j->out, path, a, err) && (!j->sort || sort(j, path, a, err));
}

static bool on_picture(void *ctx, const char *path, struct err *err)
{
    const struct job *j = ctx;

    return !j->dump || cli_may_write(j->o->dump_input, path, true, err);
}

static bool on_missed(void *ctx, const char *path, const struct err *why, struct err *err)
{
    struct job *j = ctx;

    j->nothing++;
    return infer_out_missed(&j->out, path, why, err);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* given: of each option whether it was typed. */
static bool check(const struct options *o, const bool *given, int n, char **arg, struct err *err)
{
    bool input;

    if (o->json + o->ndjson + o->csv > 1)
        return err_set(err, ERR_USAGE, "--json, --ndjson, --csv: one of them at a time");
    if (!infer_ask_check(o->files_from, o->null, n > 1 ? n - 1 : 0, arg + 1, &input, err))
        return false;
    if (given[field_find(options, "how") - options] && !o->sort_into)
        return err_set(err, ERR_USAGE, "--how is for --sort-into DIR");
    if (o->undo && (n || o->files_from || o->sort_into))
        return err_set(err, ERR_USAGE, "--undo DIR stands alone: no MODEL, no pictures");
    if (o->undo)
        return true;
    if (!n)
        return err_set(err, ERR_USAGE, "predict needs MODEL and FILE|DIR|-");
    if (n == 1 && !o->files_from)
        return err_set(err, ERR_USAGE, "predict needs FILE|DIR|- behind MODEL, or --files-from");
    if (o->sort_into && input)
        return err_set(err, ERR_USAGE, "--sort-into: what comes on standard input is no file");
    return true;
}

/* Whether what the network sees may be written: over nothing that is read. */
static bool may_dump(const struct options *o, const char *input, struct err *err)
{
    return !o->dump_input || !input || cli_may_write(o->dump_input, input, o->force, err);
}

/* MODEL or MODEL,MODEL...; a file of just that name is one model. */
static discern_model *open_models(char **arg, int n, const struct options *o, struct err *err)
{
    const discern_model_options opt = { .size = sizeof opt, .raw = o->raw,
                                        .precision = o->precision };
    char *path[INFER_COMMITTEE_MOST], *mem;
    int models = infer_cmd_models(arg[0], path, &mem, err);
    bool ok = models > 0;
    discern_model *m = NULL;
    discern_error e;

    for (int i = 0; ok && i < models; i++)
        ok = infer_cmd_named((char *[]){ path[i], n > 1 ? arg[1] : NULL }, n > 1 ? 2 : 1, err) &&
             may_dump(o, path[i], err);
    if (ok) {
        m = discern_open_many(models, (const char *const *)path, &opt, &e);
        if (!m)
            infer_ask_failed(&e, err);
    }
    free(mem);
    return m;
}

static discern_session *open_session(const struct options *o, const discern_model *m,
                                     struct err *err)
{
    const discern_session_options opt = {
        .size = sizeof opt, .threads = o->threads, .batch = o->batch, .top = o->top,
        .threshold = o->threshold < 0 ? 0 : o->threshold == 0 ? -1 : o->threshold,
        .views = o->views, .sandbox = o->sandbox, .worker = "/proc/self/exe",
    };
    discern_error e;
    discern_session *s = discern_session_new(m, &opt, &e);

    if (!s)
        infer_ask_failed(&e, err);
    return s;
}

/* What is told of the threshold: the one that was asked for, or that all labels have. */
static double threshold_of(const struct options *o, const discern_model *m)
{
    double first = (double)discern_threshold(m, 0);

    if (o->threshold >= 0)
        return o->threshold;
    for (int l = 1; l < discern_labels(m); l++)
        if ((double)discern_threshold(m, l) != first)
            return NAN;
    return first;
}

static bool begin_files(struct job *j, struct err *err)
{
    int size[3];

    if (j->o->dump_input || j->o->sort_into)
        infer_ask_heed();
    if (j->o->dump_input) {
        discern_input(j->out.model, size);
        j->dump = infer_npy_begin(j->o->dump_input, 3, size, err);
        if (!j->dump)
            return false;
    }
    if (j->o->sort_into)
        j->sort = infer_sort_open(j->o->sort_into, (enum infer_how)j->o->how, infer_cmd_stays,
                                  NULL, err);
    return !j->o->sort_into || j->sort;
}

/* A sorting that was stopped ends as it should; a dump is whole or not at all. */
static bool end_files(struct job *j, bool ok, struct err *err)
{
    struct infer_sort_counts n;
    struct infer_npy *dump = j->dump;
    bool sorted;

    if (ok && dump && !infer_ask_stopped()) {
        j->dump = NULL;
        ok = infer_npy_end(dump, err);
    }
    if (!j->sort || (!ok && err->kind))
        return ok;
    sorted = infer_sort_finish(j->sort, &n, err);
    if (sorted) {
        j->out.failed += n.left;
        infer_cmd_sorted(&n, j->o->sort_into);
    }
    return ok && sorted;
}

static bool predict(struct job *j, int n, char **arg, struct err *err)
{
    struct infer_ask ask = {
        .arg = arg + 1, .n = n - 1, .list = j->o->files_from, .null = j->o->null,
        .spare = j->o->sort_into, .picture = on_picture, .answer = on_answer, .missed = on_missed,
        .ctx = j,
    };
    bool ok;

    if (j->o->unknown && !discern_tells_unknown(j->out.model))
        return err_set(err, ERR_INPUT, "%s: has not learnt to tell what it does not know: "
                       "discern calibrate teaches it", j->out.name);
    if (!may_dump(j->o, j->o->files_from, err))
        return false;
    j->session = open_session(j->o, j->out.model, err);
    if (!j->session || !begin_files(j, err) || !infer_out_begin(&j->out, err))
        return false;
    if (j->o->json || !isatty(STDOUT_FILENO))
        cli_progress(&j->progress, "answered", "pictures", 0);
    ask.session = j->session;
    ok = infer_ask_go(&ask, err) && infer_out_end(&j->out, err);
    progress_end(&j->progress);
    return end_files(j, ok, err);
}

static int finish(const struct job *j, bool ok, struct err *err)
{
    int all = j->out.pictures + j->nothing;

    if (infer_ask_stopped())
        return 0;
    if (!ok)
        return cli_fail(err, j->o->json || j->o->ndjson);
    if (!j->out.failed)
        return 0;
    if (all > 1)
        cli_say("%d of %d could not be %s", j->out.failed, all,
                j->o->sort_into ? "answered or sorted" : "answered");
    err->kind = ERR_INPUT;
    return cli_status(err);
}

static void job_release(struct job *j)
{
    infer_sort_free(j->sort);
    infer_npy_abandon(j->dump);
    discern_session_free(j->session);
    discern_close((discern_model *)(uintptr_t)j->out.model);
    infer_out_release(&j->out);
    free(j);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    bool given[sizeof options / sizeof *options] = { false };
    struct cli_args args;
    struct err err = { 0 };
    struct job *j;
    discern_model *m;
    int status;
    enum cli_result parsed;

    field_defaults(options, &o);
    parsed = cli_parse_over(self, argc, argv, &o, given, &args, &err);
    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED || !check(&o, given, args.n, args.arg, &err))
        return cli_fail(&err, o.json || o.ndjson);
    if (o.undo)
        return infer_cmd_undo(o.undo, o.json || o.ndjson);
    j = calloc(1, sizeof *j);
    m = j ? open_models(args.arg, args.n, &o, &err) : NULL;
    if (!m) {
        if (!j)
            err_set(&err, ERR_MEMORY, "no memory for the pictures' names");
        free(j);
        return cli_fail(&err, o.json || o.ndjson);
    }
    j->o = &o;
    j->out = (struct infer_out){
        .form = o.json ? INFER_JSON : o.ndjson ? INFER_NDJSON : o.csv ? INFER_CSV : INFER_TEXT,
        .model = m, .name = args.arg[0], .threshold = threshold_of(&o, m), .unknown = o.unknown,
    };
    status = finish(j, predict(j, args.n, args.arg, &err), &err);
    job_release(j);
    infer_ask_obey();
    return status;
}

const struct cli_command infer_cmd_predict = {
    .name = "predict",
    .summary = "say what pictures show",
    .synopsis = "MODEL[,MODEL] FILE|DIR|-...",
    .about = "Prints a line a picture: the likeliest labels with their probabilities or, where "
             "a picture may have several, those above the threshold.  Folders are gone through "
             "with all that lies below them; - is a picture on standard input.  A picture that "
             "cannot be read is named, the others are answered, and the exit status is 3.\n"
             "Several models that know the same labels answer as one, by the mean of what they "
             "say.  docs/predict.md has the forms of output and the sorting into folders.",
    .examples = "discern predict cats.safetensors photo.jpg\n"
                "discern predict cats.safetensors holiday/ --sort-into sorted --how link\n"
                "discern predict a.safetensors,b.safetensors holiday/ --csv >answers.csv\n"
                "find -name '*.jpg' -print0 | discern predict m.safetensors --files-from - -0\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 0,
    .max_args = -1,
    .run = run,
};
