/*
 * cmd_embed -- discern embed: what a network sees in pictures, as rows of numbers
 *
 * Pictures come and are answered as those of `discern predict` (cmd_ask.h).
 */
#include "infer/cmd.h"
#include "infer/cmd_ask.h"
#include "infer/cmd_embed_out.h"
#include "infer/embed/features.h"
#include "nn/base/json.h"
#include "nn/base/tell.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    bool json, normalize, null, force, sandbox;
    int to, batch, threads, precision;
    const char *out, *files_from;
};

static const struct field options[] = {
    FIELD_ENUM(struct options, to, infer_rows_forms, INFER_ROWS_AUTO,
               "form of what is written; auto: what -o ends in, else csv"),
    { .name = "out", .kind = FIELD_KIND_STRING, .count = 1, .hint = "FILE", .letter = 'o',
      .offset = offsetof(struct options, out), .doc = "where to; without it, standard output" },
    FIELD_BOOL(struct options, force, "overwrite a file that is there"),
    FIELD_BOOL(struct options, normalize,
               "each row of length 1, so that the product of two is the cosine between them"),
    FIELD_BOOL(struct options, json, "one JSON object on what was written"),
    INFER_CMD_PRECISION_FIELD(struct options),
    INFER_CMD_NAMES_FIELDS(struct options),
    INFER_CMD_PACE_FIELDS(struct options),
    FIELDS_END
};

struct job {
    const struct options *o;
    enum infer_rows_form form;
    discern_model *model;
    const char *name;           /* of it */
    discern_session *session;
    struct infer_rows *rows;
    float *row;                 /* [width] */
    int pictures, failed;
    struct str failures;        /* JSON */
    struct progress progress;
};

/* ---- answers --------------------------------------------------------------------------------- */

static void add_failure(struct job *j, const char *path, int code, const char *message)
{
    tell_line(stderr, TELL_ERROR, message);
    j->failed++;
    if (!j->o->json)
        return;
    json_begin(&j->failures, NULL, '{');
    json_text(&j->failures, "file", path);
    json_begin(&j->failures, "error", '{');
    json_number(&j->failures, "code", code);
    json_text(&j->failures, "message", message);
    json_end(&j->failures, '}');
    json_end(&j->failures, '}');
}

static bool on_answer(void *ctx, const char *path, const discern_answer *a, struct err *err)
{
    struct job *j = ctx;
    int width = discern_features(j->model);

    if (a->status != DISCERN_OK) {
        add_failure(j, path, a->status, a->message);
        return true;
    }
    memcpy(j->row, a->features, (size_t)width * sizeof *j->row);
    if (j->o->normalize)
        infer_features_normalize(1, width, j->row);
    j->pictures++;
    if (j->progress.to)
        progress_at(&j->progress, j->pictures + j->failed);
    return infer_rows_add(j->rows, path, j->row, err);
}

static bool on_missed(void *ctx, const char *path, const struct err *why, struct err *err)
{
    (void)err;
    add_failure(ctx, path, cli_status(why), why->msg);
    return true;
}

/* Whether what is written may be, as far as this file goes, which is read. */
static bool spares(const struct job *j, const char *input, bool force, struct err *err)
{
    struct str names = { 0 };
    bool ok = !j->o->out || cli_may_write(j->o->out, input, force, err);

    if (ok && j->form == INFER_ROWS_NPY) {
        infer_rows_names(j->o->out, &names);
        ok = names.failed ? err_set(err, ERR_MEMORY, "no memory for a file name")
                          : cli_may_write(str_text(&names), input, force, err);
    }
    str_release(&names);
    return ok;
}

static bool on_picture(void *ctx, const char *path, struct err *err)
{
    return spares(ctx, path, true, err);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool check(struct job *j, int n, char **arg, struct err *err)
{
    const struct options *o = j->o;
    bool input;

    j->form = o->to == INFER_ROWS_AUTO ? infer_rows_form_of(o->out)
                                       : (enum infer_rows_form)o->to;
    if (!n)
        return err_set(err, ERR_USAGE, "embed needs MODEL and FILE|DIR|-");
    if (!infer_ask_check(o->files_from, o->null, n - 1, arg + 1, &input, err))
        return false;
    if (n == 1 && !o->files_from)
        return err_set(err, ERR_USAGE, "embed needs FILE|DIR|- behind MODEL, or --files-from");
    if (!o->out && (j->form == INFER_ROWS_NPY || j->form == INFER_ROWS_SAFETENSORS))
        return err_set(err, ERR_USAGE, "--to %s needs -o FILE", infer_rows_forms[j->form]);
    if (!o->out && o->json)
        return err_set(err, ERR_USAGE, "--json tells what was written to a file: -o FILE says "
                       "which (--to jsonl is a JSON object a picture)");
    return infer_cmd_named(arg, n, err);
}

static bool begin(struct job *j, struct err *err)
{
    const struct options *o = j->o;
    const discern_model_options how = { .size = sizeof how, .precision = o->precision,
                                        .features = 1 };
    const discern_session_options opt = { .size = sizeof opt, .threads = o->threads,
                                          .batch = o->batch, .sandbox = o->sandbox,
                                          .worker = "/proc/self/exe" };
    discern_error e;

    if (!spares(j, j->name, o->force, err) ||
        (o->files_from && !spares(j, o->files_from, o->force, err)))
        return false;
    j->model = discern_open(j->name, &how, &e);
    if (!j->model)
        return infer_ask_failed(&e, err);
    j->session = discern_session_new(j->model, &opt, &e);
    if (!j->session)
        return infer_ask_failed(&e, err);
    j->row = malloc((size_t)discern_features(j->model) * sizeof *j->row);
    if (!j->row)
        return err_set(err, ERR_MEMORY, "no memory for a row of numbers");
    if (o->out)
        infer_ask_heed();
    j->rows = infer_rows_begin(j->form, o->out, discern_features(j->model), j->name,
                               discern_features_from(j->model), err);
    return j->rows;
}

/* What was written is there when every picture was asked about, and one could be read. */
static bool end(struct job *j, bool ok, struct err *err)
{
    struct infer_rows *rows = j->rows;

    progress_end(&j->progress);
    if (!ok || infer_ask_stopped() || !j->pictures)
        return ok;
    j->rows = NULL;
    return infer_rows_end(rows, err);
}

static bool report(const struct job *j, struct err *err)
{
    struct str out = { 0 }, names = { 0 };
    bool ok;

    if (!j->o->out || !j->pictures)
        return true;
    cli_say("wrote %s: %d row%s, %s%s", j->o->out, j->pictures, str_plural(j->pictures),
            discern_features_from(j->model), j->o->normalize ? ", of length 1" : "");
    if (!j->o->json)
        return true;
    if (j->form == INFER_ROWS_NPY)
        infer_rows_names(j->o->out, &names);
    json_begin(&out, NULL, '{');
    json_text(&out, "schema", "discern.embed/1");
    json_text(&out, "model", j->name);
    json_text(&out, "to", infer_rows_forms[j->form]);
    json_text(&out, "file", j->o->out);
    json_text(&out, "names", names.len ? str_text(&names) : NULL);
    json_text(&out, "features", discern_features_from(j->model));
    json_number(&out, "width", discern_features(j->model));
    json_raw(&out, "normalized", j->o->normalize ? "true" : "false");
    json_number(&out, "pictures", j->pictures);
    json_number(&out, "failed", j->failed);
    json_begin(&out, "failures", '[');
    if (j->failures.len)
        json_raw(&out, NULL, str_text(&j->failures));
    json_end(&out, ']');
    json_end(&out, '}');
    out.failed |= names.failed || j->failures.failed;
    ok = cli_print(&out, err);
    str_release(&out);
    str_release(&names);
    return ok;
}

static bool embed(struct job *j, int n, char **arg, struct err *err)
{
    struct infer_ask ask = { .arg = arg + 1, .n = n - 1, .list = j->o->files_from,
                             .null = j->o->null, .picture = on_picture, .answer = on_answer,
                             .missed = on_missed, .ctx = j };

    if (!begin(j, err))
        return false;
    ask.session = j->session;
    if (j->o->out || !isatty(STDOUT_FILENO))
        cli_progress(&j->progress, "looked at", "pictures", 0);
    return end(j, infer_ask_go(&ask, err), err) && report(j, err);
}

static int finish(const struct job *j, bool ok, struct err *err)
{
    if (infer_ask_stopped())
        return 0;
    if (ok && !j->pictures && j->failed)
        ok = err_set(err, ERR_INPUT, "nothing was written: none of what was named could be read");
    if (!ok)
        return cli_fail(err, j->o->json);
    if (!j->failed)
        return 0;
    cli_say("%d of %d could not be read and have no row", j->failed, j->failed + j->pictures);
    err->kind = ERR_INPUT;
    return cli_status(err);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct job j = { .o = &o };
    struct cli_args args;
    struct err err = { 0 };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);
    int status;

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED || !check(&j, args.n, args.arg, &err))
        return cli_fail(&err, o.json);
    j.name = args.arg[0];
    status = finish(&j, embed(&j, args.n, args.arg, &err), &err);
    infer_rows_abandon(j.rows);
    discern_session_free(j.session);
    discern_close(j.model);
    free(j.row);
    str_release(&j.failures);
    infer_ask_obey();
    return status;
}

const struct cli_command infer_cmd_embed = {
    .name = "embed",
    .summary = "write what a network sees in pictures, as rows of numbers",
    .synopsis = "MODEL FILE|DIR|-...",
    .about = "Writes a row for each picture: what goes into the last layer of the network, numbers "
             "that are alike for pictures that look alike. They are for searching, grouping, and "
             "other programs' classifiers. Pictures are named and read as by discern predict. One "
             "that cannot be read is named and has no row, and the exit status is 3.\n"
             "docs/embed.md has the forms.",
    .examples = "discern embed cats.safetensors holiday/ -o holiday.npy\n"
                "discern embed cats.safetensors holiday/ --normalize --to jsonl | head -3\n"
                "find -print0 | discern embed m.safetensors --files-from - -0 -o all.csv\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 0,
    .max_args = -1,
    .run = run,
};
