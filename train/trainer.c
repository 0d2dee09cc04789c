/*
 * trainer -- see trainer.h
 *
 * A training is a number of steps.  A step learns from the next batch of the loader and moves the
 * weights; an epoch ends with a validation by infer_evaluate on the very model that is then
 * written, so that the figure told is the figure of the file.  All state is in struct
 * train_progress, the method's blocks and cfg: what a checkpoint holds.
 */
#include "train/trainer.h"

#include "infer/info.h"
#include "nn/base/clock.h"
#include "nn/base/str.h"
#include "train/checkpoint.h"
#include "train/keep.h"
#include "train/plan.h"
#include "train/session.h"
#include "train/timing.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

enum {
    DEAD_BATCHES = 8, /* so many in a row without a picture: it is no chance */
    MAX_ROLLBACKS = 5,
    OUTLINE_SECONDS = 2, /* of steps, to tell how long a training would take */
};

/* ---- the loop -------------------------------------------------------------------------------- */

static struct train_sched sched_of(const struct train_session *t)
{
    const struct train_cfg *cfg = t->cfg;

    return (struct train_sched){ cfg->sched, cfg->warmup, cfg->drop, cfg->drop_every,
                                 cfg->patience, cfg->lr_end };
}

/* Of step k, from 0. */
static double rate_of(const struct train_session *t, int k)
{
    struct train_sched sched = sched_of(t);

    return t->cfg->lr * train_sched_share(&sched, train_plan_done(t->cfg, k + 0.5)) *
           train_plateau_share(&t->progress.plateau, &sched) * pow(0.5, t->progress.rollbacks);
}

/* Whether anything was written that can be gone on from. */
static bool has_begun(const struct train_progress *p)
{
    return p->step || p->best_epoch >= 0;
}

/* The user asked to stop: what is there is saved. */
static bool stop_here(struct train_session *t, bool unsaved, struct err *err)
{
    struct train_progress here = t->progress;
    struct str folder = { 0 };

    if (unsaved) {
        t->method->values(t->self, t->model->params);
        if (!train_keep_save(t, &here, NULL, false, err))
            return false;
    }
    if (!has_begun(&here))
        return err_set(err, ERR_CANCELLED, "stopped before the first step; nothing was saved");
    str_shell(&folder, t->run->out);
    err_set(err, ERR_CANCELLED,
            "stopped after step %d of %lld; \"discern train --resume %s\" goes on from there%s",
            here.step, (long long)train_plan_steps(t->cfg), str_text(&folder),
            here.best_epoch >= 0 ? "; the best model so far is in " TRAIN_BEST : "");
    str_release(&folder);
    return false;
}

/* Numbers that are not finite: true when the training can go on from before them. */
static bool diverged(struct train_session *t, struct err *err)
{
    struct train_progress *p = &t->progress;
    struct err cause = *err;
    int rollbacks = p->rollbacks + 1;

    if (cause.kind != ERR_DIVERGED)
        return false;
    err_set(err, ERR_DIVERGED,
            "epoch %d, step %d: %.200s; a smaller learning rate than %g may help%s", p->epoch,
            p->step + 1, cause.msg, t->lr,
            p->best_epoch >= 0 ? "; " TRAIN_BEST " is from before" : "");
    if (t->cfg->on_nan != TRAIN_NAN_ROLLBACK || rollbacks > MAX_ROLLBACKS)
        return false;
    train_session_note(t, TRAIN_EVENT_NOTE,
                       "epoch %d, step %d: %.200s: back to the last checkpoint, and on at "
                       "half the rate",
                       p->epoch, p->step + 1, cause.msg);
    if (!train_keep_back(t, err))
        return false;
    p->rollbacks = rollbacks;
    *err = (struct err){ 0 };
    return true;
}

enum epoch_end { EPOCH_DONE, EPOCH_AGAIN, EPOCH_FAILED };

/* What a step took from the loader, and the epoch so far. */
struct taken {
    int learnt, pictures; /* batches that taught something; pictures of the step */
    int64_t read;         /* pictures of the epoch */
    int dead;             /* batches without a picture, in a row */
};

/* Learns from the batches of one step; returns how many there were, 0 at the end of the epoch, -1
 * on failure. */
static int take_batches(struct train_session *t, struct taken *taken, struct err *err)
{
    struct train_progress *p = &t->progress;
    const struct data_batch *b;
    int n = 0;

    taken->learnt = taken->pictures = 0;
    while (n < t->cfg->accumulate && (b = data_loader_next(t->loader))) {
        n++;
        p->batch++;
        taken->pictures += b->n;
        taken->read += b->n;
        taken->dead = b->n ? 0 : taken->dead + 1;
        if (b->n < 2) /* one picture has no variance to norm by */
            continue;
        if (!t->method->learn(t->self, b, (uint64_t)p->step, err))
            return -1;
        taken->learnt++;
    }
    return n;
}

/* The update that follows what was learnt. */
static bool make_step(struct train_session *t, struct train_outcome *out, struct err *err)
{
    struct train_progress *p = &t->progress;

    t->lr = rate_of(t, p->step);
    if (!t->method->update(t->self, t->lr, out, err))
        return false;
    p->made++;
    p->loss += out->loss;
    p->pictures += out->pictures;
    p->right += out->right;
    return true;
}

/* The steps of the epoch under way, from where it is.  AGAIN: from an earlier point. */
static enum epoch_end run_epoch(struct train_session *t, struct err *err)
{
    struct train_progress *p = &t->progress;
    double begin, waited = 0;
    bool filling = p->epoch == 1 && train_caches_filling(&t->caches);
    struct taken taken = { 0 };

    if (!train_session_see(t, p->epoch, err))
        return EPOCH_FAILED;
    data_loader_start(t->loader, (uint64_t)p->epoch - 1, p->batch);
    train_clock_epoch(&t->clock);
    begin = clock_now();
    while (p->step < train_plan_steps(t->cfg)) {
        struct train_outcome out = { .loss = NAN, .norm = NAN };
        int n = take_batches(t, &taken, err);

        if (!n)
            break;
        if (n < 0 || (taken.learnt && !make_step(t, &out, err)))
            return diverged(t, err) ? EPOCH_AGAIN : EPOCH_FAILED;
        if (p->made && taken.dead >= DEAD_BATCHES) {
            err_set(err, ERR_INPUT,
                    "the pictures can no longer be read (see above): %d batches in "
                    "a row had none",
                    taken.dead);
            return EPOCH_FAILED;
        }
        p->step++;
        train_clock_step(&t->clock, clock_now() - begin, data_loader_waited(t->loader) - waited,
                         taken.pictures, filling);
        waited = data_loader_waited(t->loader);
        begin = clock_now();
        train_session_emit(t, (struct train_event){ .kind = TRAIN_EVENT_STEP,
                                                    .step_loss = out.loss,
                                                    .norm = out.norm });
        if (p->step == train_plan_steps(t->cfg))
            break;
        if (train_session_stopped(t)) {
            stop_here(t, true, err);
            return EPOCH_FAILED;
        }
        if (t->run->save_every > 0 && begin - t->saved > t->run->save_every) {
            struct train_progress here = *p;

            t->method->values(t->self, t->model->params);
            if (!train_keep_save(t, &here, NULL, false, err))
                return EPOCH_FAILED;
        }
        train_timing_replan(t);
    }
    return p->made || train_parts_nothing(taken.read, err) ? EPOCH_DONE : EPOCH_FAILED;
}

/* Whether f is better than the best so far: by the figure watched, then by the log loss. */
static bool better(const struct train_progress *p, double figure, double loss)
{
    return p->best_epoch < 0 || figure > p->best_figure ||
           (figure == p->best_figure && loss < p->best_loss);
}

/* Checks, tells and saves. */
static bool end_epoch(struct train_session *t, struct err *err)
{
    struct train_progress next = t->progress;
    struct train_sched sched = sched_of(t);
    struct infer_figures f = { 0 };
    double before = clock_now(), figure;
    bool best = true, ok;

    t->method->values(t->self, t->model->params);
    if (t->parts.val) {
        if (!train_keep_validate(t, t->model, t->parts.val, &f, err)) {
            struct err ignored = { 0 }; /* the first cause is the one to tell */

            train_keep_save(t, &next, NULL, false, &ignored);
            return err_in(err, "validation");
        }
        figure = infer_figures_main(&f);
        figure = isnan(figure) ? -1 : figure;
        best = better(&next, figure, f.log_loss);
        if (sched.kind == TRAIN_SCHED_plateau)
            train_plateau_epoch(&next.plateau, &sched, figure);
        if (best) {
            next.best_figure = figure;
            next.best_loss = f.log_loss;
        }
    }
    if (best)
        next.best_epoch = next.epoch;
    train_session_emit(t, (struct train_event){ .kind = TRAIN_EVENT_EPOCH,
                                                .val = t->parts.val ? &f : NULL,
                                                .best = best });
    next.epoch++;
    next.batch = next.made = next.pictures = next.right = 0;
    next.loss = 0;
    ok = train_keep_save(t, &next, t->parts.val ? &f : NULL, best, err);
    t->clock.pace.val = clock_now() - before;
    if (best && ok) {
        infer_figures_release(&t->best);
        t->best = f;
        t->have_best = true;
    } else {
        infer_figures_release(&f);
    }
    return ok;
}

static void tell_start(struct train_session *t)
{
    const struct train_cfg *cfg = t->cfg;
    int steps = (int)train_plan_steps(cfg), epochs = train_session_epochs(t, steps);
    char length[100] = "no steps";

    if (steps)
        snprintf(length, sizeof length, "%d step%s of %d in %d epoch%s", steps, str_plural(steps),
                 cfg->batch, epochs, str_plural(epochs));
    train_session_note(
        t, TRAIN_EVENT_START,
        "%s, %.3g M parameters, %.3g MFLOP a picture of %dx%d; %d pictures to learn from, %d to "
        "check with, %d label%s; %s",
        t->arch, 1e-6 * (double)t->method->trained(t->self),
        1e-6 * (double)t->method->flops(t->self), t->prep.size[1], t->prep.size[0],
        t->parts.train->n, t->parts.val ? t->parts.val->n : 0, t->index->n_labels,
        str_plural(t->index->n_labels), length);
    if (has_begun(&t->progress))
        train_session_note(t, TRAIN_EVENT_NOTE, "going on after step %d, in epoch %d",
                           t->progress.step, t->progress.epoch);
}

/* Ends early: nothing better came for long. */
static bool patience_is_over(const struct train_session *t)
{
    const struct train_progress *p = &t->progress;
    int waited = p->best_epoch < 0 ? 0 : p->epoch - 1 - p->best_epoch;
    char best[40] = "the start";

    if (!t->cfg->stop_after || waited < t->cfg->stop_after)
        return false;
    if (p->best_epoch)
        snprintf(best, sizeof best, "epoch %d", p->best_epoch);
    train_session_note(t, TRAIN_EVENT_NOTE,
                       "%d epoch%s brought nothing better than %s: that is the end", waited,
                       str_plural(waited), best);
    return true;
}

/* Whether another epoch follows.  Epoch 0, the start, is one without steps. */
static bool goes_on(const struct train_session *t)
{
    const struct train_progress *p = &t->progress;

    return !p->epoch || (p->step < train_plan_steps(t->cfg) && !patience_is_over(t));
}

static bool loop(struct train_session *t, struct err *err)
{
    struct train_progress *p = &t->progress;

    if (train_session_stopped(t))
        return stop_here(t, false, err);
    t->cfg->epochs = train_session_epochs(t, train_plan_steps(t->cfg));
    if (!t->run->resume && !train_checkpoint_forget(t->run->out, err))
        return false;
    tell_start(t);
    if (train_session_stopped(t)) /* who was told may have found that nothing can be written */
        return stop_here(t, false, err);
    t->saved = clock_now();
    t->lr = p->step ? rate_of(t, p->step - 1) : 0;
    while (goes_on(t)) {
        enum epoch_end how = p->epoch ? run_epoch(t, err) : EPOCH_DONE;

        if (how == EPOCH_AGAIN)
            continue;
        if (how == EPOCH_FAILED || !end_epoch(t, err))
            return false;
        if (train_session_stopped(t) && p->step < train_plan_steps(t->cfg))
            return stop_here(t, false, err);
    }
    t->method->close(t->self); /* all is written: room for another look */
    t->self = NULL;
    if (!train_keep_best(t, err) || !train_keep_calibrate(t, err))
        return false;
    train_timing_tell(t);
    train_session_emit(t, (struct train_event){ .kind = TRAIN_EVENT_END,
                                                .epoch = p->best_epoch,
                                                .val = t->parts.val ? &t->best : NULL,
                                                .best = true });
    return true;
}

/* Why there is no END: the log's last line. */
static void tell_why(const struct train_session *t, const struct err *err)
{
    bool stopped = err->kind == ERR_CANCELLED;

    train_session_emit(t, (struct train_event){
                              .kind = stopped ? TRAIN_EVENT_STOP : TRAIN_EVENT_FAIL,
                              .text = err->msg });
}

void train_note(const struct train_run *run, const char *fmt, ...)
{
    struct str text = { 0 };
    va_list ap;

    va_start(ap, fmt);
    str_vprintf(&text, fmt, ap);
    va_end(ap);
    if (run->event && text.len)
        run->event(run->event_ctx, &(struct train_event){ .kind = TRAIN_EVENT_NOTE,
                                                          .text = str_text(&text) });
    str_release(&text);
}

bool train_with(const struct train_method *method, const struct data_index *x,
                struct train_cfg *cfg, const struct train_run *run, struct err *err)
{
    struct train_session t = { .cfg = cfg, .run = run, .index = x, .method = method };
    bool ok;

    t.progress = train_progress_new();
    train_clock_start(&t.clock, 0);
    ok = train_session_open(&t, err);
    if (train_session_judges_start(&t))
        t.progress.epoch = 0;
    if (run->find_lr) {
        if (ok)
            train_session_note(&t, TRAIN_EVENT_NOTE, "find-lr: up to %d rates, a batch each",
                               TRAIN_FIND_LR_STEPS);
        ok = ok && train_find_lr_run(run->find_lr, method, t.self, t.loader, run->stop, err);
        train_session_close(&t);
        return ok;
    }
    ok = ok && (!run->resume || train_keep_resume(&t, err));
    t.clock.before = t.progress.elapsed;
    ok = ok && (cfg->time <= 0 || t.progress.step || train_timing_plan(&t, err)) && loop(&t, err);
    if (!ok)
        tell_why(&t, err);
    train_session_close(&t);
    return ok;
}

bool train_outline(const struct train_method *method, const struct data_index *x,
                   struct train_cfg *cfg, const struct train_run *run, struct train_outline *out,
                   struct err *err)
{
    struct train_session t = { .cfg = cfg, .run = run, .index = x, .method = method };
    const struct train_pace *pace = &t.clock.pace;
    bool ok;

    train_clock_start(&t.clock, 0);
    ok = train_session_open(&t, err);
    if (ok && cfg->time > 0) {
        ok = train_timing_plan(&t, err);
    } else if (ok) {
        ok = train_timing_steps(&t, OUTLINE_SECONDS, err);
        if (ok && t.parts.val && !train_session_stopped(&t))
            train_timing_val(&t);
    }
    if (ok && train_session_stopped(&t))
        ok = err_set(err, ERR_CANCELLED, "stopped");
    if (ok) {
        memcpy(out->arch, t.arch, sizeof out->arch);
        memcpy(out->size, t.prep.size, sizeof out->size);
        out->channels = data_prep_channels(&t.prep);
        out->trained = method->trained(t.self);
        out->flops = method->flops(t.self);
        out->per_epoch = pace->per_epoch;
        out->steps = train_plan_steps(cfg);
        out->epochs = cfg->epochs = train_session_epochs(&t, out->steps);
        out->step = pace->step + pace->fill;
        out->val = pace->val;
        out->start = train_session_judges_start(&t);
        out->memory = t.memory;
        data_recipe_text(&t.recipe, &out->recipe);
        infer_info_variants(method->plan(t.self), &out->variants);
    }
    train_session_close(&t);
    return ok;
}
