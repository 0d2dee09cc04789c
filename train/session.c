/*
 * session -- see session.h
 */
#include "train/session.h"

#include "nn/kernel/cpu.h"
#include "nn/plan.h"
#include "train/arch.h"
#include "train/begin.h"
#include "train/grow.h"
#include "train/plan.h"
#include "train/provenance.h"
#include "train/start.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define TUNE_SECONDS 15 /* at most, about */

/* ---- events ---------------------------------------------------------------------------------- */

int train_session_epochs(const struct train_session *t, int64_t steps)
{
    int64_t per_epoch = t->clock.pace.per_epoch;

    return per_epoch ? (int)((steps + per_epoch - 1) / per_epoch) : 0;
}

bool train_session_judges_start(const struct train_session *t)
{
    return t->answers && (t->parts.val || t->cfg->probe == TRAIN_PROBE_ONLY);
}

bool train_session_calibrates(const struct train_session *t)
{
    int held = t->parts.val ? t->parts.val->n : 0, how = t->cfg->calibrate;

    return held && !t->index->taught && (how == TRAIN_CALIBRATE_YES ||
                    (how == TRAIN_CALIBRATE_AUTO && held >= TRAIN_CALIBRATE_LEAST));
}

double train_session_left(const struct train_session *t)
{
    int64_t steps = train_plan_steps(t->cfg);

    return t->clock.steps ? train_pace_left(&t->clock.pace, t->progress.step, steps,
                                            train_session_epochs(t, steps) - t->progress.epoch + 1 +
                                                train_session_calibrates(t))
                          : 0;
}

void train_session_emit(const struct train_session *t, struct train_event e)
{
    const struct train_progress *p = &t->progress;
    struct rusage usage;

    if (!t->run->event)
        return;
    getrusage(RUSAGE_SELF, &usage);
    if (e.kind != TRAIN_EVENT_END)
        e.epoch = p->epoch;
    e.steps = train_plan_steps(t->cfg);
    e.epochs = train_session_epochs(t, e.steps);
    e.step = p->step;
    e.loss = p->made ? p->loss / p->made : NAN;
    e.taught = t->index->taught;
    e.accuracy =
        t->index->task == DATA_SINGLE && p->pictures ? (double)p->right / p->pictures : NAN;
    e.lr = t->lr;
    e.rate = train_clock_rate(&t->clock);
    e.elapsed = train_clock_elapsed(&t->clock);
    e.left = train_session_left(t);
    e.waited = train_clock_waited(&t->clock);
    e.memory = (int64_t)usage.ru_maxrss * 1024;
    t->run->event(t->run->event_ctx, &e);
}

void train_session_say(void *ctx, const char *text)
{
    train_session_emit(ctx, (struct train_event){ .kind = TRAIN_EVENT_NOTE, .text = text });
}

void train_session_note(const struct train_session *t, enum train_event_kind kind, const char *fmt,
                        ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    train_session_emit(t, (struct train_event){ .kind = kind, .text = text });
}

void train_session_bad_file(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct train_session *t = ctx;

    if (train_parts_first(&t->parts, sample))
        train_session_note(t, TRAIN_EVENT_BAD_FILE, "%s", why->msg);
}

bool train_session_stopped(const struct train_session *t)
{
    return t->run->stop && atomic_load(t->run->stop);
}

/* ---- preparation ----------------------------------------------------------------------------- */

/* By its name or its text; else as the model has it that is begun with. */
static struct nn_graph *make_graph(struct train_session *t, struct err *err)
{
    const struct train_cfg *cfg = t->cfg;
    struct nn_graph *g;

    if (strcmp(cfg->arch, TRAIN_ARCH_AUTO) != 0)
        return train_arch_graph(cfg->arch, t->index->n_labels, cfg->dropout, cfg->droppath,
                                &t->prep, err);
    g = train_arch_like(t->init, t->index->n_labels, &t->prep, err);
    if (!g && cfg->init)
        err_in(err, "%s", cfg->init);
    return g;
}

static bool make_model(struct train_session *t, struct err *err)
{
    const char *arch = strcmp(t->cfg->arch, TRAIN_ARCH_AUTO) ? t->cfg->arch : t->init->arch;
    const char *slash = strrchr(arch, '/');
    struct nn_graph *g = make_graph(t, err);
    struct nn_params *p = g ? nn_params_new(g, false, err) : NULL;

    snprintf(t->arch, sizeof t->arch, "%s", slash ? slash + 1 : arch);
    if (g && (t->prep.size[0] != t->cfg->size || t->prep.size[1] != t->cfg->size))
        train_session_note(t, TRAIN_EVENT_NOTE, "size %dx%d: as %s has it", t->prep.size[1],
                           t->prep.size[0], t->arch);
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
static bool make_recipe(struct train_session *t, struct err *err)
{
    struct data_recipe_facts facts = { t->parts.train->n, t->index->n_labels, t->prep.size[0] };
    const char *text = t->cfg->augment, *why;

    if (strcspn(text, ",") == strlen("auto") && !strncmp(text, "auto", strlen("auto"))) {
        const struct data_preset *p = data_preset_auto(&facts, &why);

        if (t->cfg->probe != TRAIN_PROBE_ONLY)
            train_session_note(t, TRAIN_EVENT_NOTE, "augment %s: %s", p->name, why);
    }
    return data_recipe_parse(text, &facts, &t->recipe, err);
}

static bool make_caches(struct train_session *t, const struct train_seen *seen, struct err *err)
{
    struct train_caches_options opt = {
        .dir = t->run->cache,
        .share = t->run->cache_share,
        .train = t->parts.train,
        .val = t->parts.val,
        .prep = &t->prep,
        .recipe = &t->recipe,
        .seen = seen,
        .say = train_session_say,
        .say_ctx = t,
    };

    return train_caches_open(&t->caches, &opt, err);
}

static struct data_loader_options loader_options(struct train_session *t)
{
    return (struct data_loader_options){
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
        .bad = train_session_bad_file,
        .bad_ctx = t,
    };
}

static bool make_loader(struct train_session *t, struct err *err)
{
    struct data_loader_options opt = loader_options(t);

    data_loader_free(t->loader);
    t->loader = data_loader_new(t->parts.train, &t->seen, &opt, err);
    return t->loader;
}

/* Who says what the pictures show, beside their labels. */
static bool open_teacher(struct train_session *t, struct err *err)
{
    const struct train_cfg *cfg = t->cfg;
    struct train_teacher_options how = {
        .path = cfg->teacher,
        .data = t->index,
        .prep = &t->prep,
        .temperature = cfg->temperature,
        .batch = cfg->batch,
        .threads = cfg->threads,
        .precision = (enum nn_precision)cfg->precision,
        .isa = cfg->isa,
    };
    struct str text = { 0 };

    if (!cfg->teacher || !cfg->teacher_share)
        return true;
    t->teacher = train_teacher_open(&how, err);
    if (t->teacher) {
        str_printf(&text, "teacher %s: ", cfg->teacher);
        train_teacher_tell(t->teacher, &text);
        train_session_say(t, str_text(&text));
    }
    str_release(&text);
    return t->teacher;
}

static struct train_method_options method_options(const struct train_session *t)
{
    return (struct train_method_options){
        .cfg = t->cfg,
        .graph = t->model->graph,
        .start = t->start,
        .data = t->parts.train,
        .teacher = t->teacher,
        .kernels = t->kernels,
        .pool = t->pool,
        .variants = t->variants,
        .limit = t->limit,
    };
}

void *train_session_method(const struct train_session *t, struct err *err)
{
    struct train_method_options opt = method_options(t);

    return t->method->open(&opt, err);
}

/* What may be wrong with the network, before it costs hours. */
static bool check_start(struct train_session *t, struct err *err)
{
    struct train_method_options opt = method_options(t);
    const struct data_batch *b = t->method->check ? train_begin_batch(t) : NULL;

    return !b || t->method->check(&opt, b, train_session_say, t, err);
}

/* ---- pictures that grow ---------------------------------------------------------------------- */

/* The size of pictures with that side. */
static void size_of(const struct train_session *t, int side, int size[2])
{
    size[0] = side;
    size[1] = (int)lround((double)side * t->prep.size[1] / t->prep.size[0]);
}

/* The side of pictures in an epoch, from 1. */
static int side_of(const struct train_session *t, int epoch)
{
    double before = (double)(epoch - 1) * (double)t->clock.pace.per_epoch;

    return train_grow_side(t->cfg->progressive, t->prep.size[0],
                           before > 0 ? train_plan_done(t->cfg, before) : 0);
}

bool train_session_see(struct train_session *t, int epoch, struct err *err)
{
    int side = side_of(t, epoch), size[2];

    if (side == t->side)
        return true;
    size_of(t, side, size);
    if (!t->method->resize(t->self, size[0], size[1], err))
        return false;
    data_loader_free(t->loader);
    t->loader = NULL;
    memcpy(t->seen.size, size, sizeof size);
    t->side = side;
    train_session_note(t, TRAIN_EVENT_NOTE, "epoch %d: pictures of %dx%d from here on", epoch,
                       size[1], size[0]);
    return make_loader(t, err);
}

/* Whether the network can see the smallest pictures: better said now than after an epoch. */
static bool check_growth(const struct train_session *t, struct err *err)
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

/* What the training takes as it is set up now: with a limit or without, in slices or not. */
static bool forecast(struct train_session *t, int64_t resident, const struct train_seen *seen,
                     struct train_net_bytes *network, struct err *err)
{
    struct train_method_options method = method_options(t);
    struct data_loader_options loader = loader_options(t);
    struct train_forecast_facts facts = {
        .resident = resident,
        .model = t->model,
        .kernels = t->kernels,
        .threads = t->cfg->threads,
        .train = t->parts.train,
        .val = t->parts.val,
        .loader = &loader,
        .val_batch = TRAIN_VAL_BATCH,
        .seen = seen,
        .caches = train_caches_bytes(&t->caches),
    };

    if (!t->method->bytes(&method, &facts.network, err))
        return false;
    *network = facts.network;
    return train_forecast(&facts, &t->memory, err);
}

/* The largest part of a batch, of equal ones, with which it fits.  What cannot be cut stays. */
static bool find_slice(struct train_session *t, int64_t resident, const struct train_seen *seen,
                       int64_t limit, bool *cuts, struct err *err)
{
    struct train_method_options method = method_options(t);
    struct train_net_bytes network;

    if (!t->method->slices(&method, cuts, err))
        return false;
    for (int parts = 2; *cuts && t->memory.total > limit && parts <= t->cfg->batch; parts++) {
        if (t->cfg->batch % parts)
            continue;
        t->cfg->slice = t->cfg->batch / parts;
        if (!forecast(t, resident, seen, &network, err))
            return false;
    }
    return true;
}

/* Over the limit: makes values again, then cuts batches, then refuses. */
static bool fit_memory(struct train_session *t, int64_t resident, const struct train_seen *seen,
                       struct train_net_bytes *network, struct err *err)
{
    int64_t limit = (int64_t)t->cfg->memory * 1000000, others;
    bool cuts = true;

    if (!limit)
        return true;
    others = t->memory.total - network->activations;
    t->limit = limit > others ? limit - others : 1;
    if (!forecast(t, resident, seen, network, err))
        return false;
    if (t->memory.total > limit && !t->cfg->slice && !t->going_on &&
        !find_slice(t, resident, seen, limit, &cuts, err))
        return false;
    if (t->memory.total > limit)
        return err_set(err, ERR_USAGE,
                       "memory %d: this training takes %lld MB at least, %.0f of them for the "
                       "network%s; a smaller --batch or --size takes less",
                       t->cfg->memory, (long long)(t->memory.total / 1000000 + 1),
                       1e-6 * (double)t->memory.network,
                       cuts ? "" : ", whose batches cannot be cut: it looks at whole ones");
    if (t->cfg->slice)
        train_session_note(t, TRAIN_EVENT_NOTE,
                           "slice %d: so many pictures of a batch at a time fit into the memory "
                           "given", t->cfg->slice);
    return true;
}

/* How much memory it will take, told before any of it is taken. */
static bool tell_memory(struct train_session *t, int64_t resident, const struct train_seen *seen,
                        struct err *err)
{
    const struct train_forecast *m = &t->memory;
    struct train_net_bytes network;
    struct str kept = { 0 };

    if (!forecast(t, resident, seen, &network, err) ||
        !fit_memory(t, resident, seen, &network, err))
        return false;
    if (t->cfg->probe != TRAIN_PROBE_ONLY) {    /* which makes no steps */
        str_add(&kept, " (");
        train_forecast_kept(m, &kept);
        str_addc(&kept, ')');
    }
    train_session_note(t, TRAIN_EVENT_NOTE,
                       "memory %.0f MB: network and optimiser %.0f%s, pictures under way %.0f, "
                       "validation %.0f, decoded pictures %.0f, program %.0f",
                       1e-6 * (double)m->total, 1e-6 * (double)m->network, str_text(&kept),
                       1e-6 * (double)m->pictures, 1e-6 * (double)m->validation,
                       1e-6 * (double)m->caches, 1e-6 * (double)m->program);
    str_release(&kept);
    return true;
}

/* Slices that somebody asked for must teach what batches do. */
static bool check_slice(const struct train_session *t, struct err *err)
{
    struct train_method_options method = method_options(t);
    bool cuts = true;

    if (t->cfg->slice && !t->method->slices(&method, &cuts, err))
        return false;
    return cuts || err_set(err, ERR_USAGE,
                           "slice %d: the network, or its loss, looks at whole batches; --batch "
                           "and --accumulate make them smaller",
                           t->cfg->slice);
}

/* ---- variants of operators ------------------------------------------------------------------- */

static bool tell_tuned(void *ctx, const struct nn_tuned *d)
{
    const struct train_session *t = ctx;
    struct progress *p = &t->run->tuning->progress;

    p->total = d->all;
    if (p->to)
        progress_at(p, d->done);
    return !train_session_stopped(t);
}

static bool measure_variants(struct train_session *t, struct err *err)
{
    struct train_tuning *tuning = t->run->tuning;
    struct train_method_options opt = method_options(t);
    struct nn_tune_options how = {
        .pool = t->pool, .seconds = TUNE_SECONDS, .tell = tell_tuned, .ctx = t };
    bool ok = t->method->tune(&opt, &how, &tuning->variants, err);

    progress_end(&tuning->progress);
    t->cfg->variants = str_text(&tuning->variants);
    return ok;
}

/* What steps take: as it was measured, at another time or now. */
static bool find_variants(struct train_session *t, struct err *err)
{
    struct str here = { 0 };
    const char *there;

    if (t->run->tuning && !measure_variants(t, err))
        return false;
    t->variants = nn_variants_read(t->cfg->variants, err);
    if (!t->variants)
        return false;
    if (t->run->tuning)
        train_session_note(t, TRAIN_EVENT_NOTE,
                           "autotune: %d shape%s of layers: another way than by rule is faster",
                           nn_variants_count(t->variants),
                           str_plural(nn_variants_count(t->variants)));
    there = nn_variants_kernels(t->variants);
    nn_variants_add_kernels(t->kernels, &here);
    if (*there && strcmp(there, str_text(&here)) != 0)
        train_session_note(t, TRAIN_EVENT_NOTE,
                           "variants were measured elsewhere, with %.100s, and here are %.100s: "
                           "those that are known here are taken, and the rule for the rest",
                           there, str_text(&here));
    str_release(&here);
    return true;
}

bool train_session_open(struct train_session *t, struct err *err)
{
    struct train_cfg *cfg = t->cfg;
    const struct nn_model *model;
    struct train_usual usual;
    struct train_seen seen;
    struct str missing = { 0 };
    int64_t resident = train_resident();

    if (!cfg->threads)
        cfg->threads = pool_cpus();
    if (!train_check(cfg, err))
        return false;
    if (cfg->few)
        cfg->probe = TRAIN_PROBE_ONLY;
    if (!train_begin_open(t, err))
        return false;
    model = train_arch_named(cfg->arch);
    if (!model && !cfg->channels)
        cfg->channels = TRAIN_RGB; /* a file says what it wants, and hardly ever grey */
    t->kernels = nn_kernels_get(cfg->isa, err);
    t->pool = t->kernels ? pool_new(cfg->threads, err) : NULL;
    if (t->kernels && !cfg->precision)
        cfg->precision = nn_precision_auto(NN_TRAIN, t->kernels);
    if (t->kernels && cfg->precision == NN_PRECISION_BF16 && !t->kernels->multiplies_bf16)
        train_session_note(t, TRAIN_EVENT_NOTE,
                           "precision bf16: there are no instructions for it here, so that "
                           "products are made one by one: fp32 is many times as fast");
    if (!t->pool || !train_parts_open(&t->parts, t->index, t->run->decode, err))
        return false;
    if (!t->parts.val)
        train_session_note(t, TRAIN_EVENT_NOTE,
                           "nothing is held out: no figure will say how good the network is");
    if (!t->index->taught) /* what the teacher says of a label is learnt from any picture */
        train_parts_missing(&t->parts, NULL, &missing);
    if (missing.len)
        train_session_say(t, str_text(&missing));
    str_release(&missing);
    t->about_data =
        train_provenance_data(t->index, t->parts.train->n, t->parts.val ? t->parts.val->n : 0);
    if (!train_begin_learnt(t, err) || !train_begin_choose(t, &usual, err) ||
        !train_choose(t->parts.train, model ? model->least : 1, &usual, cfg->threads,
                      t->run->decode, cfg, &t->prep, &seen, train_session_say, t, err))
        return false;
    if (t->init && train_start_prep(t->init, &t->prep) && !t->going_on)
        train_session_note(t, TRAIN_EVENT_NOTE,
                           "mean, deviation and crop of pictures: as %s has them", cfg->init);
    if (!make_model(t, err) || !open_teacher(t, err) || !make_recipe(t, err) ||
        !make_caches(t, &seen, err))
        return false;
    t->seen = t->prep;
    if (!check_slice(t, err) || !tell_memory(t, resident, &seen, err) ||
        !find_variants(t, err) || !make_loader(t, err))
        return false;
    t->clock.pace.per_epoch =
        (data_loader_batches(t->loader) + cfg->accumulate - 1) / cfg->accumulate;
    if (!cfg->steps)
        cfg->steps = (int)(cfg->epochs * t->clock.pace.per_epoch);
    if (!check_growth(t, err) || !train_begin_values(t, err))
        return false;
    infer_model_free(t->init); /* as large as the network, and not needed any more */
    t->init = NULL;
    if (!t->going_on && t->cfg->probe != TRAIN_PROBE_ONLY && !check_start(t, err))
        return false;
    t->side = t->prep.size[0];
    t->self = train_session_method(t, err);
    return t->self;
}

void train_session_close(struct train_session *t)
{
    infer_figures_release(&t->best);
    data_loader_free(t->loader);
    train_caches_close(&t->caches);
    t->method->close(t->self);
    train_teacher_free(t->teacher);
    infer_model_free(t->model);
    infer_model_free(t->init);
    nn_params_free(t->start);
    pool_free(t->pool);
    nn_variants_free(t->variants);
    train_parts_close(&t->parts);
    json_decref(t->about_data);
}
