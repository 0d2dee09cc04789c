/*
 * cmd_predict -- discern predict: what pictures show
 *
 * Names come from the command line, folders and lists (data/names.h) and are answered by libdiscern
 * (discern.h) CHUNK at a time, in their order: memory does not grow with them.  What is made of an
 * answer is the business of cmd_predict_out.h, sort_into.h and predict_dump.h.
 */
#include "data/names.h"
#include "data/sandbox.h"
#include "infer/cmd.h"
#include "infer/cmd_predict_out.h"
#include "infer/discern.h"
#include "infer/predict_dump.h"
#include "infer/sort_into.h"
#include "nn/base/file.h"
#include "nn/base/tell.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names at a time; and bytes of a picture on standard input, as many as of one in a file. */
enum { CHUNK = 2048, INPUT_MOST = 256 << 20 };

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
    FIELD_STRING(struct options, files_from, "LIST", NULL,
                 "a file with more names of pictures and folders, one a line; - = standard input"),
    { .name = "null", .kind = FIELD_KIND_BOOL, .count = 1, .letter = '0',
      .offset = offsetof(struct options, null),
      .doc = "names in LIST end in 0 bytes, as find -print0 writes them" },
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
    struct infer_dump *dump;
    char *names;                /* of a chunk, each with its 0 byte */
    size_t used, room;
    size_t at[CHUNK];           /* where each begins */
    const char *path[CHUNK];
    int n;
    bool input;                 /* the one that is answered came on standard input */
    int nothing;                /* arguments that gave no picture */
    struct progress progress;   /* where it does not stand between the answers */
    struct err *err;            /* of what was made of an answer */
};

/* ---- signals --------------------------------------------------------------------------------- */

/* The signal that came while files were half-written or half-sorted: they are seen to, then it is
 * obeyed. */
static volatile sig_atomic_t stopped_by;

static void on_signal(int signal)
{
    stopped_by = signal;
}

/* A signal that our parent had ignored (nohup, a job in the background) stays so. */
static void catch_signals(void (*handler)(int))
{
    static const int asks[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };

    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        struct sigaction act = { .sa_handler = handler }, old;

        if (!sigaction(asks[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(asks[i], &act, NULL);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static enum err_kind kind_of(int status)
{
    return status == DISCERN_USAGE ? ERR_USAGE : status == DISCERN_IO ? ERR_IO
           : status == DISCERN_MEMORY ? ERR_MEMORY : ERR_INPUT;
}

static bool failed(const discern_error *e, struct err *err)
{
    return err_set(err, kind_of(e->status), "%s", e->message);
}

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

/* The library knows no name for bytes. */
static void name_input(const discern_answer *a, char *text, size_t size)
{
    static const char unnamed[] = "picture in memory: ";
    bool is = !strncmp(a->message, unnamed, sizeof unnamed - 1);

    snprintf(text, size, "standard input: %s", a->message + (is ? sizeof unnamed - 1 : 0));
}

static int on_answer(void *ctx, const discern_answer *given)
{
    struct job *j = ctx;
    const char *path = j->input ? "-" : j->path[given->file];
    char message[sizeof((discern_error *)0)->message];
    discern_answer copy = *given, *a = &copy;

    if (stopped_by)
        return 1;
    if (j->input && a->status != DISCERN_OK) {
        name_input(given, message, sizeof message);
        a->message = message;
    }
    if (j->progress.to)
        progress_at(&j->progress, j->out.pictures);
    return !((!j->dump || infer_dump_add(j->dump, a->input, j->err)) &&
             infer_out_answer(&j->out, path, a, j->err) &&
             (!j->sort || sort(j, path, a, j->err)));
}

/* Answers what has been gathered.  False without an error: a signal came. */
static bool answer(struct job *j, struct err *err)
{
    discern_error e;
    int n = j->n;

    for (int i = 0; i < n; i++)
        j->path[i] = j->names + j->at[i];
    j->n = 0;
    j->used = 0;
    j->err = err;
    if (n && discern_files(j->session, n, j->path, on_answer, j, &e))
        return failed(&e, err);
    return !stopped_by && !err->kind;
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool on_wait(void *ctx, struct err *err)
{
    return answer(ctx, err);
}

static bool on_picture(void *ctx, const char *path, struct err *err)
{
    struct job *j = ctx;
    size_t size = strlen(path) + 1;

    if (j->n == CHUNK && !answer(j, err))
        return false;
    if (j->dump && !cli_may_write(j->o->dump_input, path, true, err))
        return false;
    if (size > j->room - j->used) {
        size_t room = 2 * (j->room + size);
        char *names = realloc(j->names, room);

        if (!names)
            return err_set(err, ERR_MEMORY, "no memory for the pictures' names");
        j->names = names;
        j->room = room;
    }
    memcpy(j->names + j->used, path, size);
    j->at[j->n++] = j->used;
    j->used += size;
    return !stopped_by;
}

static bool on_missed(void *ctx, const char *path, const struct err *why, struct err *err)
{
    struct job *j = ctx;

    j->nothing++;
    return answer(j, err) && infer_out_missed(&j->out, path, why, err);
}

static bool on_input(void *ctx, struct err *err)
{
    struct job *j = ctx;
    discern_error e;
    uint8_t *bytes;
    size_t size;
    int rc;

    if (!answer(j, err))
        return false;
    bytes = file_read_input(INPUT_MOST, &size, err);
    if (!bytes)
        return false;
    j->input = true;
    rc = discern_bytes(j->session, bytes, size, on_answer, j, &e);
    j->input = false;
    free(bytes);
    return rc ? failed(&e, err) : !stopped_by && !err->kind;
}

/* ---- the command ----------------------------------------------------------------------------- */

static void tell(void *ctx, const struct err *why)
{
    (void)ctx;
    tell_line(stderr, TELL_ERROR, why->msg);
}

/* given: of each option whether it was typed. */
static bool check(const struct options *o, const bool *given, int n, char **arg, struct err *err)
{
    int inputs = o->files_from && !strcmp(o->files_from, "-");

    for (int i = 1; i < n; i++)
        inputs += !strcmp(arg[i], "-");
    if (o->json + o->ndjson + o->csv > 1)
        return err_set(err, ERR_USAGE, "--json, --ndjson, --csv: one of them at a time");
    if (inputs > 1)
        return err_set(err, ERR_USAGE, "standard input is there once: one - at a time");
    if (o->null && !o->files_from)
        return err_set(err, ERR_USAGE, "--null is for the LIST of --files-from");
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
    if (o->sort_into && inputs && (!o->files_from || strcmp(o->files_from, "-")))
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
            failed(&e, err);
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
        failed(&e, err);
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
        catch_signals(on_signal);
    if (j->o->dump_input) {
        discern_input(j->out.model, size);
        j->dump = infer_dump_begin(j->o->dump_input, size, err);
        if (!j->dump)
            return false;
    }
    if (j->o->sort_into)
        j->sort = infer_sort_open(j->o->sort_into, (enum infer_how)j->o->how, tell, NULL, err);
    return !j->o->sort_into || j->sort;
}

/* A sorting that was stopped ends as it should; a dump is whole or not at all. */
static bool end_files(struct job *j, bool ok, struct err *err)
{
    struct infer_sort_counts n;
    struct infer_dump *dump = j->dump;
    bool sorted;

    if (ok && dump && !stopped_by) {
        j->dump = NULL;
        ok = infer_dump_end(dump, err);
    }
    if (!j->sort || (!ok && err->kind))
        return ok;
    sorted = infer_sort_finish(j->sort, &n, err);
    if (sorted) {
        j->out.failed += n.left;
        cli_say("sorted %d picture%s into %s%s", n.sorted, str_plural(n.sorted), j->o->sort_into,
                n.sorted ? " (--undo puts them back)" : "");
        if (n.before)
            cli_say("%d had been sorted before", n.before);
    }
    return ok && sorted;
}

static bool predict(struct job *j, int n, char **arg, struct err *err)
{
    const struct data_names names = {
        .arg = arg + 1, .n = n - 1, .list = j->o->files_from, .null = j->o->null,
        .spare = j->o->sort_into, .picture = on_picture, .input = on_input, .missed = on_missed,
        .wait = on_wait, .ctx = j,
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
    ok = data_names_go(&names, err) && answer(j, err) && infer_out_end(&j->out, err);
    progress_end(&j->progress);
    return end_files(j, ok, err);
}

static int undo(const struct options *o, struct err *err)
{
    struct infer_sort_counts n;

    if (!infer_sort_undo(o->undo, tell, NULL, &n, err))
        return cli_fail(err, o->json || o->ndjson);
    cli_say("%s: put back %d of %d", o->undo, n.sorted, n.sorted + n.left);
    if (!n.left)
        return 0;
    err->kind = ERR_INPUT;
    return cli_status(err);
}

static int finish(const struct job *j, bool ok, struct err *err)
{
    int all = j->out.pictures + j->nothing;

    if (stopped_by)
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
    infer_dump_abandon(j->dump);
    discern_session_free(j->session);
    discern_close((discern_model *)(uintptr_t)j->out.model);
    infer_out_release(&j->out);
    free(j->names);
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
        return undo(&o, &err);
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
    if (stopped_by) {
        catch_signals(SIG_DFL);
        raise(stopped_by);
    }
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
