/*
 * timing -- see timing.h
 */
#include "train/timing.h"

#include "nn/base/clock.h"
#include "train/keep.h"
#include "train/plan.h"

#include <math.h>

/* Of the time given: what is planned for, where a slower machine makes the plan shorter, and where
 * a faster one makes it longer: what was measured beside other work, or at the start, where
 * pictures are still decoded, is slow. */
#define TIME_PLANNED 0.96
#define TIME_SHORTEN 1.01
#define TIME_LENGTHEN 0.92
/* The mean of so many steps is believed, and of no fewer than this share of the plan: the first are
 * slow ones. */
#define REPLAN_SHARE 0.05

enum {
    VAL_PICTURES = 128, /* that a validation is timed with */
    REPLAN_STEPS = 10,
};

/* To come to harm.  The training's own, at its first values still, makes room. */
static void *other_method(struct train_session *t, struct err *err)
{
    if (!t->going_on) {
        t->method->close(t->self);
        t->self = NULL;
    }
    return train_session_method(t, err);
}

bool train_timing_steps(struct train_session *t, double limit, struct err *err)
{
    struct train_pace *pace = &t->clock.pace;
    void *self = other_method(t, err);
    double start = clock_now(), first = 0, waited = 0;
    int steps = -1; /* the first one is warm-up, unless it takes all the time */
    int batches = 0, empty = 0;
    int64_t read = 0;
    bool ok = self, filling = train_caches_filling(&t->caches);
    struct train_outcome out;

    data_loader_start(t->loader, 0, 0);
    while (ok && !train_session_stopped(t) && (steps < 1 || clock_now() - start < limit) &&
           !(steps == 0 && first > limit)) {
        double before = data_loader_waited(t->loader);
        const struct data_batch *b = data_loader_next(t->loader);

        if (!b) {
            data_loader_start(t->loader, 0, 0);
            continue;
        }
        waited += data_loader_waited(t->loader) - before;
        read += b->n;
        empty = b->n < 2 ? empty + 1 : 0;
        if (empty > pace->per_epoch)
            ok = train_parts_nothing(read, err);
        if (b->n < 2)
            continue;
        ok = ok && t->method->learn(self, b, 0, err);
        if (++batches % t->cfg->accumulate)
            continue;
        ok = ok && t->method->update(self, 0, &out, err);
        if (++steps == 0) {
            first = clock_now() - start;
            start = clock_now();
            waited = 0;
        }
    }
    pace->step = steps > 0 ? (clock_now() - start) / steps : first;
    pace->fill = steps > 0 && filling ? waited / steps : 0;
    pace->step -= pace->fill;
    t->method->close(self);
    if (!t->self)
        t->self = train_session_method(t, err);
    return ok && t->self;
}

void train_timing_val(struct train_session *t)
{
    struct data_index few = *t->parts.val;
    struct infer_figures f = { 0 };
    struct err ignored = { 0 }; /* the first pictures may all be bad; others need not be */
    double start;

    few.n = few.n < VAL_PICTURES ? few.n : VAL_PICTURES;
    t->method->values(t->self, t->model->params);
    start = clock_now();
    train_keep_validate(t, t->model, &few, &f, &ignored);
    infer_figures_release(&f);
    t->clock.pace.val = (clock_now() - start) * t->parts.val->n / few.n;
}

/* Seconds that the looks take that belong to no epoch with steps: at the start, and for the
 * calibration at the end. */
static double other_looks(const struct train_session *t)
{
    return (!t->progress.epoch + train_session_calibrates(t)) * t->clock.pace.val;
}

bool train_timing_plan(struct train_session *t, struct err *err)
{
    double limit = fmin(fmax(0.05 * t->cfg->time, 0.5), 5);
    struct train_pace *pace = &t->clock.pace;

    if (!train_timing_steps(t, limit, err))
        return false;
    if (train_session_stopped(t))
        return true;
    if (t->parts.val)
        train_timing_val(t);
    t->cfg->steps = (int)train_pace_steps(
        pace, 0, TIME_PLANNED * t->cfg->time - train_clock_elapsed(&t->clock) - other_looks(t));
    train_session_note(
        t, TRAIN_EVENT_NOTE,
        "steps %d, which is %.1f epochs: a step takes %.3g s and a validation %.3g s, and %g s "
        "are given",
        t->cfg->steps, (double)t->cfg->steps / (double)pace->per_epoch, pace->step, pace->val,
        t->cfg->time);
    return true;
}

/* Whether the plan may become longer: not soon after a change, nor where small pictures are fast
 * ones, and some changes are kept for a machine that becomes slower at last. */
static bool may_lengthen(const struct train_session *t, int64_t steps)
{
    int n = train_plan_changes(t->cfg);
    int64_t since = n ? t->progress.step - t->cfg->shortened[2 * n - 2] : t->progress.step;

    return n < TRAIN_CHANGES / 2 && t->cfg->progressive >= 1 &&
           (double)since >= REPLAN_SHARE * (double)steps;
}

void train_timing_replan(struct train_session *t)
{
    double spent = train_clock_elapsed(&t->clock), all = spent + train_session_left(t);
    int64_t was = train_plan_steps(t->cfg), steps;
    bool shorten = all > TIME_SHORTEN * t->cfg->time;

    if (t->cfg->time <= 0 ||
        (double)t->clock.steps < fmax(REPLAN_STEPS, REPLAN_SHARE * (double)was) ||
        (!shorten && (all >= TIME_LENGTHEN * t->cfg->time || !may_lengthen(t, was))))
        return;
    /* Of the epoch under way, what is made is not to be made again. */
    steps = t->progress.step +
            train_pace_steps(&t->clock.pace, t->progress.step,
                             TIME_PLANNED * t->cfg->time - spent - other_looks(t));
    if ((shorten ? steps >= was : steps <= was) ||
        !train_plan_change(t->cfg, t->progress.step, steps))
        return;
    t->cfg->epochs = train_session_epochs(t, steps);
    if (train_plan_changes(t->cfg) == 1)
        train_session_note(
            t, TRAIN_EVENT_NOTE,
            "the machine is %s than it was measured to be: %lld steps instead of %lld, or as "
            "many as the time given takes",
            shorten ? "slower" : "faster", (long long)steps, (long long)was);
}

void train_timing_tell(const struct train_session *t)
{
    struct str how = { 0 };

    if (t->cfg->time <= 0)
        return;
    str_printf(&how, "--steps %d", t->cfg->steps);
    if (train_plan_changes(t->cfg)) {
        str_add(&how, " --shortened ");
        field_text(field_find(train_cfg_fields, "shortened"), t->cfg, &how);
    }
    train_session_note(t, TRAIN_EVENT_NOTE, "%s instead of --time repeats this training",
                       str_text(&how));
    str_release(&how);
}
