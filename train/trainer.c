/*
 * trainer -- see trainer.h
 *
 * A training is a number of steps.  Step i of an epoch takes batch i of the loader; an epoch ends
 * with a validation by infer_evaluate on the very model that is then written, so that the figure
 * told is the figure of the file.
 */
#include "train/trainer.h"

#include "data/split.h"
#include "nn/kernel/cpu.h"
#include "train/arch.h"
#include "train/caches.h"
#include "train/net.h"
#include "train/pace.h"
#include "train/provenance.h"

#include <limits.h>
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
};

struct trainer {
    struct train_cfg *cfg;
    const struct train_run *run;
    const struct data_index *index;
    struct data_index *train, *val; /* val NULL: nothing is held out */
    struct data_prep prep;
    struct data_recipe recipe;
    struct train_caches caches;
    const struct nn_kernels *kernels;
    const struct train_optim *optim;
    struct pool *pool;
    struct infer_model *model; /* what is checked and written */
    char arch[128];            /* its name */
    struct train_net *net;
    struct data_loader *loader;
    bool split_written;
    unsigned char *told; /* files that were reported: of train, then of val */
    char date[32];

    int64_t steps, step; /* planned, made */
    int epoch, epochs;   /* under way, from 1 */
    double loss;         /* running mean of the epoch */
    double rate;         /* learning rate of the last step */

    struct train_pace pace; /* measured before, then as it was so far */
    double began, epoch_began;
    /* Seconds spent in steps, and of these waited for pictures: in all; in the first epoch, when
     * a cache is filled there. */
    double in_steps, waited, in_fill;
    int64_t timed_steps, epoch_pictures;
    bool filling; /* the first epoch fills a cache */
    int64_t base_step; /* after a new plan: where it was made, and what share was done then */
    double base_done;
    bool replanned;

    struct infer_figures best; /* of best_epoch */
    int best_epoch;            /* 0: none yet */
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- events ---------------------------------------------------------------------------------- */

static int epochs_of(const struct trainer *t, int64_t steps)
{
    int64_t per_epoch = t->pace.per_epoch;

    return per_epoch ? (int)((steps + per_epoch - 1) / per_epoch) : 0;
}

/* Seconds that the rest takes if it goes on as now. */
static double time_left(const struct trainer *t)
{
    return t->timed_steps ? train_pace_left(&t->pace, t->step, t->steps,
                                            epochs_of(t, t->steps) - t->epoch + 1)
                          : 0;
}

static void emit(const struct trainer *t, struct train_event e)
{
    double epoch_time = now() - t->epoch_began;
    struct rusage usage;

    if (!t->run->event)
        return;
    getrusage(RUSAGE_SELF, &usage);
    if (!e.epoch)
        e.epoch = t->epoch;
    e.epochs = t->epochs;
    e.step = t->step;
    e.steps = t->steps;
    e.loss = t->loss;
    e.accuracy = NAN;
    e.lr = t->rate;
    e.memory = (int64_t)usage.ru_maxrss * 1024;
    e.rate = t->epoch_pictures && epoch_time > 0 ? (double)t->epoch_pictures / epoch_time : 0;
    e.elapsed = now() - t->began;
    e.left = time_left(t);
    e.waited = t->in_steps > 0 ? t->waited / t->in_steps : 0;
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
    bool val = t->val && sample >= t->val->sample && sample < t->val->sample + t->val->n;
    unsigned char *told = val ? t->told + t->train->n + (sample - t->val->sample)
                              : t->told + (sample - t->train->sample);

    if (!*told)
        note(t, TRAIN_EVENT_BAD_FILE, "%s", why->msg);
    *told = 1;
}

static bool stopped(const struct trainer *t)
{
    return t->run->stop && atomic_load(t->run->stop);
}

/* ---- preparation ----------------------------------------------------------------------------- */

static struct nn_graph *make_graph(struct trainer *t, struct err *err)
{
    const char *slash = strrchr(t->cfg->arch, '/');
    struct nn_graph *g;

    snprintf(t->arch, sizeof t->arch, "%s", slash ? slash + 1 : t->cfg->arch);
    g = train_arch_graph(t->cfg->arch, t->index->n_labels, t->cfg->dropout, &t->prep, err);
    if (g && (t->prep.size[0] != t->cfg->size || t->prep.size[1] != t->cfg->size))
        note(t, TRAIN_EVENT_NOTE, "size %dx%d: as %s has it", t->prep.size[1], t->prep.size[0],
             t->arch);
    return g;
}

/* A figure needs one picture at least that is readable and whose labels are known: better said now
 * than after an epoch. */
static bool check_val(const struct data_index *val, const struct data_decode *decode,
                      struct err *err)
{
    struct err first = { 0 };
    int known = 0;

    for (int i = 0; i < val->n; i++) {
        const struct data_sample *s = &val->sample[i];
        struct data_image image;
        struct err why;
        bool any = s->label >= 0 && !s->mark;

        for (int l = 0; s->mark && l < val->n_labels; l++)
            any |= s->mark[l] >= 0;
        if (!any)
            continue;
        if (data_sample_image(s, decode, &image, &why)) {
            data_image_release(&image);
            return true;
        }
        first = known++ ? first : why;
    }
    if (!known)
        return err_set(err, ERR_INPUT,
                       "none of the %d pictures to check with has a known label: label some of "
                       "the val part, or take it away and a share is held out", val->n);
    return err_set(err, first.kind,
                   "none of the %d pictures to check with can be read, the first: %s", known,
                   first.msg);
}

static bool make_parts(struct trainer *t, struct err *err)
{
    t->train = data_index_part(t->index, DATA_TRAIN, err);
    t->val = t->train ? data_index_part(t->index, DATA_VAL, err) : NULL;
    if (!t->val)
        return false;
    if (t->train->n < 2)
        return err_set(err, ERR_INPUT, "%d picture%s to learn from: two are the least", t->train->n,
                       t->train->n == 1 ? "" : "s");
    t->told = calloc((size_t)t->train->n + (size_t)t->val->n, 1);
    if (!t->told)
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", t->index->n);
    if (!t->val->n) {
        data_index_free(t->val);
        t->val = NULL;
        note(t, TRAIN_EVENT_NOTE,
             "nothing is held out: no figure will say how good the network is");
    }
    return !t->val || check_val(t->val, t->run->decode, err);
}

static bool make_model(struct trainer *t, struct err *err)
{
    struct nn_graph *g = make_graph(t, err);
    struct nn_params *p = g ? nn_params_new(g, false, err) : NULL;

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
    struct data_recipe_facts facts = { t->train->n, t->index->n_labels, t->prep.size[0] };
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
        .train = t->train,
        .val = t->val,
        .prep = &t->prep,
        .recipe = &t->recipe,
        .seen = seen,
        .say = say,
        .say_ctx = t,
    };

    return train_caches_open(&t->caches, &opt, err);
}

static struct train_net *make_net(const struct trainer *t, struct err *err)
{
    const struct train_cfg *cfg = t->cfg;
    float *weight = calloc((size_t)t->index->n_labels + 1, sizeof *weight);
    struct train_net_options opt = {
        .loss = { t->index->task, cfg->loss, cfg->smooth, cfg->class_weights ? weight : NULL },
        .momentum = cfg->momentum,
        .beta2 = cfg->beta2,
        .decay = cfg->decay,
        .clip = cfg->clip,
        .ema = cfg->ema,
        .lookahead = cfg->lookahead,
        .freeze = cfg->freeze,
        .optim = t->optim,
        .kernels = t->kernels,
        .pool = t->pool,
        .seed = (uint64_t)cfg->seed,
    };
    struct train_net *net = NULL;

    if (weight) {
        train_balanced_weights(t->train, weight);
        net = train_net_new(t->model->graph, &opt, err);
    } else {
        err_set(err, ERR_MEMORY, "no memory for the weights of %d labels", t->index->n_labels);
    }
    free(weight);
    if (net && !train_net_prepare(net, t->cfg->batch, err)) {
        train_net_free(net);
        return NULL;
    }
    return net;
}

static bool prepare(struct trainer *t, struct err *err)
{
    struct train_cfg *cfg = t->cfg;
    const struct nn_model *model;
    struct train_seen seen;
    time_t date = time(NULL);
    struct tm tm;

    t->began = t->epoch_began = now();
    strftime(t->date, sizeof t->date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&date, &tm));
    if (!cfg->threads)
        cfg->threads = pool_cpus();
    if (!train_check(cfg, err))
        return false;
    model = train_arch_named(cfg->arch);
    if (!model && !cfg->color)
        cfg->color = TRAIN_RGB;         /* a file says what it wants, and hardly ever grey */
    t->kernels = nn_kernels_get(cfg->isa, err);
    t->optim = t->kernels ? train_optim_find(cfg->optim, err) : NULL;
    t->pool = t->optim ? pool_new(cfg->threads, err) : NULL;
    if (!t->pool || !make_parts(t, err))
        return false;
    if (!train_choose(t->train, model ? model->least : 1, cfg->threads, t->run->decode, cfg,
                      &t->prep, &seen, say, t, err) ||
        !make_model(t, err) || !make_recipe(t, err) || !make_caches(t, &seen, err))
        return false;
    t->loader = data_loader_new(t->train, &t->prep,
                                &(struct data_loader_options){ .batch = cfg->batch,
                                                               .threads = cfg->threads,
                                                               .shuffle = true,
                                                               .sampling = cfg->sampling,
                                                               .drop_last = true,
                                                               .recipe = &t->recipe,
                                                               .decode = t->run->decode,
                                                               .cache = t->caches.train,
                                                               .seed = (uint64_t)cfg->seed,
                                                               .bad = bad_file,
                                                               .bad_ctx = t },
                                err);
    t->net = t->loader ? make_net(t, err) : NULL;
    if (!t->net)
        return false;
    t->pace.per_epoch = data_loader_batches(t->loader);
    t->steps = cfg->steps ? cfg->steps : cfg->epochs * t->pace.per_epoch;
    return true;
}

static void release(struct trainer *t)
{
    infer_figures_release(&t->best);
    data_loader_free(t->loader);
    train_caches_close(&t->caches);
    train_net_free(t->net);
    infer_model_free(t->model);
    pool_free(t->pool);
    data_index_free(t->train);
    data_index_free(t->val);
    free(t->told);
}

/* ---- validation and files -------------------------------------------------------------------- */

/* Figures of the model's present values on x. */
static bool validate(struct trainer *t, const struct data_index *x, struct infer_figures *f,
                     struct err *err)
{
    struct infer_predictor *q =
        infer_predictor_new(t->model->graph, t->model->params, t->index->task,
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

static bool write_model(struct trainer *t, const char *name, const struct infer_figures *f,
                        struct err *err)
{
    struct train_provenance p = {
        .cfg = t->cfg,
        .arch = t->arch,
        .recipe = &t->recipe,
        .index = t->index,
        .train = t->train->n,
        .val = t->val ? t->val->n : 0,
        .epoch = t->epoch,
        .step = t->step,
        .loss = t->loss,
        .val_figures = f,
        .date = t->date,
    };
    struct str path = { 0 };
    char *text = train_provenance_text(&p);
    bool ok = false;

    str_printf(&path, "%s/split.csv", t->run->out);
    /* Beside every model which pictures it knows; anew, since --force may find an old one. */
    if (!t->split_written && !path.failed)
        t->split_written = data_split_write(t->index, str_text(&path), err);
    str_clear(&path);
    str_printf(&path, "%s/%s", t->run->out, name);
    if (!text || path.failed) {
        err_set(err, ERR_MEMORY, "no memory to write %s", name);
    } else if (t->split_written) {
        t->model->provenance = text;
        ok = infer_model_write(t->model, str_text(&path), NULL, err);
        t->model->provenance = "{}";
    }
    str_release(&path);
    free(text);
    return ok;
}

/* Whether a is the better model: by the figure watched, then by the log loss. */
static bool better(const struct infer_figures *a, const struct infer_figures *b)
{
    double x = infer_figures_main(a), y = infer_figures_main(b);

    if (isnan(x) && isnan(y))
        return a->log_loss < b->log_loss;
    if (!(x >= y))
        return isnan(y) && !isnan(x);
    return x > y || a->log_loss < b->log_loss;
}

/* The present values are the model's, unless they are past use. */
static bool take_values(struct trainer *t, struct err *err)
{
    if (!train_net_sound(t->net))
        return err_set(err, ERR_DIVERGED,
                       "weights have left the finite numbers at step %lld of epoch %d; a smaller "
                       "learning rate than %g may help",
                       (long long)t->step, t->epoch, t->cfg->lr);
    train_net_values(t->net, t->model->params);
    return true;
}

/* Checks, writes and tells. */
static bool end_epoch(struct trainer *t, struct err *err)
{
    struct infer_figures f = { 0 };
    double before = now();
    bool best;

    if (!take_values(t, err))
        return false;
    if (t->val && !validate(t, t->val, &f, err)) {
        struct err ignored = { 0 };     /* the first cause is the one to tell */

        write_model(t, "last.safetensors", NULL, &ignored);
        return err_in(err, "validation");
    }
    best = !t->val || !t->best_epoch || better(&f, &t->best);
    if (!write_model(t, "last.safetensors", t->val ? &f : NULL, err) ||
        (best && !write_model(t, "best.safetensors", t->val ? &f : NULL, err))) {
        infer_figures_release(&f);
        return false;
    }
    t->pace.val = now() - before;
    emit(t, (struct train_event){
                .kind = TRAIN_EVENT_EPOCH, .val = t->val ? &f : NULL, .best = best });
    if (best) {
        infer_figures_release(&t->best);
        t->best = f;
        t->best_epoch = t->epoch;
    } else {
        infer_figures_release(&f);
    }
    return true;
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

/* Steps of a throwaway copy at rate 0, for `limit` seconds, into t->pace. */
static bool measure_steps(struct trainer *t, double limit, struct err *err)
{
    struct train_net *net = make_net(t, err);
    double start = now(), first = 0, waited = 0, loss;
    int steps = -1, empty = 0; /* the first one is warm-up, unless it takes all the time */
    int64_t read = 0;
    bool ok = net, filling = train_caches_filling(&t->caches);

    data_loader_start(t->loader, 0, 0);
    while (ok && !stopped(t) && (steps < 1 || now() - start < limit) &&
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
        if (empty > t->pace.per_epoch)
            ok = nothing_to_learn(read, err);
        if (b->n < 2)
            continue;
        ok = ok && train_net_step(net, b->n, b->image, b->target, 0, 0, &loss, err);
        if (++steps == 0) {
            first = now() - start;
            start = now();
            waited = 0;
        }
    }
    t->pace.step = steps > 0 ? (now() - start) / steps : first;
    t->pace.fill = steps > 0 && filling ? waited / steps : 0;
    t->pace.step -= t->pace.fill;
    train_net_free(net);
    return ok;
}

/* Fixes the number of steps that the time given is good for. */
static bool plan_time(struct trainer *t, struct err *err)
{
    double limit = fmin(fmax(0.05 * t->cfg->time, 0.5), 5), start;
    struct infer_figures f = { 0 };

    if (!measure_steps(t, limit, err))
        return false;
    if (stopped(t))
        return true;
    if (t->val) {
        struct data_index few = *t->val;
        struct err ignored = { 0 };     /* the first pictures may all be bad; others need not be */

        few.n = few.n < 2 * VAL_BATCH ? few.n : 2 * VAL_BATCH;
        train_net_values(t->net, t->model->params);
        start = now();
        validate(t, &few, &f, &ignored);
        infer_figures_release(&f);
        t->pace.val = (now() - start) * t->val->n / few.n;
    }
    t->steps =
        train_pace_steps(&t->pace, 0, TIME_PLANNED * t->cfg->time - (now() - t->began));
    t->cfg->steps = (int)t->steps;
    note(t, TRAIN_EVENT_NOTE,
         "steps %lld, which is %.1f epochs: a step takes %.3g s and a validation %.3g s, and %g s "
         "are given",
         (long long)t->steps, (double)t->steps / (double)t->pace.per_epoch, t->pace.step,
         t->pace.val, t->cfg->time);
    return true;
}

/* Shortens the plan when the machine has become slower than it was measured. */
static void replan(struct trainer *t)
{
    double spent = now() - t->began, done;
    int64_t steps;

    if (t->cfg->time <= 0 || t->timed_steps < REPLAN_STEPS ||
        spent + time_left(t) <= TIME_REPLAN * t->cfg->time)
        return;
    /* Of the epoch under way, what is made is not to be made again. */
    steps = t->step +
            train_pace_steps(&t->pace, t->step, TIME_PLANNED * t->cfg->time - spent);
    if (steps >= t->steps)
        return;
    done = t->base_done + (1 - t->base_done) * (double)(t->step - t->base_step) /
                              (double)(t->steps - t->base_step);
    if (!t->replanned)
        note(t, TRAIN_EVENT_NOTE,
             "the machine is slower than it was measured to be: %lld steps instead of %lld, or as "
             "few as the time given takes",
             (long long)steps, (long long)t->steps);
    t->replanned = true;
    t->base_done = done;
    t->base_step = t->step;
    t->steps = steps;
    t->cfg->steps = (int)steps;
    t->cfg->epochs = t->epochs = epochs_of(t, steps);
}

/* How to make as many steps again without a clock.  The rate fell faster where the plan became
 * shorter, so that only a training that kept to its plan comes out the same. */
static void tell_steps(const struct trainer *t)
{
    if (t->cfg->time <= 0)
        return;
    if (t->replanned)
        note(t, TRAIN_EVENT_NOTE,
             "--steps %lld instead of --time makes as many steps as were made; the rate then falls "
             "evenly, so the weights will not be just these", (long long)t->step);
    else
        note(t, TRAIN_EVENT_NOTE, "--steps %lld instead of --time repeats this training",
             (long long)t->step);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static double rate_now(const struct trainer *t)
{
    double part = ((double)(t->step - t->base_step) + 0.5) / (double)(t->steps - t->base_step);
    struct train_sched sched = { t->cfg->sched, t->cfg->warmup, t->cfg->drop, t->cfg->drop_every,
                                 t->cfg->patience };

    return t->cfg->lr * train_sched_share(&sched, t->base_done + (1 - t->base_done) * part);
}

/* The user asked to stop: what is there is saved. */
static bool stop_here(struct trainer *t, bool unsaved, struct err *err)
{
    if (unsaved && (!take_values(t, err) || !write_model(t, "last.safetensors", NULL, err)))
        return false;
    if (!t->step)
        return err_set(err, ERR_CANCELLED, "stopped before the first step; nothing was saved");
    return err_set(err, ERR_CANCELLED,
                   "stopped after step %lld of %lld; the weights so far are in "
                   "%s/last.safetensors%s",
                   (long long)t->step, (long long)t->steps, t->run->out,
                   t->best_epoch ? ", the best in best.safetensors" : "");
}

/* Puts where it was and what helps around the cause of a divergence. */
static bool diverged(const struct trainer *t, struct err *err)
{
    struct err cause = *err;

    if (cause.kind != ERR_DIVERGED)
        return false;
    return err_set(err, ERR_DIVERGED,
                   "epoch %d, step %lld: %.200s; a smaller learning rate than %g may help%s",
                   t->epoch, (long long)t->step + 1, cause.msg, t->cfg->lr,
                   t->best_epoch ? "; best.safetensors is from before" : "");
}

/* Counts the time of a step: what filling the cache costs will not come back. */
static void time_step(struct trainer *t, double seconds, double waited)
{
    t->in_steps += seconds;
    t->waited += waited;
    t->timed_steps++;
    if (t->epoch == 1 && t->filling) {
        t->in_fill += waited;
        t->pace.fill = t->in_fill / (double)t->timed_steps;
    }
    t->pace.step = (t->in_steps - t->in_fill) / (double)t->timed_steps;
}

/* The steps of one epoch.  False also when stopped. */
static bool run_epoch(struct trainer *t, struct err *err)
{
    int64_t made = 0, read = 0;
    double sum = 0, begin, waited = 0, loss = NAN;
    const struct data_batch *b;

    data_loader_start(t->loader, (uint64_t)t->epoch - 1, 0);
    t->epoch_began = begin = now();
    t->epoch_pictures = 0;
    t->loss = 0;
    while (t->step < t->steps && (b = data_loader_next(t->loader))) {
        if (b->n >= 2) { /* one picture has no variance to norm by */
            t->rate = rate_now(t);
            if (!train_net_step(t->net, b->n, b->image, b->target, t->rate, (uint64_t)t->step,
                                &loss, err))
                return diverged(t, err);
            sum += loss;
            t->loss = sum / (double)++made;
            t->epoch_pictures += b->n;
        }
        read += b->n;
        t->step++;
        time_step(t, now() - begin, data_loader_waited(t->loader) - waited);
        waited = data_loader_waited(t->loader);
        begin = now();
        emit(t, (struct train_event){ .kind = TRAIN_EVENT_STEP, .step_loss = loss });
        if (stopped(t) && t->step < t->steps)
            return stop_here(t, true, err);
        replan(t);
    }
    return made || t->epoch > 1 || nothing_to_learn(read, err);
}

static bool loop(struct trainer *t, struct err *err)
{
    t->epochs = epochs_of(t, t->steps);
    t->filling = train_caches_filling(&t->caches);
    if (stopped(t))
        return stop_here(t, false, err);
    t->cfg->epochs = t->epochs;
    note(t, TRAIN_EVENT_START,
         "%s, %.3g M parameters, %.3g MFLOP a picture of %dx%d; %d pictures to learn from, %d to "
         "check with, %d label%s; %lld step%s of %d in %d epoch%s",
         t->arch, 1e-6 * (double)train_net_trained(t->net), 1e-6 * (double)train_net_flops(t->net),
         t->prep.size[1], t->prep.size[0], t->train->n, t->val ? t->val->n : 0, t->index->n_labels,
         t->index->n_labels == 1 ? "" : "s", (long long)t->steps, t->steps == 1 ? "" : "s",
         t->cfg->batch, t->epochs, t->epochs == 1 ? "" : "s");
    for (t->epoch = 1; t->step < t->steps; t->epoch++) {
        if (!run_epoch(t, err) || !end_epoch(t, err))
            return false;
        if (stopped(t) && t->step < t->steps)
            return stop_here(t, false, err);
    }
    tell_steps(t);
    t->epoch = t->best_epoch;
    emit(t, (struct train_event){
                .kind = TRAIN_EVENT_END, .val = t->val ? &t->best : NULL, .best = true });
    return true;
}

bool train_supervised(const struct data_index *x, struct train_cfg *cfg,
                      const struct train_run *run, struct err *err)
{
    struct trainer t = { .cfg = cfg, .run = run, .index = x };
    bool ok = prepare(&t, err) && (cfg->time <= 0 || plan_time(&t, err)) && loop(&t, err);

    release(&t);
    return ok;
}
