/*
 * terminal -- what whoever sits before it sees: notes, a live line, a line an epoch
 *
 * The live line says as much as fits, whole parts of it.  Where the descriptor is no terminal there
 * is none, but a line every half minute; nor is there one while the training runs in the
 * background of a shell, in whose way it would be.  What cannot be written is no error: the
 * terminal may be gone, the training goes on.
 */
#include "nn/base/cli.h"
#include "train/listen/append.h"
#include "train/listen/figures.h"
#include "train/listen/listen.h"
#include "train/listen/summary.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LIVE_SECONDS 0.1 /* between updates of the live line */
#define PLAIN_SECONDS 30 /* between lines where there is no terminal */

enum { WIDTH = 80 }; /* where the terminal does not know its own */

struct terminal {
    int fd;
    bool live;      /* lines can be written over */
    int shown;      /* columns of the live line that stands there */
    double last;    /* when something was shown, in seconds of the training */
    struct str val; /* the last figure; empty: none yet */
};

/* ---- what a line says ------------------------------------------------------------------------ */

/* The parts of a line as they are read; the number says which go first where there is no room. */
enum part { EPOCH, STEP, LOSS, ACCURACY, VAL, RATE, LEFT, MEMORY, PARTS };
static const int wanted[PARTS] = {
    [EPOCH] = 0, [LOSS] = 1, [LEFT] = 2, [VAL] = 3, [ACCURACY] = 4, [RATE] = 5, [STEP] = 6,
    [MEMORY] = 7,
};

static void add_part(struct str *s, enum part part, const struct terminal *t,
                     const struct train_event *e)
{
    switch (part) {
    case EPOCH:
        str_printf(s, "epoch %d/%d", e->epoch, e->epochs);
        break;
    case STEP:
        str_printf(s, "step %lld/%lld", (long long)e->step, (long long)e->steps);
        break;
    case LOSS:
        str_printf(s, "loss %.4f", e->loss);
        break;
    case ACCURACY:
        if (!isnan(e->accuracy))
            str_printf(s, "accuracy %.4f", e->accuracy);
        break;
    case VAL:
        str_add(s, str_text(&t->val));
        break;
    case RATE:
        str_printf(s, "%.0f pictures/s", e->rate);
        break;
    case LEFT:
        train_add_duration(s, e->left);
        str_add(s, " left");
        break;
    case MEMORY:
        str_printf(s, "%.0f MB", 1e-6 * (double)e->memory);
        break;
    case PARTS:
        break;
    }
}

/* The most wanted parts that fit into `columns`, in the order in which they are read. */
static void add_progress(struct str *s, int columns, const struct terminal *t,
                         const struct train_event *e)
{
    struct str text[PARTS] = { { 0 } };
    int last = -1, used = 0;

    for (int i = 0; i < PARTS; i++)
        add_part(&text[i], (enum part)i, t, e);
    for (int rank = 0; rank < PARTS && last == rank - 1; rank++)
        for (int i = 0; i < PARTS; i++) {
            int more = text[i].len ? (int)text[i].len + (used ? 2 : 0) : 0;

            if (wanted[i] != rank || used + more > columns)
                continue;
            used += more;
            last = rank;
        }
    for (int i = 0; i < PARTS; i++) {
        if (wanted[i] <= last && text[i].len)
            str_printf(s, "%s%s", s->len ? ", " : "", str_text(&text[i]));
        str_release(&text[i]);
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Whole lines at once, so that others' lines do not come between. */
static void put(const struct terminal *t, struct str *s)
{
    train_write_all(t->fd, str_text(s), s->len);
    str_release(s);
}

static int width_of(const struct terminal *t)
{
    struct winsize w = { 0 };

    return ioctl(t->fd, TIOCGWINSZ, &w) || !w.ws_col ? WIDTH : w.ws_col;
}

/* Takes the live line away.  One that no longer fits stands in several rows: it stays. */
static void add_clear(struct terminal *t, struct str *out)
{
    if (t->shown >= width_of(t))
        str_addc(out, '\n');
    else if (t->shown)
        str_printf(out, "\r%*s\r", t->shown, "");
    t->shown = 0;
}

/* A terminal that is not ours to ask about is taken as if we were in front. */
static bool in_background(const struct terminal *t)
{
    pid_t front = tcgetpgrp(t->fd);

    return front >= 0 && front != getpgrp();
}

static void show_live(struct terminal *t, const struct train_event *e)
{
    struct str line = { 0 }, out = { 0 };
    int width = width_of(t), len;

    add_progress(&line, width - 1, t, e);
    len = (int)line.len;
    if (t->shown >= width)
        add_clear(t, &out);
    str_printf(&out, "\r%s%*s", str_text(&line), t->shown > len ? t->shown - len : 0, "");
    put(t, &out);
    t->shown = len;
    str_release(&line);
}

/* In place of the live line. */
static void show_line(struct terminal *t, const char *text)
{
    struct str out = { 0 };

    add_clear(t, &out);
    str_add(&out, "discern: ");
    cli_clean(&out, text);
    str_addc(&out, '\n');
    put(t, &out);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_step(struct terminal *t, const struct train_event *e)
{
    struct str s = { 0 };

    if (e->elapsed - t->last < (t->live ? LIVE_SECONDS : PLAIN_SECONDS))
        return;
    t->last = e->elapsed;
    if (t->live) {
        if (!in_background(t))
            show_live(t, e);
        return;
    }
    add_progress(&s, INT_MAX, t, e);
    show_line(t, str_text(&s));
    str_release(&s);
}

static void on_epoch(struct terminal *t, const struct train_event *e)
{
    struct str s = { 0 };

    t->last = e->elapsed;
    str_printf(&s, "epoch %d/%d: loss %.4f, ", e->epoch, e->epochs, e->loss);
    if (!isnan(e->accuracy))
        str_printf(&s, "accuracy %.4f, ", e->accuracy);
    if (e->val) {
        str_clear(&t->val);
        str_add(&t->val, "val ");
        train_figures_text(&t->val, e->val);
        str_add(&s, str_text(&t->val));
        str_add(&s, e->best ? " (best so far), " : ", ");
    }
    str_printf(&s, "%.0f pictures/s, ", e->rate);
    train_add_duration(&s, e->left);
    str_add(&s, " left");
    show_line(t, str_text(&s));
    str_release(&s);
}

static void on_bad_file(struct terminal *t, const struct train_event *e)
{
    struct str s = { 0 };

    str_printf(&s, "%s; left out", e->text);
    show_line(t, str_text(&s));
    str_release(&s);
}

static bool hear(void *state, const struct train_event *e, struct err *err)
{
    struct terminal *t = state;

    (void)err;
    switch (e->kind) {
    case TRAIN_EVENT_STEP:
        on_step(t, e);
        break;
    case TRAIN_EVENT_EPOCH:
        on_epoch(t, e);
        break;
    case TRAIN_EVENT_BAD_FILE:
        on_bad_file(t, e);
        break;
    case TRAIN_EVENT_START:
    case TRAIN_EVENT_NOTE:
        show_line(t, e->text);
        break;
    case TRAIN_EVENT_SAVED:
    case TRAIN_EVENT_END:
    case TRAIN_EVENT_STOP: /* the command says these itself, as an error */
    case TRAIN_EVENT_FAIL:
        break;
    }
    return true;
}

static bool open_terminal(const struct train_listen_options *o, void **state, struct err *err)
{
    struct terminal *t;

    if (o->terminal <= 0)
        return true;
    *state = t = calloc(1, sizeof *t);
    if (!t)
        return err_set(err, ERR_MEMORY, "no memory to tell of the training");
    t->fd = o->terminal;
    t->live = cli_live(t->fd);
    return true;
}

static bool close_terminal(void *state, struct err *err)
{
    struct terminal *t = state;
    struct str out = { 0 };

    (void)err;
    add_clear(t, &out);
    put(t, &out);
    str_release(&t->val);
    free(t);
    return true;
}

const struct train_listener train_listener_terminal = {
    .name = "terminal",
    .open = open_terminal,
    .event = hear,
    .close = close_terminal,
};
