/*
 * trainer -- see trainer.h
 *
 * A training is a number of steps.  A step learns from the next batch of the loader and moves the
 * weights; an epoch ends with a validation by infer_evaluate on the very model that is then
 * written, so that the figure told is the figure of the file.  All state is in struct
 * train_progress, the method's blocks and cfg: what a checkpoint holds.
 */
#include "train/trainer.h"

#include "data/split.h"
#include "nn/base/str.h"
#include "nn/kernel/cpu.h"
#include "train/arch.h"
#include "train/caches.h"
#include "train/checkpoint.h"
#include "train/clock.h"
#include "train/grow.h"
#include "train/parts.h"
#include "train/plan.h"
#include "train/progress.h"
#include "train/provenance.h"
#include "train/start.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Of the time given: what is planned for, and where a slower machine makes the plan shorter. */
#define TIME_PLANNED 0.96
#define TIME_REPLAN 1.01

enum {
    VAL_BATCH = 64,
    REPLAN_STEPS = 10, /* after so many steps their mean is believed */
    DEAD_BATCHES = 8,  /* so many in a row without a picture: it is no chance */
    MAX_ROLLBACKS = 5,
    OUTLINE_SECONDS = 2, /* of steps, to tell how long a training would take */
};

struct trainer {
    struct train_cfg *cfg;
    const struct train_run *run;
    const struct data_index *index;
    const struct train_method *method;
    void *self; /* the method's */
    struct train_parts parts;
    struct data_prep prep;
    struct data_recipe recipe;
    struct train_caches caches;
    const struct nn_kernels *kernels;
    struct pool *pool;
    struct infer_model *init;  /* what it begins with, or goes on from; NULL: nothing */
    bool going_on;
    struct nn_params *start;   /* the first values; NULL: by rule and seed */
    struct infer_model *model; /* what is checked and written */
    char arch[128];            /* its name */
    struct data_loader *loader;
    struct data_prep seen; /* prep of the loader's pictures, which may be smaller */
    int side;              /* of pictures that loader and method are made for; 0: not both */
    json_t *about_data;   /* of the provenance */
    bool split_written;

    struct train_progress progress;
    struct train_clock clock;
    double lr, saved; /* of the last step; when the last checkpoint was written */
    bool have_best;
    struct infer_figures best; /* of progress.best_epoch, where have_best */
};

/* ---- events ---------------------------------------------------------------------------------- */

static int epochs_of(const struct trainer *t, int64_t steps)
{
    int64_t per_epoch = t->clock.pace.per_epoch;

    return per_epoch ? (int)((steps + per_epoch - 1) / per_epoch) : 0;
}

/* Seconds that the rest takes if it goes on as now. */
static double time_left(const struct trainer *t)
{
    int64_t steps = train_plan_steps(t->cfg);

    return t->clock.steps ? train_pace_left(&t->clock.pace, t->progress.step, steps,
                                            epochs_of(t, steps) - t->progress.epoch + 1)
                          : 0;
}

static void emit(const struct trainer *t, struct train_event e)
{
    const struct train_progress *p = &t->progress;
    struct rusage usage;

    if (!t->run->event)
        return;
    getrusage(RUSAGE_SELF, &usage);
    if (!e.epoch)
        e.epoch = p->epoch;
    e.steps = train_plan_steps(t->cfg);
    e.epochs = epochs_of(t, e.steps);
    e.step = p->step;
    e.loss = p->made ? p->loss / p->made : 0;
    e.accuracy = t->index->task == DATA_SINGLE && p->pictures ? (double)p->right / p->pictures
                                                              : NAN;
    e.lr = t->lr;
    e.rate = train_clock_rate(&t->clock);
    e.elapsed = train_clock_elapsed(&t->clock);
    e.left = time_left(t);
    e.waited = train_clock_waited(&t->clock);
    e.memory = (int64_t)usage.ru_maxrss * 1024;
    t->run->event(t->run->event_ctx, &e);
}

static void say(void *ctx, const char *text)
{
    emit(ctx, (struct train_event){ .kind = TRAIN_EVENT_NOTE, .text = text });
}

static void note(const struct trainer *t, enum train_event_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void note(const struct trainer *t, enum train_event_kind kind, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    emit(t, (struct train_event){ .kind = kind, .text = text });
}

/* A file that cannot be read, once. */
static void bad_file(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct trainer *t = ctx;

    if (train_parts_first(&t->parts, sample))
        note(t, TRAIN_EVENT_BAD_FILE, "%s", why->msg);
}

static bool stopped(const struct trainer *t)
{
    return t->run->stop && atomic_load(t->run->stop);
}

/* ---- preparation ----------------------------------------------------------------------------- */

static bool make_model(struct trainer *t, struct err *err)
{
    const char *slash = strrchr(t->cfg->arch, '/');
    struct nn_graph *g =
        train_arch_graph(t->cfg->arch, t->index->n_labels, t->cfg->dropout, t->cfg->droppath,
                         &t->prep, err);
    struct nn_params *p = g ? nn_params_new(g, false, err) : NULL;

    snprintf(t->arch, sizeof t->arch, "%s", slash ? slash + 1 : t->cfg->arch);
    if (g && (t->prep.size[0] != t->cfg->size || t->prep.size[1] != t->cfg->size))
        note(t, TRAIN_EVENT_NOTE, "size %dx%d: as %s has it", t->prep.size[1], t->prep.size[0],
             t->arch);
    if (p)
        t->model = infer_model_new(g, p, &t->prep, t->index->task, t->index->n_labels,
                                   t->index->label, t->arch, err);
    if (t->model)
        return true;
    nn_params_free(p);
    nn_graph_free(g);
    return false;
}

/* What auto means is decided here, and told. */
static bool make_recipe(struct trainer *t, struct err *err)
{
    struct data_recipe_facts facts = { t->parts.train->n, t->index->n_labels, t->prep.size[0] };
    const char *text = t->cfg->augment, *why;

    if (strcspn(text, ",") == strlen("auto") && !strncmp(text, "auto", strlen("auto"))) {
        const struct data_preset *p = data_preset_auto(&facts, &why);

        note(t, TRAIN_EVENT_NOTE, "augment %s: %s", p->name, why);
    }
    return data_recipe_parse(text, &facts, &t->recipe, err);
}

static bool make_caches(struct trainer *t, const struct train_seen *seen, struct err *err)
{
    struct train_caches_options opt = {
        .dir = t->run->cache,
        .share = t->run->cache_share,
        .train = t->parts.train,
        .val = t->parts.val,
        .prep = &t->prep,
        .recipe = &t->recipe,
        .seen = seen,
        .say = say,
        .say_ctx = t,
    };

    return train_caches_open(&t->caches, &opt, err);
}

static bool make_loader(struct trainer *t, struct err *err)
{
    struct data_loader_options opt = {
        .batch = t->cfg->batch,
        .threads = t->cfg->threads,
        .views = t->method->views,
        .shuffle = true,
        .sampling = t->cfg->sampling,
        .drop_last = true,
        .recipe = &t->recipe,
        .decode = t->run->decode,
        .keep = &t->prep,
        .cache = t->caches.train,
        .seed = (uint64_t)t->cfg->seed,
        .bad = bad_file,
        .bad_ctx = t,
    };

    data_loader_free(t->loader);
    t->loader = data_loader_new(t->parts.train, &t->seen, &opt, err);
    return t->loader;
}

static struct train_method_options method_options(const struct trainer *t)
{
    return (struct train_method_options){
        .cfg = t->cfg,
        .graph = t->model->graph,
        .start = t->start,
        .data = t->parts.train,
        .kernels = t->kernels,
        .pool = t->pool,
    };
}

/* A new state of the method, from the start. */
static void *open_method(const struct trainer *t, struct err *err)
{
    struct train_method_options opt = method_options(t);

    return t->method->open(&opt, err);
}

/* What was written, when going on; else the model to begin with, where there is one. */
static bool open_init(struct trainer *t, struct err *err)
{
    static const char *const written[] = { TRAIN_LAST, TRAIN_PREVIOUS };
    struct str path = { 0 };
    struct err ignored; /* who goes on is told what is wrong with it */

    for (int i = 0; t->run->resume && !t->init && i < 2; i++) {
        str_clear(&path);
        str_printf(&path, "%s/%s", t->run->out, written[i]);
        t->init = infer_model_open(str_text(&path), &ignored);
    }
    str_release(&path);
    t->going_on = t->init;
    if (!t->init && t->cfg->init)
        t->init = infer_model_open(t->cfg->init, err);
    if (t->init)
        train_start_cfg(t->init, t->cfg);
    return t->init || !t->cfg->init;
}

/* The first batch of at least two pictures; NULL where the first epoch has none. */
static const struct data_batch *first_batch(struct trainer *t)
{
    const struct data_batch *b;

    data_loader_start(t->loader, 0, 0);
    do
        b = data_loader_next(t->loader);
    while (b && b->n < 2);
    return b;
}

/* The first values. */
static bool make_start(struct trainer *t, struct err *err)
{
    const struct train_cfg *cfg = t->cfg;
    const struct nn_graph *g = t->model->graph;
    const struct data_batch *b;

    if (t->going_on || !(cfg->init || cfg->weights || cfg->zero_gamma || cfg->whiten))
        return true;
    t->start = nn_params_new(g, false, err);
    if (!t->start)
        return false;
    train_start_draw(t->start, g, cfg);
    if (cfg->whiten) {
        b = first_batch(t);
        if (b && !train_start_whiten(t->start, g, b->n, b->image, say, t, err))
            return false;
    }
    if (cfg->zero_gamma && !train_start_zero_gamma(t->start, g, say, t, err))
        return false;
    return !cfg->init || train_start_take(t->start, g, t->index->n_labels, t->index->label,
                                          t->init, cfg->init, say, t, err);
}

/* What may be wrong with the network, before it costs hours. */
static bool check_start(struct trainer *t, struct err *err)
{
    struct train_method_options opt = method_options(t);
    const struct data_batch *b = t->method->check ? first_batch(t) : NULL;

    return !b || t->method->check(&opt, b, say, t, err);
}

/* ---- pictures that grow ---------------------------------------------------------------------- */

/* The size of pictures with that side. */
static void size_of(const struct trainer *t, int side, int size[2])
{
    size[0] = side;
    size[1] = (int)lround((double)side * t->prep.size[1] / t->prep.size[0]);
}

/* The side of pictures in an epoch, from 1. */
static int side_of(const struct trainer *t, int epoch)
{
    double before = (double)(epoch - 1) * (double)t->clock.pace.per_epoch;

    return train_grow_side(t->cfg->progressive, t->prep.size[0],
                           before > 0 ? train_plan_done(t->cfg, before) : 0);
}

/* Loader and method for pictures of that side. */
static bool see(struct trainer *t, int side, struct err *err)
{
    int size[2];

    if (side == t->side)
        return true;
    size_of(t, side, size);
    if (!t->method->resize(t->self, size[0], size[1], err))
        return false;
    data_loader_free(t->loader);
    t->loader = NULL;
    memcpy(t->seen.size, size, sizeof size);
    t->side = side;
    note(t, TRAIN_EVENT_NOTE, "epoch %d: pictures of %dx%d from here on", t->progress.epoch,
         size[1], size[0]);
    return make_loader(t, err);
}

/* Whether the network can see the smallest pictures: better said now than after an epoch. */
static bool check_growth(const struct trainer *t, struct err *err)
{
    struct nn_graph *g;
    int size[2];

    if (t->cfg->progressive >= 1)
        return true;
    size_of(t, side_of(t, 1), size);
    g = train_grow_graph(t->model->graph, size[0], size[1], err);
    nn_graph_free(g);
    return g || err_in(err, "progressive %g", t->cfg->progressive);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool prepare(struct trainer *t, struct err *err)
{
    struct train_cfg *cfg = t->cfg;
    const struct nn_model *model;
    struct train_seen seen;

    if (!cfg->threads)
        cfg->threads = pool_cpus();
    if (!train_check(cfg, err))
        return false;
    model = train_arch_named(cfg->arch);
    if (!model && !cfg->color)
        cfg->color = TRAIN_RGB;         /* a file says what it wants, and hardly ever grey */
    if (!open_init(t, err))
        return false;
    t->kernels = nn_kernels_get(cfg->isa, err);
    t->pool = t->kernels ? pool_new(cfg->threads, err) : NULL;
    if (!t->pool || !train_parts_open(&t->parts, t->index, t->run->decode, err))
        return false;
    if (!t->parts.val)
        note(t, TRAIN_EVENT_NOTE,
             "nothing is held out: no figure will say how good the network is");
    t->about_data = train_provenance_data(t->index, t->parts.train->n,
                                          t->parts.val ? t->parts.val->n : 0);
    if (!train_choose(t->parts.train, model ? model->least : 1, cfg->threads, t->run->decode, cfg,
                      &t->prep, &seen, say, t, err))
        return false;
    if (t->init && train_start_prep(t->init, &t->prep) && !t->going_on)
        note(t, TRAIN_EVENT_NOTE, "mean, deviation and crop of pictures: as %s has them",
             cfg->init);
    if (!make_model(t, err) || !make_recipe(t, err) || !make_caches(t, &seen, err))
        return false;
    t->seen = t->prep;
    if (!make_loader(t, err))
        return false;
    t->clock.pace.per_epoch =
        (data_loader_batches(t->loader) + cfg->accumulate - 1) / cfg->accumulate;
    if (!cfg->steps)
        cfg->steps = (int)(cfg->epochs * t->clock.pace.per_epoch);
    if (!check_growth(t, err) || !make_start(t, err) || (!t->going_on && !check_start(t, err)))
        return false;
    t->side = t->prep.size[0];
    t->self = open_method(t, err);
    return t->self;
}

static void release(struct trainer *t)
{
    infer_figures_release(&t->best);
    data_loader_free(t->loader);
    train_caches_close(&t->caches);
    t->method->close(t->self);
    infer_model_free(t->model);
    infer_model_free(t->init);
    nn_params_free(t->start);
    pool_free(t->pool);
    train_parts_close(&t->parts);
    json_decref(t->about_data);
}

/* ---- validation and files -------------------------------------------------------------------- */

/* Figures of m's values on x. */
static bool validate(struct trainer *t, const struct infer_model *m, const struct data_index *x,
                     struct infer_figures *f, struct err *err)
{
    struct infer_predictor *q =
        infer_predictor_new(m->graph, m->params, t->index->task,
                            x->n < VAL_BATCH ? x->n : VAL_BATCH, t->cfg->threads, t->cfg->isa, err);
    struct infer_evaluate_options how = {
        .threads = t->cfg->threads,
        .decode = t->run->decode,
        .cache = t->caches.val,
        .bad = bad_file,
        .bad_ctx = t,
    };
    bool ok = q && infer_evaluate(q, x, &t->prep, &how, f, err);

    infer_predictor_free(q);
    return ok;
}

/* Beside every model which pictures it knows; anew, since --force may find an old one. */
static bool write_split(struct trainer *t, struct err *err)
{
    struct str path = { 0 };

    str_printf(&path, "%s/split.csv", t->run->out);
    t->split_written = path.failed ? err_set(err, ERR_MEMORY, "no memory to write split.csv")
                                   : data_split_write(t->index, str_text(&path), err);
    str_release(&path);
    return t->split_written;
}

/* Where t->model comes from; f NULL: it was not checked.  free() it. */
static char *provenance(const struct trainer *t, const struct infer_figures *f, struct err *err)
{
    const struct train_progress *p = &t->progress;
    time_t began = (time_t)p->began;
    struct tm tm;
    char date[32];
    struct train_provenance about = {
        .cfg = t->cfg,
        .arch = t->arch,
        .recipe = &t->recipe,
        .data = t->about_data,
        .epoch = p->epoch,
        .step = p->step,
        .loss = p->made ? p->loss / p->made : 0,
        .val_figures = f,
        .date = date,
    };
    char *text;

    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&began, &tm));
    text = train_provenance_text(&about);
    if (!text)
        err_set(err, ERR_MEMORY, "no memory to tell where the model comes from");
    return text;
}

/* Writes the model's present values as the best ones; `about` is its provenance. */
static bool write_best(struct trainer *t, const struct infer_model *m, struct err *err)
{
    struct str path = { 0 };
    bool ok;

    str_printf(&path, "%s/" TRAIN_BEST, t->run->out);
    ok = path.failed ? err_set(err, ERR_MEMORY, "no memory to write " TRAIN_BEST)
                     : infer_model_write(m, str_text(&path), NULL, err);
    str_release(&path);
    return ok;
}

static struct train_state state_of(struct trainer *t, struct train_block *block)
{
    return (struct train_state){
        .cfg = t->cfg,
        .progress = &t->progress,
        .method_fields = t->method->state_fields,
        .method_state = t->method->state ? t->method->state(t->self) : NULL,
        .n_blocks = t->method->blocks(t->self, block, TRAIN_MAX_BLOCKS),
        .block = block,
    };
}

/* The model, whose values are taken, with the state of its training; `next` is the progress to go
 * on from.  f NULL: it was not checked; best: it is the best one. */
static bool save(struct trainer *t, const struct train_progress *next,
                 const struct infer_figures *f, bool best, struct err *err)
{
    struct train_block block[TRAIN_MAX_BLOCKS];
    char *about = provenance(t, f, err);
    bool ok = about && (t->split_written || write_split(t, err));

    t->model->provenance = about;
    t->progress = *next;
    t->progress.elapsed = train_clock_elapsed(&t->clock);
    if (ok) {
        struct train_state s = state_of(t, block);

        ok = train_checkpoint_write(t->run->out, t->model, &s, err) &&
             (!best || write_best(t, t->model, err));
    }
    t->model->provenance = "{}";
    free(about);
    t->saved = train_now();
    if (ok)
        note(t, TRAIN_EVENT_SAVED, "%s/" TRAIN_LAST, t->run->out);
    return ok;
}

/* ---- going on -------------------------------------------------------------------------------- */

/* The start of a training. */
static struct train_progress fresh(void)
{
    return (struct train_progress){ .began = (double)time(NULL), .epoch = 1, .best_figure = -1 };
}

/* The model file of the best epoch, where the checkpoint is of its end: a kill may have come
 * between the two. */
static bool mend_best(struct trainer *t, struct err *err)
{
    struct str path = { 0 };
    struct infer_model *m;
    bool ok;

    if (t->progress.batch || !t->progress.step || t->progress.best_epoch != t->progress.epoch - 1)
        return true;
    str_printf(&path, "%s/" TRAIN_LAST, t->run->out);
    m = infer_model_open(str_text(&path), err);
    ok = m && write_best(t, m, err);
    infer_model_free(m);
    str_release(&path);
    return ok;
}

/* To the newest checkpoint, or to the start where there is none. */
static bool go_back(struct trainer *t, struct err *err)
{
    struct train_block block[TRAIN_MAX_BLOCKS];
    struct train_state s;
    enum train_found found;

    t->method->close(t->self);
    t->self = open_method(t, err);
    if (!t->self)
        return false;
    t->side = t->seen.size[0] == t->prep.size[0] ? t->side : 0;
    t->progress = fresh();
    s = state_of(t, block);
    found = train_checkpoint_read(t->run->out, &s, say, t, err);
    if (found == TRAIN_FOUND_BAD)
        return err_in(err, "%s: cannot go on", t->run->out);
    return found == TRAIN_FOUND_NOTHING || mend_best(t, err);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Why there is nothing to learn from although there are pictures. */
static bool nothing_to_learn(int64_t read, struct err *err)
{
    if (!read)
        return err_set(err, ERR_INPUT, "none of the pictures to learn from can be read");
    return err_set(err, ERR_INPUT,
                   "no step found two pictures that can be read, and batch-norm needs them: mend "
                   "or remove the files named above, or make the batch larger");
}

/* Steps of a throwaway copy at rate 0, for `limit` seconds, into the clock's pace. */
static bool measure_steps(struct trainer *t, double limit, struct err *err)
{
    struct train_pace *pace = &t->clock.pace;
    void *self = open_method(t, err);
    double start = train_now(), first = 0, waited = 0;
    int steps = -1; /* the first one is warm-up, unless it takes all the time */
    int batches = 0, empty = 0;
    int64_t read = 0;
    bool ok = self, filling = train_caches_filling(&t->caches);
    struct train_outcome out;

    data_loader_start(t->loader, 0, 0);
    while (ok && !stopped(t) && (steps < 1 || train_now() - start < limit) &&
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
            ok = nothing_to_learn(read, err);
        if (b->n < 2)
            continue;
        ok = ok && t->method->learn(self, b, 0, err);
        if (++batches % t->cfg->accumulate)
            continue;
        ok = ok && t->method->update(self, 0, &out, err);
        if (++steps == 0) {
            first = train_now() - start;
            start = train_now();
            waited = 0;
        }
    }
    pace->step = steps > 0 ? (train_now() - start) / steps : first;
    pace->fill = steps > 0 && filling ? waited / steps : 0;
    pace->step -= pace->fill;
    t->method->close(self);
    return ok;
}

/* The same of a validation of some pictures. */
static void measure_val(struct trainer *t)
{
    struct data_index few = *t->parts.val;
    struct infer_figures f = { 0 };
    struct err ignored = { 0 };     /* the first pictures may all be bad; others need not be */
    double start;

    few.n = few.n < 2 * VAL_BATCH ? few.n : 2 * VAL_BATCH;
    t->method->values(t->self, t->model->params);
    start = train_now();
    validate(t, t->model, &few, &f, &ignored);
    infer_figures_release(&f);
    t->clock.pace.val = (train_now() - start) * t->parts.val->n / few.n;
}

/* Fixes the number of steps that the time given is good for. */
static bool plan_time(struct trainer *t, struct err *err)
{
    double limit = fmin(fmax(0.05 * t->cfg->time, 0.5), 5);
    struct train_pace *pace = &t->clock.pace;

    if (!measure_steps(t, limit, err))
        return false;
    if (stopped(t))
        return true;
    if (t->parts.val)
        measure_val(t);
    t->cfg->steps = (int)train_pace_steps(
        pace, 0, TIME_PLANNED * t->cfg->time - train_clock_elapsed(&t->clock));
    note(t, TRAIN_EVENT_NOTE,
         "steps %d, which is %.1f epochs: a step takes %.3g s and a validation %.3g s, and %g s "
         "are given",
         t->cfg->steps, (double)t->cfg->steps / (double)pace->per_epoch, pace->step, pace->val,
         t->cfg->time);
    return true;
}

/* Shortens the plan when the machine has become slower than it was measured. */
static void replan(struct trainer *t)
{
    double spent = train_clock_elapsed(&t->clock);
    int64_t was = train_plan_steps(t->cfg), steps;

    if (t->cfg->time <= 0 || t->clock.steps < REPLAN_STEPS ||
        spent + time_left(t) <= TIME_REPLAN * t->cfg->time)
        return;
    /* Of the epoch under way, what is made is not to be made again. */
    steps = t->progress.step + train_pace_steps(&t->clock.pace, t->progress.step,
                                                TIME_PLANNED * t->cfg->time - spent);
    if (steps >= was || !train_plan_shorten(t->cfg, t->progress.step, steps))
        return;
    t->cfg->epochs = epochs_of(t, steps);
    if (train_plan_changes(t->cfg) == 1)
        note(t, TRAIN_EVENT_NOTE,
             "the machine is slower than it was measured to be: %lld steps instead of %lld, or as "
             "few as the time given takes",
             (long long)steps, (long long)was);
}

/* How to make just these steps again without a clock. */
static void tell_steps(const struct trainer *t)
{
    struct str how = { 0 };

    if (t->cfg->time <= 0)
        return;
    str_printf(&how, "--steps %d", t->cfg->steps);
    if (train_plan_changes(t->cfg)) {
        str_add(&how, " --shortened ");
        field_text(field_find(train_cfg_fields, "shortened"), t->cfg, &how);
    }
    note(t, TRAIN_EVENT_NOTE, "%s instead of --time repeats this training", str_text(&how));
    str_release(&how);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static struct train_sched sched_of(const struct trainer *t)
{
    const struct train_cfg *cfg = t->cfg;

    return (struct train_sched){ cfg->sched, cfg->warmup, cfg->drop, cfg->drop_every,
                                 cfg->patience };
}

static double rate_now(const struct trainer *t)
{
    struct train_sched sched = sched_of(t);

    return t->cfg->lr * train_sched_share(&sched, train_plan_done(t->cfg, t->progress.step + 0.5)) *
           train_plateau_share(&t->progress.plateau, &sched) * pow(0.5, t->progress.rollbacks);
}

/* The user asked to stop: what is there is saved. */
static bool stop_here(struct trainer *t, bool unsaved, struct err *err)
{
    struct train_progress here = t->progress;

    if (unsaved) {
        t->method->values(t->self, t->model->params);
        if (!save(t, &here, NULL, false, err))
            return false;
    }
    if (!here.step)
        return err_set(err, ERR_CANCELLED, "stopped before the first step; nothing was saved");
    return err_set(err, ERR_CANCELLED,
                   "stopped after step %d of %lld; \"discern train --resume %s\" goes on from "
                   "there%s",
                   here.step, (long long)train_plan_steps(t->cfg), t->run->out,
                   here.best_epoch ? "; the best model so far is in " TRAIN_BEST : "");
}

/* Numbers that are not finite: true when the training can go on from before them. */
static bool diverged(struct trainer *t, struct err *err)
{
    struct train_progress *p = &t->progress;
    struct err cause = *err;
    int rollbacks = p->rollbacks + 1;

    if (cause.kind != ERR_DIVERGED)
        return false;
    err_set(err, ERR_DIVERGED,
            "epoch %d, step %d: %.200s; a smaller learning rate than %g may help%s", p->epoch,
            p->step + 1, cause.msg, t->lr, p->best_epoch ? "; " TRAIN_BEST " is from before" : "");
    if (t->cfg->on_nan != TRAIN_NAN_ROLLBACK || rollbacks > MAX_ROLLBACKS)
        return false;
    note(t, TRAIN_EVENT_NOTE, "epoch %d, step %d: %.200s: back to the last checkpoint, and on at "
         "half the rate", p->epoch, p->step + 1, cause.msg);
    if (!go_back(t, err))
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
static int take_batches(struct trainer *t, struct taken *taken, struct err *err)
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
static bool make_step(struct trainer *t, struct train_outcome *out, struct err *err)
{
    struct train_progress *p = &t->progress;

    t->lr = rate_now(t);
    if (!t->method->update(t->self, t->lr, out, err))
        return false;
    p->made++;
    p->loss += out->loss;
    p->pictures += out->pictures;
    p->right += out->right;
    return true;
}

/* The steps of the epoch under way, from where it is.  AGAIN: from an earlier point. */
static enum epoch_end run_epoch(struct trainer *t, struct err *err)
{
    struct train_progress *p = &t->progress;
    double begin, waited = 0;
    bool filling = p->epoch == 1 && train_caches_filling(&t->caches);
    struct taken taken = { 0 };

    if (!see(t, side_of(t, p->epoch), err))
        return EPOCH_FAILED;
    data_loader_start(t->loader, (uint64_t)p->epoch - 1, p->batch);
    train_clock_epoch(&t->clock);
    begin = train_now();
    while (p->step < train_plan_steps(t->cfg)) {
        struct train_outcome out = { .loss = NAN, .norm = NAN };
        int n = take_batches(t, &taken, err);

        if (!n)
            break;
        if (n < 0 || (taken.learnt && !make_step(t, &out, err)))
            return diverged(t, err) ? EPOCH_AGAIN : EPOCH_FAILED;
        if (p->made && taken.dead >= DEAD_BATCHES) {
            err_set(err, ERR_INPUT, "the pictures can no longer be read (see above): %d batches in "
                    "a row had none", taken.dead);
            return EPOCH_FAILED;
        }
        p->step++;
        train_clock_step(&t->clock, train_now() - begin, data_loader_waited(t->loader) - waited,
                         taken.pictures, filling);
        waited = data_loader_waited(t->loader);
        begin = train_now();
        emit(t, (struct train_event){
                    .kind = TRAIN_EVENT_STEP, .step_loss = out.loss, .norm = out.norm });
        if (p->step == train_plan_steps(t->cfg))
            break;
        if (stopped(t)) {
            stop_here(t, true, err);
            return EPOCH_FAILED;
        }
        if (t->run->save_every > 0 && begin - t->saved > t->run->save_every) {
            struct train_progress here = *p;

            t->method->values(t->self, t->model->params);
            if (!save(t, &here, NULL, false, err))
                return EPOCH_FAILED;
        }
        replan(t);
    }
    return p->made || nothing_to_learn(taken.read, err) ? EPOCH_DONE : EPOCH_FAILED;
}

/* Whether f is better than the best so far: by the figure watched, then by the log loss. */
static bool better(const struct train_progress *p, double figure, double loss)
{
    return !p->best_epoch || figure > p->best_figure ||
           (figure == p->best_figure && loss < p->best_loss);
}

/* Checks, tells and saves. */
static bool end_epoch(struct trainer *t, struct err *err)
{
    struct train_progress next = t->progress;
    struct train_sched sched = sched_of(t);
    struct infer_figures f = { 0 };
    double before = train_now(), figure;
    bool best = true, ok;

    t->method->values(t->self, t->model->params);
    if (t->parts.val) {
        if (!validate(t, t->model, t->parts.val, &f, err)) {
            struct err ignored = { 0 };     /* the first cause is the one to tell */

            save(t, &next, NULL, false, &ignored);
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
    emit(t, (struct train_event){
                .kind = TRAIN_EVENT_EPOCH, .val = t->parts.val ? &f : NULL, .best = best });
    next.epoch++;
    next.batch = next.made = next.pictures = next.right = 0;
    next.loss = 0;
    ok = save(t, &next, t->parts.val ? &f : NULL, best, err);
    t->clock.pace.val = train_now() - before;
    if (best && ok) {
        infer_figures_release(&t->best);
        t->best = f;
        t->have_best = true;
    } else {
        infer_figures_release(&f);
    }
    return ok;
}

/* The figures of the best model, which an earlier process may have written. */
static bool need_best(struct trainer *t, struct err *err)
{
    struct str path = { 0 };
    struct infer_model *m;

    if (!t->parts.val || t->have_best)
        return true;
    str_printf(&path, "%s/" TRAIN_BEST, t->run->out);
    m = infer_model_open(str_text(&path), err);
    t->have_best = m && validate(t, m, t->parts.val, &t->best, err);
    infer_model_free(m);
    str_release(&path);
    return t->have_best;
}

static void tell_start(struct trainer *t)
{
    const struct train_cfg *cfg = t->cfg;
    int epochs = epochs_of(t, train_plan_steps(cfg));

    note(t, TRAIN_EVENT_START,
         "%s, %.3g M parameters, %.3g MFLOP a picture of %dx%d; %d pictures to learn from, %d to "
         "check with, %d label%s; %d step%s of %d in %d epoch%s",
         t->arch, 1e-6 * (double)t->method->trained(t->self),
         1e-6 * (double)t->method->flops(t->self), t->prep.size[1], t->prep.size[0],
         t->parts.train->n, t->parts.val ? t->parts.val->n : 0, t->index->n_labels,
         str_plural(t->index->n_labels), cfg->steps, str_plural(cfg->steps), cfg->batch, epochs,
         str_plural(epochs));
    if (t->progress.step)
        note(t, TRAIN_EVENT_NOTE, "going on after step %d, in epoch %d", t->progress.step,
             t->progress.epoch);
}

/* Ends early: nothing better came for long. */
static bool patience_is_over(const struct trainer *t)
{
    int waited = t->progress.epoch - 1 - t->progress.best_epoch;

    if (!t->cfg->stop_after || waited < t->cfg->stop_after)
        return false;
    note(t, TRAIN_EVENT_NOTE, "%d epochs brought nothing better than epoch %d: that is the end",
         waited, t->progress.best_epoch);
    return true;
}

static bool loop(struct trainer *t, struct err *err)
{
    struct train_progress *p = &t->progress;

    if (stopped(t))
        return stop_here(t, false, err);
    t->cfg->epochs = epochs_of(t, train_plan_steps(t->cfg));
    tell_start(t);
    t->saved = train_now();
    while (p->step < train_plan_steps(t->cfg) && !patience_is_over(t)) {
        enum epoch_end how = run_epoch(t, err);

        if (how == EPOCH_AGAIN)
            continue;
        if (how == EPOCH_FAILED || !end_epoch(t, err))
            return false;
        if (stopped(t) && p->step < train_plan_steps(t->cfg))
            return stop_here(t, false, err);
    }
    if (!need_best(t, err))
        return false;
    tell_steps(t);
    emit(t, (struct train_event){ .kind = TRAIN_EVENT_END,
                                  .epoch = p->best_epoch,
                                  .val = t->parts.val ? &t->best : NULL,
                                  .best = true });
    return true;
}

bool train_with(const struct train_method *method, const struct data_index *x,
                struct train_cfg *cfg, const struct train_run *run, struct err *err)
{
    struct trainer t = { .cfg = cfg, .run = run, .index = x, .method = method };
    bool ok;

    t.progress = fresh();
    train_clock_start(&t.clock, 0);
    ok = prepare(&t, err);
    if (run->find_lr) {
        ok = ok && train_find_lr_run(run->find_lr, method, t.self, t.loader, run->stop, err);
        release(&t);
        return ok;
    }
    ok = ok && (!run->resume || go_back(&t, err));
    t.clock.before = t.progress.elapsed;
    ok = ok && (cfg->time <= 0 || t.progress.step || plan_time(&t, err)) && loop(&t, err);
    release(&t);
    return ok;
}

bool train_outline(const struct train_method *method, const struct data_index *x,
                   struct train_cfg *cfg, const struct train_run *run, struct train_outline *out,
                   struct err *err)
{
    struct trainer t = { .cfg = cfg, .run = run, .index = x, .method = method };
    const struct train_pace *pace = &t.clock.pace;
    bool ok;

    train_clock_start(&t.clock, 0);
    ok = prepare(&t, err);
    if (ok && cfg->time > 0) {
        ok = plan_time(&t, err);
    } else if (ok) {
        ok = measure_steps(&t, OUTLINE_SECONDS, err);
        if (ok && t.parts.val && !stopped(&t))
            measure_val(&t);
    }
    if (ok && stopped(&t))
        ok = err_set(err, ERR_CANCELLED, "stopped");
    if (ok) {
        memcpy(out->arch, t.arch, sizeof out->arch);
        memcpy(out->size, t.prep.size, sizeof out->size);
        out->channels = data_prep_channels(&t.prep);
        out->trained = method->trained(t.self);
        out->flops = method->flops(t.self);
        out->per_epoch = pace->per_epoch;
        out->steps = train_plan_steps(cfg);
        out->epochs = cfg->epochs = epochs_of(&t, out->steps);
        out->step = pace->step + pace->fill;
        out->val = pace->val;
        data_recipe_text(&t.recipe, &out->recipe);
    }
    release(&t);
    return ok;
}
