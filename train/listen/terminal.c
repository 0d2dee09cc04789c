/*
 * terminal -- what whoever sits before it sees: notes, a live line, a line an epoch
 *
 * How lines and the live line are shown is the stream's affair (nn/base/tell.h).
 */
#include "nn/base/tell.h"
#include "train/figures.h"
#include "train/listen/listen.h"

#include <math.h>
#include <stdlib.h>

struct terminal {
    FILE *to;
    double asked;   /* when progress was handed on, in seconds of the training */
    struct str val; /* the last figure; empty: none yet */
};

#define ASK_SECONDS 0.05 /* between lines that are made at all: less than what is shown */

/* The parts of a line as they are read; the number says which stay where there is no room. */
enum part { EPOCH, STEP, LOSS, ACCURACY, VAL, RATE, LEFT, MEMORY, PARTS };
static const int drop[PARTS] = {
    [EPOCH] = 0, [LOSS] = 1, [LEFT] = 2, [VAL] = 3, [ACCURACY] = 4, [RATE] = 5, [STEP] = 6,
    [MEMORY] = 7,
};

/* What the share of pictures that are answered right is called. */
static const char *share_name(const struct train_event *e)
{
    return e->taught ? "agreement" : "accuracy";
}

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
            str_printf(s, "%s %.4f", share_name(e), e->accuracy);
        break;
    case VAL:
        str_add(s, str_text(&t->val));
        break;
    case RATE:
        str_printf(s, "%.0f pictures/s", e->rate);
        break;
    case LEFT:
        str_duration(s, e->left);
        str_add(s, " left");
        break;
    case MEMORY:
        str_printf(s, "%.0f MB", 1e-6 * (double)e->memory);
        break;
    case PARTS:
        break;
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_step(struct terminal *t, const struct train_event *e)
{
    struct str text[PARTS] = { { 0 } };
    struct tell_part part[PARTS];

    if (e->elapsed - t->asked < ASK_SECONDS)
        return;
    t->asked = e->elapsed;
    for (int i = 0; i < PARTS; i++) {
        add_part(&text[i], (enum part)i, t, e);
        part[i] = (struct tell_part){ drop[i], str_text(&text[i]) };
    }
    tell_live(t->to, e->elapsed, part, PARTS);
    for (int i = 0; i < PARTS; i++)
        str_release(&text[i]);
}

static void on_epoch(struct terminal *t, const struct train_event *e)
{
    struct str s = { 0 };

    if (e->epoch)
        str_printf(&s, "epoch %d/%d: loss %.4f, ", e->epoch, e->epochs, e->loss);
    else
        str_add(&s, "as it begins: ");
    if (!isnan(e->accuracy))
        str_printf(&s, "%s %.4f, ", share_name(e), e->accuracy);
    if (e->val) {
        str_clear(&t->val);
        str_add(&t->val, "val ");
        train_figures_text(&t->val, e->val, e->taught);
        str_add(&s, str_text(&t->val));
        str_add(&s, e->epoch && e->best ? " (best so far)" : "");
    } else if (!e->epoch) {
        str_add(&s, "nothing is held out that judges it");
    }
    if (e->epoch) {
        str_printf(&s, "%s%.0f pictures/s, ", e->val ? ", " : "", e->rate);
        str_duration(&s, e->left);
        str_add(&s, " left");
    }
    tell_line(t->to, TELL_NOTE, str_text(&s));
    str_release(&s);
}

static void on_bad_file(struct terminal *t, const struct train_event *e)
{
    struct str s = { 0 };

    str_printf(&s, "%s; left out", e->text);
    tell_line(t->to, TELL_NOTE, str_text(&s));
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
        tell_line(t->to, TELL_NOTE, e->text);
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

    if (!o->terminal)
        return true;
    *state = t = calloc(1, sizeof *t);
    if (!t)
        return err_set(err, ERR_MEMORY, "no memory to tell of the training");
    t->to = o->terminal;
    return true;
}

static bool close_terminal(void *state, struct err *err)
{
    struct terminal *t = state;

    (void)err;
    tell_done(t->to);
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
