/*
 * cmd_predict -- discern predict: what pictures show
 *
 * Pictures go the road of evaluation: an index (here without labels), the loader, the predictor.  A
 * picture that cannot be read is named and the others are answered.  --json holds its text until
 * the end, so that what stands on stdout is whole or nothing.
 */
#include "data/loader.h"
#include "data/sandbox.h"
#include "infer/cmd.h"
#include "nn/base/file.h"
#include "nn/base/json.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct options {
    bool json, force, sandbox;
    int top, batch, threads;
    double threshold;
    const char *dump_input;
};

static const struct field options[] = {
    FIELD_INT(struct options, top, NULL, 0, 0, 1e6,
              "labels told for a picture; 0 = 3, or if there may be several all above threshold"),
    FIELD_FLOAT(struct options, threshold, NULL, -1, -1, 1,
                "probability from which a label is told; -1 = 0.5 if there may be several, else 0"),
    FIELD_BOOL(struct options, json, "one JSON object instead of lines"),
    FIELD_INT(struct options, batch, NULL, 32, 1, 4096, "pictures at a time"),
    FIELD_INT(struct options, threads, NULL, 0, 0, 1024, "threads; 0 = all processors"),
    DATA_SANDBOX_FIELD(struct options),
    FIELD_STRING(struct options, dump_input, "FILE", NULL,
                 "write what the network sees: .npy [pictures,height,width,3], NaN if unreadable"),
    FIELD_BOOL(struct options, force, "overwrite the file of --dump-input"),
    FIELDS_END
};

struct job {
    const struct options *o;
    const struct infer_model *m;
    double threshold;
    int top;
    struct data_index x;        /* mem and sample are ours */
    char **result;              /* --json: of each sample */
    struct str early;           /* --json: of arguments that gave no sample */
    int failed, empty;          /* pictures and arguments; of these, arguments without pictures */
    int *rank;                  /* [n_labels] */
    struct file_out *dump;
    int dumped;                 /* pictures */
};

/* ---- answers --------------------------------------------------------------------------------- */

static void result_begin(struct str *s, const char *file)
{
    json_begin(s, NULL, '{');
    json_text(s, "file", file);
}

static void result_error(struct str *s, const char *file, const struct err *why)
{
    result_begin(s, file);
    json_begin(s, "error", '{');
    json_number(s, "code", cli_status(why));
    json_text(s, "message", why->msg);
    json_end(s, '}');
    json_end(s, '}');
}

/* Of an argument without pictures, or a picture that cannot be read. */
static void fail(struct job *j, const char *file, const struct err *why, struct str *json)
{
    cli_say("%s", why->msg);
    j->failed++;
    if (j->o->json)
        result_error(json, file, why);
}

static void on_bad(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct job *j = ctx;
    struct str s = { 0 };

    fail(j, sample->path, why, &s);
    if (j->o->json)
        j->result[sample - j->x.sample] = s.data;
}

/* Of the labels in j->rank, those that are told. */
static int told(const struct job *j, const float *p)
{
    int n = 0;

    while (n < j->top && p[j->rank[n]] >= j->threshold)
        n++;
    return n;
}

static void answer_json(const struct job *j, const char *path, const float *p, int n,
                        struct str *out)
{
    result_begin(out, path);
    json_begin(out, "answers", '[');
    for (int k = 0; k < n; k++) {
        json_begin(out, NULL, '{');
        json_text(out, "label", j->m->label[j->rank[k]]);
        json_number(out, "index", j->rank[k]);
        json_float(out, "probability", p[j->rank[k]]);
        json_end(out, '}');
    }
    json_end(out, ']');
    json_end(out, '}');
}

static void answer_text(const struct job *j, const char *path, const float *p, int n,
                        struct str *out)
{
    cli_clean(out, path);
    str_addc(out, ':');
    for (int k = 0; k < n || (n == 0 && k == 0); k++) {
        str_add(out, k ? ", " : n ? " " : " none (likeliest: ");
        cli_clean(out, j->m->label[j->rank[k]]);
        str_printf(out, " %.1f%%", 100.0 * p[j->rank[k]]);
    }
    str_add(out, n ? "\n" : ")\n");
}

static bool answer(struct job *j, const struct data_batch *b, const float *probability,
                   struct err *err)
{
    for (int i = 0; i < b->n; i++) {
        const char *path = j->x.sample[b->sample[i]].path;
        const float *p = probability + (size_t)i * (size_t)j->m->n_labels;
        struct str s = { 0 };
        int n;

        infer_rank(p, j->m->n_labels, j->top, j->rank);
        n = told(j, p);
        if (j->o->json)
            answer_json(j, path, p, n, &s);
        else
            answer_text(j, path, p, n, &s);
        if (s.failed) {
            str_release(&s);
            return err_set(err, ERR_MEMORY, "no memory for the answers");
        }
        if (j->o->json) {
            j->result[b->sample[i]] = s.data;
            continue;
        }
        fwrite(s.data, 1, s.len, stdout);
        str_release(&s);
    }
    return j->o->json || cli_flush(err);
}

static bool print_json(const struct job *j, const char *model, struct err *err)
{
    struct str out = { 0 };
    bool ok;

    json_begin(&out, NULL, '{');
    json_text(&out, "schema", "discern.predict/1");
    json_text(&out, "model", model);
    json_text(&out, "task", data_task_names[j->m->task]);
    json_number(&out, "threshold", j->threshold);
    json_number(&out, "pictures", j->x.n);
    json_number(&out, "failed", j->failed);
    json_begin(&out, "results", '[');
    for (int i = 0; i < j->x.n; i++) {
        out.failed |= !j->result[i];
        json_raw(&out, NULL, j->result[i] ? j->result[i] : "null");
    }
    if (j->early.len)
        json_raw(&out, NULL, str_text(&j->early));
    json_end(&out, ']');
    json_end(&out, '}');
    ok = cli_print(&out, err);
    str_release(&out);
    return ok;
}

/* ---- --dump-input ---------------------------------------------------------------------------- */

/* The signal that came while a file was half-written: the file goes, then it is obeyed. */
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

/* NumPy's format 1.0: magic, version, length of the header, header padded to 64 bytes, numbers. */
static bool dump_begin(struct job *j, struct err *err)
{
    char head[192];
    const struct data_prep *p = &j->m->prep;
    int n = snprintf(head + 10, sizeof head - 10,
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d, %d), }",
                     j->x.n, p->size[0], p->size[1], data_prep_channels(p));
    int end = (10 + n + 1 + 63) / 64 * 64;

    memset(head + 10 + n, ' ', (size_t)(end - 10 - n));
    memcpy(head, "\x93NUMPY\x01", 8);
    head[8] = (char)((end - 10) & 0xFF);
    head[9] = (char)((end - 10) >> 8);
    head[end - 1] = '\n';
    catch_signals(on_signal);
    j->dump = file_create(j->o->dump_input, err);
    return j->dump && file_write(j->dump, head, (size_t)end, err);
}

/* NaN for the pictures up to `end` that could not be read. */
static bool dump_gap(struct job *j, int end, struct err *err)
{
    size_t n = data_prep_count(&j->m->prep);
    float *row = NULL;
    bool ok = true;

    if (j->dumped == end)
        return true;
    row = malloc(n * sizeof *row);
    if (!row)
        return err_set(err, ERR_MEMORY, "no memory for a picture");
    for (size_t i = 0; i < n; i++)
        row[i] = NAN;
    for (; ok && j->dumped < end; j->dumped++)
        ok = file_write(j->dump, row, n * sizeof *row, err);
    free(row);
    return ok;
}

static bool dump_batch(struct job *j, const struct data_batch *b, struct err *err)
{
    size_t n = data_prep_count(&j->m->prep);

    for (int i = 0; i < b->n; i++) {
        if (!dump_gap(j, b->sample[i], err) ||
            !file_write(j->dump, b->image + (size_t)i * n, n * sizeof(float), err))
            return false;
        j->dumped++;
    }
    return true;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool find_pictures(struct job *j, int n, char **arg, struct err *err)
{
    for (int i = 0; i < n; i++) {
        struct data_sample picture = { .path = arg[i], .name = arg[i], .label = -1 };
        struct err why = { 0 };
        int before = j->x.n;

        if (file_kind(arg[i]) != FILE_FOLDER) {
            if (!data_index_add(&j->x, picture, err))
                return false;
            continue;
        }
        if (data_index_add_folder(&j->x, arg[i], 0, -1, DATA_UNSPLIT, &why) && j->x.n == before)
            err_set(&why, ERR_INPUT, "%s: no pictures in this folder", arg[i]);
        if (why.kind == ERR_MEMORY) {
            *err = why;
            return false;
        }
        if (why.kind) {
            fail(j, arg[i], &why, &j->early);
            j->empty++;
        }
    }
    return true;
}

static bool go_through(struct job *j, struct err *err)
{
    int threads = j->o->threads ? j->o->threads : pool_cpus();
    struct data_decode how = { .sandbox = NULL };
    struct data_loader_options opt = {
        .batch = j->x.n < j->o->batch ? j->x.n : j->o->batch,
        .threads = threads,
        .decode = &how,
        .bad = on_bad,
        .bad_ctx = j,
    };
    struct infer_predictor *q = NULL;
    struct data_loader *loader = NULL;
    const struct data_batch *b;
    float *probability = NULL;
    bool ok = false;

    q = infer_cmd_predictor(j->m, opt.batch, threads, err);
    if (!q)
        goto out;
    probability = calloc((size_t)opt.batch * (size_t)j->m->n_labels, sizeof *probability);
    if (!probability) {
        err_set(err, ERR_MEMORY, "no memory for the answers");
        goto out;
    }
    if (!data_sandbox_choose(j->o->sandbox, threads, &how, err))
        goto out;
    loader = data_loader_new(&j->x, &j->m->prep, &opt, err);
    if (!loader || (j->o->dump_input && !dump_begin(j, err)))
        goto out;
    data_loader_start(loader, 0, 0);
    ok = true;
    while (ok && !stopped_by && (b = data_loader_next(loader))) {
        infer_predict(q, b->n, b->image, probability);
        ok = (!j->dump || dump_batch(j, b, err)) && answer(j, b, probability, err);
    }
    if (ok && j->dump && !stopped_by) {
        ok = dump_gap(j, j->x.n, err) && file_commit(j->dump, err);
        j->dump = NULL;
    }
out:
    data_loader_free(loader);
    data_sandbox_free(how.sandbox);
    infer_predictor_free(q);
    free(probability);
    return ok;
}

static bool predict(struct job *j, const char *model, int n, char **arg, struct err *err)
{
    int wanted = j->o->top ? j->o->top : j->m->task == DATA_SINGLE ? 3 : j->m->n_labels;
    double usual = j->m->task == DATA_SINGLE ? 0 : 0.5;

    if (j->o->dump_input && !cli_may_write(j->o->dump_input, model, j->o->force, err))
        return false;
    j->top = wanted < j->m->n_labels ? wanted : j->m->n_labels;
    j->threshold = j->o->threshold < 0 ? usual : j->o->threshold;
    j->x = (struct data_index){ .task = DATA_SINGLE, .label = j->m->label,
                                .n_labels = j->m->n_labels, .mem = arena_new() };
    j->rank = calloc((size_t)j->m->n_labels, sizeof *j->rank);
    if (!j->x.mem || !j->rank)
        return err_set(err, ERR_MEMORY, "no memory for the pictures' names");
    if (!find_pictures(j, n, arg, err))
        return false;
    j->result = calloc((size_t)j->x.n + 1, sizeof *j->result);
    if (!j->result)
        return err_set(err, ERR_MEMORY, "no memory for the answers");
    if (j->x.n > 0 && !go_through(j, err))
        return false;
    return !j->o->json || stopped_by || print_json(j, model, err);
}

static void job_release(struct job *j)
{
    for (int i = 0; j->result && i < j->x.n; i++)
        free(j->result[i]);
    free(j->result);
    free(j->rank);
    free(j->x.sample);
    arena_free(j->x.mem);
    str_release(&j->early);
    file_abandon(j->dump);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct job j = { .o = &o };
    struct infer_model *m;
    int status;
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED)
        return cli_fail(&err, o.json);
    m = infer_cmd_model(args.arg, args.n, &err);
    if (!m)
        return cli_fail(&err, o.json);
    j.m = m;
    if (!predict(&j, args.arg[0], args.n - 1, args.arg + 1, &err)) {
        status = stopped_by ? 0 : cli_fail(&err, o.json);
    } else if (j.failed) {
        if (j.x.n + j.empty > 1)
            cli_say("%d of %d could not be answered", j.failed, j.x.n + j.empty);
        err.kind = ERR_INPUT;
        status = cli_status(&err);
    } else {
        status = 0;
    }
    job_release(&j);
    infer_model_free(m);
    if (stopped_by) {
        catch_signals(SIG_DFL);
        raise(stopped_by);
    }
    return status;
}

const struct cli_command infer_cmd_predict = {
    .name = "predict",
    .summary = "say what pictures show",
    .synopsis = "MODEL FILE|DIR...",
    .about = "Prints a line a picture: the likeliest labels with their probabilities or, where "
             "a picture may have several, those above the threshold.  Folders are gone through "
             "with all that lies below them.  A picture that cannot be read is named, the "
             "others are answered, and the exit status is 3.",
    .examples = "discern predict cats.safetensors photo.jpg\n"
                "discern predict cats.safetensors holiday/ --top 1\n"
                "discern predict cats.safetensors holiday/ --json >answers.json\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 2,
    .max_args = -1,
    .run = run,
};
