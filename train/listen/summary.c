/*
 * summary -- see summary.h
 */
#include "train/listen/summary.h"

#include "nn/base/json.h"
#include "train/figures.h"
#include "train/listen/listen.h"

#include <math.h>

static void on_epoch(struct train_summary *s, const struct train_event *e)
{
    json_begin(&s->history, NULL, '{');
    json_number(&s->history, "epoch", e->epoch);
    json_number(&s->history, "step", (double)e->step);
    json_number(&s->history, "loss", e->loss);
    if (e->val)
        train_figures_json(&s->history, e->val);
    json_number(&s->history, "seconds", e->elapsed);
    json_end(&s->history, '}');
}

static void on_end(struct train_summary *s, const struct train_event *e)
{
    const struct infer_figures *f = e->val;

    s->elapsed = e->elapsed;
    s->waited = e->waited;
    s->best_epoch = e->epoch;
    s->epochs = e->epochs;
    s->steps = e->step;
    s->taught = e->taught;
    str_add(&s->result, "trained in ");
    str_duration(&s->result, e->elapsed);
    if (!f)
        return;
    json_begin(&s->figures, NULL, '{');
    train_figures_json(&s->figures, f);
    json_end(&s->figures, '}');
    str_add(&s->result, ": ");
    train_figures_text(&s->result, f, e->taught);
    str_add(&s->result, e->taught ? " with the teacher" : "");
    str_printf(&s->result, " on %d picture%s that %s held out", f->n, str_plural(f->n),
               f->n == 1 ? "was" : "were");
    if (e->epoch)
        str_printf(&s->result, ", after epoch %d of %d", e->epoch, e->epochs);
    else if (e->step)
        str_printf(&s->result, ", as it began: none of the %d epoch%s made it better", e->epochs,
                   str_plural(e->epochs));
    str_add(&s->result, "; ");
    if (f->task == DATA_SINGLE)
        str_printf(&s->result, "always answering the commonest label gives %.4f", f->majority);
    else
        str_printf(&s->result, "answering how common labels are gives %.4f", f->baseline_ap);
}

static bool open_summary(const struct train_listen_options *o, void **state, struct err *err)
{
    (void)err;
    *state = o->summary;
    return true;
}

static bool hear(void *state, const struct train_event *e, struct err *err)
{
    (void)err;
    if (e->kind == TRAIN_EVENT_EPOCH)
        on_epoch(state, e);
    else if (e->kind == TRAIN_EVENT_END)
        on_end(state, e);
    return true;
}

static bool close_summary(void *state, struct err *err)
{
    (void)state, (void)err;
    return true;
}

void train_summary_release(struct train_summary *s)
{
    str_release(&s->history);
    str_release(&s->figures);
    str_release(&s->result);
}

const struct train_listener train_listener_summary = {
    .name = "summary",
    .open = open_summary,
    .event = hear,
    .close = close_summary,
};
