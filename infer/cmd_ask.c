/*
 * cmd_ask -- see cmd_ask.h
 */
#include "infer/cmd_ask.h"

#include "data/names.h"
#include "nn/base/file.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Names at a time; and bytes of a picture on standard input, as many as of one in a file. */
enum { CHUNK = 2048, INPUT_MOST = 256 << 20 };

struct asking {
    const struct infer_ask *o;
    char *names;                /* of a chunk, each with its 0 byte */
    size_t used, room;
    size_t at[CHUNK];           /* where each begins */
    const char *path[CHUNK];
    int n;
    bool input;                 /* the one that is answered came on standard input */
    struct err *err;            /* of what was made of an answer */
};

bool infer_ask_failed(const discern_error *e, struct err *err)
{
    enum err_kind kind = e->status == DISCERN_USAGE    ? ERR_USAGE
                         : e->status == DISCERN_IO     ? ERR_IO
                         : e->status == DISCERN_MEMORY ? ERR_MEMORY
                                                       : ERR_INPUT;

    return err_set(err, kind, "%s", e->message);
}

/* ---- signals --------------------------------------------------------------------------------- */

/* The signal that came while files were half-written or half-sorted. */
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

void infer_ask_heed(void)
{
    catch_signals(on_signal);
}

bool infer_ask_stopped(void)
{
    return stopped_by;
}

void infer_ask_obey(void)
{
    if (!stopped_by)
        return;
    catch_signals(SIG_DFL);
    raise(stopped_by);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The library knows no name for bytes. */
static void name_input(const discern_answer *a, char *text, size_t size)
{
    static const char unnamed[] = "picture in memory: ";
    bool is = !strncmp(a->message, unnamed, sizeof unnamed - 1);

    snprintf(text, size, "standard input: %s", a->message + (is ? sizeof unnamed - 1 : 0));
}

static int on_answer(void *ctx, const discern_answer *given)
{
    struct asking *k = ctx;
    const char *path = k->input ? "-" : k->path[given->file];
    char message[sizeof((discern_error *)0)->message];
    discern_answer a = *given;

    if (stopped_by)
        return 1;
    if (k->input && a.status != DISCERN_OK) {
        name_input(given, message, sizeof message);
        a.message = message;
    }
    return !k->o->answer(k->o->ctx, path, &a, k->err);
}

/* Asks what has been gathered. */
static bool ask(struct asking *k, struct err *err)
{
    discern_error e;
    int n = k->n;

    for (int i = 0; i < n; i++)
        k->path[i] = k->names + k->at[i];
    k->n = 0;
    k->used = 0;
    k->err = err;
    if (n && discern_files(k->o->session, n, k->path, on_answer, k, &e))
        return infer_ask_failed(&e, err);
    return !stopped_by && !err->kind;
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool on_wait(void *ctx, struct err *err)
{
    return ask(ctx, err);
}

static bool on_picture(void *ctx, const char *path, struct err *err)
{
    struct asking *k = ctx;
    size_t size = strlen(path) + 1;

    if (k->n == CHUNK && !ask(k, err))
        return false;
    if (k->o->picture && !k->o->picture(k->o->ctx, path, err))
        return false;
    if (size > k->room - k->used) {
        size_t room = 2 * (k->room + size);
        char *names = realloc(k->names, room);

        if (!names)
            return err_set(err, ERR_MEMORY, "no memory for the pictures' names");
        k->names = names;
        k->room = room;
    }
    memcpy(k->names + k->used, path, size);
    k->at[k->n++] = k->used;
    k->used += size;
    return !stopped_by;
}

static bool on_missed(void *ctx, const char *path, const struct err *why, struct err *err)
{
    struct asking *k = ctx;

    return ask(k, err) && k->o->missed(k->o->ctx, path, why, err);
}

static bool on_input(void *ctx, struct err *err)
{
    struct asking *k = ctx;
    discern_error e;
    uint8_t *bytes;
    size_t size;
    int rc;

    if (!ask(k, err))
        return false;
    bytes = file_read_input(INPUT_MOST, &size, err);
    if (!bytes)
        return false;
    k->input = true;
    rc = discern_bytes(k->o->session, bytes, size, on_answer, k, &e);
    k->input = false;
    free(bytes);
    return rc ? infer_ask_failed(&e, err) : !stopped_by && !err->kind;
}

/* ---- all ------------------------------------------------------------------------------------- */

bool infer_ask_check(const char *list, bool null, int n, char *const *arg, bool *input,
                     struct err *err)
{
    int pictures = 0;

    for (int i = 0; i < n; i++)
        pictures += !strcmp(arg[i], "-");
    *input = pictures;
    if (pictures + (list && !strcmp(list, "-")) > 1)
        return err_set(err, ERR_USAGE, "standard input is there once: one - at a time");
    if (null && !list)
        return err_set(err, ERR_USAGE, "--null is for the LIST of --files-from");
    return true;
}

bool infer_ask_go(const struct infer_ask *a, struct err *err)
{
    struct asking *k = calloc(1, sizeof *k);
    const struct data_names names = {
        .arg = a->arg, .n = a->n, .list = a->list, .null = a->null, .spare = a->spare,
        .picture = on_picture, .input = on_input, .missed = on_missed, .wait = on_wait, .ctx = k,
    };
    bool ok;

    if (!k)
        return err_set(err, ERR_MEMORY, "no memory for the pictures' names");
    k->o = a;
    ok = data_names_go(&names, err) && ask(k, err);
    free(k->names);
    free(k);
    return ok;
}
