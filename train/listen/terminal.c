/*
 * terminal -- what whoever sits before it sees: notes, a live line, a line an epoch
 *
 * Where the descriptor is no terminal there is no live line, but a line every half minute.  What
 * cannot be written there is no error: the terminal may be gone, the training goes on.
 */
#include "nn/base/cli.h"
#include "train/listen/figures.h"
#include "train/listen/listen.h"
#include "train/listen/summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LIVE_SECONDS 0.1 /* between updates of the live line */
#define PLAIN_SECONDS 30 /* between lines where there is no terminal */

enum { WIDTH = 80 }; /* where the terminal does not know its own */

struct terminal {
    int fd;
    bool live;   /* it is a terminal */
    int shown;   /* columns of the live line that stands there */
    double last; /* when something was shown, in seconds of the training */
};

/* Whole lines at once, so that others' lines do not come between. */
static void put(const struct terminal *t, struct str *s)
{
    const char *p = str_text(s);
    size_t left = s->len;

    while (left) {
        ssize_t n = write(t->fd, p, left);

        if (n < 0 && errno != EINTR)
            break;
        p += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
    str_release(s);
}

static void add_clear(struct terminal *t, struct str *out)
{
    if (t->shown)
        str_printf(out, "\r%*s\r", t->shown, "");
    t->shown = 0;
}

static void show_live(struct terminal *t, const char *text)
{
    struct winsize w = { 0 };
    struct str out = { 0 };
    int width = ioctl(t->fd, TIOCGWINSZ, &w) || !w.ws_col ? WIDTH : w.ws_col,
        len = (int)strlen(text);

    if (len > width - 1)
        len = width - 1;
    str_printf(&out, "\r%.*s%*s", len, text, t->shown > len ? t->shown - len : 0, "");
    put(t, &out);
    t->shown = len;
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

static void add_progress(struct str *s, const struct train_event *e)
{
    str_printf(s, "epoch %d/%d, step %lld/%lld, loss %.4f, %.0f pictures/s, ", e->epoch, e->epochs,
               (long long)e->step, (long long)e->steps, e->loss, e->rate);
    train_add_duration(s, e->left);
    str_add(s, " left");
}

static void on_step(struct terminal *t, const struct train_event *e)
{
    struct str s = { 0 };

    if (e->elapsed - t->last < (t->live ? LIVE_SECONDS : PLAIN_SECONDS))
        return;
    t->last = e->elapsed;
    add_progress(&s, e);
    if (t->live)
        show_live(t, str_text(&s));
    else
        show_line(t, str_text(&s));
    str_release(&s);
}

static void on_epoch(struct terminal *t, const struct train_event *e)
{
    struct str s = { 0 };

    t->last = e->elapsed;
    str_printf(&s, "epoch %d/%d: loss %.4f, ", e->epoch, e->epochs, e->loss);
    if (e->val) {
        train_figures_text(&s, e->val);
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
        break;
    }
    return true;
}

static bool open_terminal(const struct train_listen_options *o, void **state, struct err *err)
{
    struct terminal *t;

    if (o->terminal < 0)
        return true;
    *state = t = calloc(1, sizeof *t);
    if (!t)
        return err_set(err, ERR_MEMORY, "no memory to tell of the training");
    t->fd = o->terminal;
    t->live = isatty(t->fd);
    return true;
}

static bool close_terminal(void *state, struct err *err)
{
    struct terminal *t = state;
    struct str out = { 0 };

    (void)err;
    add_clear(t, &out);
    put(t, &out);
    free(t);
    return true;
}

const struct train_listener train_listener_terminal = {
    .name = "terminal",
    .open = open_terminal,
    .event = hear,
    .close = close_terminal,
};
