/*
 * log -- see log.h
 *
 * The log of a training that goes on is gone on with: its START says from which step, and lines of
 * later steps before it are of what was lost.
 */
#include "train/listen/log.h"

#include "nn/base/json.h"
#include "train/listen/append.h"
#include "train/figures.h"
#include "train/listen/listen.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

double train_log_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-3 * floor(1e-6 * (double)t.tv_nsec);
}

static void add_numbers(struct str *out, const struct train_event *e)
{
    json_number(out, "loss", e->loss);
    json_number(out, "accuracy", e->accuracy);
    if (e->kind == TRAIN_EVENT_STEP) {
        json_number(out, "step_loss", e->step_loss);
        json_number(out, "norm", e->norm);
    }
    json_number(out, "lr", e->lr);
    json_number(out, "pictures_per_second", e->rate);
    json_number(out, "left", e->left);
    json_number(out, "waited", e->waited);
    json_number(out, "memory", (double)e->memory);
    if (e->kind == TRAIN_EVENT_STEP)
        return;
    if (e->val) {
        json_begin(out, "val", '{');
        train_figures_json(out, e->val);
        json_end(out, '}');
    } else {
        json_raw(out, "val", "null");
    }
    json_raw(out, "best", e->best ? "true" : "false");
}

void train_log_line(struct str *out, const struct train_event *e, double time)
{
    struct str line = { 0 };

    json_begin(&line, NULL, '{');
    json_text(&line, "schema", "discern.train.event/1");
    json_text(&line, "event", train_event_names[e->kind]);
    json_number(&line, "time", time);
    json_number(&line, "seconds", e->elapsed);
    json_number(&line, "epoch", e->epoch);
    json_number(&line, "epochs", e->epochs);
    json_number(&line, "step", (double)e->step);
    json_number(&line, "steps", (double)e->steps);
    switch (e->kind) {
    case TRAIN_EVENT_NOTE:
    case TRAIN_EVENT_START:
    case TRAIN_EVENT_BAD_FILE:
    case TRAIN_EVENT_SAVED:
    case TRAIN_EVENT_STOP:
    case TRAIN_EVENT_FAIL:
        json_text(&line, "text", e->text);
        break;
    case TRAIN_EVENT_STEP:
    case TRAIN_EVENT_EPOCH:
    case TRAIN_EVENT_END:
        add_numbers(&line, e);
        break;
    }
    json_end(&line, '}');
    str_addc(&line, '\n');
    str_addn(out, str_text(&line), line.len);
    out->failed |= line.failed;
    str_release(&line);
}

/* ---- the listener ---------------------------------------------------------------------------- */

struct log {
    const struct train_listen_options *o;
    struct train_append file;
    struct str text; /* what came before START, then a line */
    int64_t every;   /* steps */
};

static bool hear(void *state, const struct train_event *e, struct err *err)
{
    struct log *l = state;

    if (e->kind == TRAIN_EVENT_STEP && l->every > 1 && e->step % l->every)
        return true;
    train_log_line(&l->text, e, train_log_now());
    if (e->kind == TRAIN_EVENT_START && !l->file.path) {
        l->every = (e->steps + TRAIN_LOG_STEPS - 1) / TRAIN_LOG_STEPS;
        if (!train_append_open(&l->file, l->o->out, TRAIN_LOG_FILE, l->o->resumed, err))
            return false;
    }
    if (!l->file.path)
        return true;
    train_append_hear(&l->file, e);
    return train_append_str(&l->file, &l->text, err);
}

static bool open_log(const struct train_listen_options *o, void **state, struct err *err)
{
    struct log *l;

    if (!o->out)
        return true;
    *state = l = calloc(1, sizeof *l);
    if (!l)
        return err_set(err, ERR_MEMORY, "no memory to write " TRAIN_LOG_FILE);
    l->o = o;
    return true;
}

static bool close_log(void *state, struct err *err)
{
    struct log *l = state;

    (void)err;
    train_append_close(&l->file);
    str_release(&l->text);
    free(l);
    return true;
}

const struct train_listener train_listener_log = {
    .name = "log",
    .open = open_log,
    .event = hear,
    .close = close_log,
};
