/*
 * loader -- pictures to batches: decoding threads, a bounded ring, a fixed order
 *
 * One mutex.  Threads take the epoch's pictures one by one, in order, each with its place
 * in a batch of the ring; a batch may be filled when the consumer is fewer than `slots`
 * batches behind it.  What a picture becomes (fetch.c) depends on nothing but its address, so it
 * does not matter who makes it.
 */
#include "data/loader.h"

#include "nn/base/arena.h"
#include "nn/base/clock.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* One batch of the ring.  Written by decoding threads, each its own places, until done == n. */
struct slot {
    float *image[DATA_TAKES], *target;  /* of each view, or take */
    float *target2;             /* what mixing the second view throws away */
    int *sample;
    bool *good;
    struct err *err;            /* of the places that are not good */
    int done;
    struct data_batch batch;
};

struct data_loader {
    const struct data_index *x;
    struct data_fetch fetch;
    struct data_loader_options opt;
    int images;                 /* views, or takes */
    size_t count[DATA_TAKES];   /* floats of a picture in each of them */
    int batches;
    struct slot *slot;
    int slots;
    uint8_t *scratch;           /* [threads,scratch_bytes] */
    size_t scratch_bytes;
    struct data_sampler *sampler;
    uint32_t *order;            /* of this epoch, over the index */
    pthread_t *thread;
    int threads;                /* that run */

    pthread_mutex_t lock;
    pthread_cond_t work;        /* there may be pictures to decode */
    pthread_cond_t ready;       /* a batch may be complete, or a thread idle */
    bool quit, running;
    uint64_t epoch;
    int64_t next;               /* picture of the epoch to be taken */
    int current;                /* batch that the consumer gets next, or holds */
    bool lent;
    int busy;                   /* threads that are decoding */
    double waited;              /* seconds in this epoch */
};

struct worker {
    struct data_loader *l;
    uint8_t *scratch;
};

static int batch_size(const struct data_loader *l, int b)
{
    int64_t left = l->x->n - (int64_t)b * l->opt.batch;

    return left < l->opt.batch ? (int)left : l->opt.batch;
}

static void set_target(const struct data_index *x, const struct data_sample *s, float *target)
{
    for (int j = 0; j < x->n_labels; j++)
        target[j] = s->mark ? s->mark[j] : s->label == j;
}

/* With the lock held: is there a picture to take? */
static bool has_work(const struct data_loader *l)
{
    return l->running && l->next < (int64_t)l->batches * l->opt.batch && l->next < l->x->n &&
           l->next / l->opt.batch < l->current + l->slots;
}

static void *run(void *arg)
{
    struct worker w = *(struct worker *)arg;
    struct data_loader *l = w.l;

    free(arg);
    pthread_mutex_lock(&l->lock);
    for (;;) {
        struct slot *s;
        float *out[DATA_TAKES];
        int b, place, sample, draw;

        while (!l->quit && !has_work(l))
            pthread_cond_wait(&l->work, &l->lock);
        if (l->quit)
            break;
        b = (int)(l->next / l->opt.batch);
        place = (int)(l->next % l->opt.batch);
        sample = (int)l->order[l->next];
        /* A picture that comes again is varied anew. */
        draw = l->opt.sampling == DATA_SAMPLING_NONE ? sample : (int)l->next;
        l->next++;
        s = &l->slot[b % l->slots];
        l->busy++;
        pthread_mutex_unlock(&l->lock);

        s->sample[place] = sample;
        set_target(l->x, &l->x->sample[sample], s->target + (size_t)place * (size_t)l->x->n_labels);
        for (int v = 0; v < l->images; v++)
            out[v] = s->image[v] + (size_t)place * l->count[v];
        s->good[place] =
            l->opt.takes ? data_take_sample(l->opt.take, l->opt.takes, &l->x->sample[sample], NULL,
                                            0, &l->fetch.decode, out, &s->err[place])
                         : data_fetch(&l->fetch, l->epoch, draw, sample, l->opt.views, w.scratch,
                                      out, &s->err[place]);

        pthread_mutex_lock(&l->lock);
        l->busy--;
        s->done++;
        if (s->done == batch_size(l, b) || !l->running)
            pthread_cond_signal(&l->ready);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* Batches that are under way, of so many bytes each. */
static int ring_length(size_t bytes)
{
    enum { AHEAD_MIN = 3, AHEAD_MAX = 8, AHEAD_BYTES = 64 << 20 };
    int slots = AHEAD_MIN;

    while (slots < AHEAD_MAX && (size_t)slots * bytes < AHEAD_BYTES)
        slots++;
    return slots;
}

/* Bytes of one slot, of all its images together; false when they do not fit. */
static bool slot_bytes(const struct data_loader *l, size_t *images, size_t *target)
{
    size_t n = (size_t)l->opt.batch, count = 0;

    for (int v = 0; v < l->images; v++)
        if (!size_add(count, l->count[v], &count))
            return false;
    return size_mul(n, count, images) && size_mul(*images, sizeof(float), images) &&
           size_mul(n, (size_t)l->x->n_labels, target) && size_mul(*target, sizeof(float), target);
}

static bool make_slot(const struct data_loader *l, struct slot *s, size_t target)
{
    size_t n = (size_t)l->opt.batch;
    bool ok = true;

    for (int v = 0; v < l->images; v++)
        ok &= (s->image[v] = malloc(n * l->count[v] * sizeof(float))) != NULL;
    s->target = malloc(target ? target : 1);
    s->target2 = malloc(target ? target : 1);
    s->sample = malloc(n * sizeof *s->sample);
    s->good = malloc(n * sizeof *s->good);
    s->err = malloc(n * sizeof *s->err);
    return ok && s->target && s->target2 && s->sample && s->good && s->err;
}

static bool make_slots(struct data_loader *l, struct err *err)
{
    size_t images, target;

    if (!slot_bytes(l, &images, &target))
        return err_set(err, ERR_MEMORY, "a batch of %d pictures does not fit in memory",
                       l->opt.batch);
    l->slots = ring_length(images);
    l->slot = calloc((size_t)l->slots, sizeof *l->slot);
    for (int i = 0; l->slot && i < l->slots; i++)
        if (!make_slot(l, &l->slot[i], target))
            return err_set(err, ERR_MEMORY,
                           "%d batches of %d pictures do not fit in memory: make the batch smaller",
                           l->slots, l->opt.batch);
    return l->slot || err_set(err, ERR_MEMORY, "memory is out");
}

/* Signals are the main thread's business. */
static bool make_threads(struct data_loader *l, struct err *err)
{
    sigset_t all, old;
    bool ok = true;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 0; ok && i < l->opt.threads; i++) {
        struct worker *w = malloc(sizeof *w);

        if (w)
            *w = (struct worker){ l, l->scratch + (size_t)i * l->scratch_bytes };
        ok = w && !pthread_create(&l->thread[i], NULL, run, w);
        if (ok)
            l->threads++;
        else
            free(w);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ok || err_set(err, ERR_MEMORY, "cannot start %d threads to read pictures",
                         l->opt.threads);
}

struct data_loader *data_loader_new(const struct data_index *x, const struct data_prep *prep,
                                    const struct data_loader_options *opt, struct err *err)
{
    struct data_loader *l = calloc(1, sizeof *l);

    assert(opt->batch >= 1 && opt->threads >= 1 && prep->size[0] >= 1 && prep->size[1] >= 1 &&
           opt->views >= 0 && opt->views <= DATA_VIEWS && opt->takes >= 0 &&
           opt->takes <= DATA_TAKES && (opt->shuffle || !opt->sampling));
    if (!l) {
        err_set(err, ERR_MEMORY, "memory is out");
        return NULL;
    }
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->ready, NULL);
    l->x = x;
    l->opt = *opt;
    l->opt.views = opt->views ? opt->views : 1;
    l->fetch = (struct data_fetch){ .x = x, .prep = prep, .recipe = opt->recipe,
                                    .decode = opt->decode ? *opt->decode : data_decode_default,
                                    .keep = opt->keep, .cache = opt->cache,
                                    .seed = opt->seed };
    if (l->opt.batch > x->n && x->n > 0)
        l->opt.batch = x->n;            /* no memory for pictures that are not there */
    l->images = opt->takes ? opt->takes : l->opt.views;
    for (int v = 0; v < l->images; v++)
        l->count[v] = data_prep_count(opt->takes ? opt->take[v].prep : prep);
    l->batches = (int)((x->n + (int64_t)l->opt.batch - 1) / l->opt.batch);
    if (opt->drop_last && l->batches > 1)
        l->batches = x->n / l->opt.batch;
    l->order = malloc(((size_t)x->n + 1) * sizeof *l->order);
    l->thread = calloc((size_t)opt->threads, sizeof *l->thread);
    l->scratch_bytes = data_fetch_scratch(&l->fetch);
    l->scratch = aligned_alloc(64, (size_t)opt->threads * l->scratch_bytes);
    l->sampler = data_sampler_new(x, opt->sampling, opt->seed, err);
    if (!l->order || !l->thread || !l->scratch)
        err_set(err, ERR_MEMORY, "cannot hold an epoch of %d pictures", x->n);
    else if (l->sampler && make_slots(l, err) && make_threads(l, err))
        return l;
    data_loader_free(l);
    return NULL;
}

int64_t data_loader_bytes(const struct data_index *x, const struct data_prep *prep,
                          const struct data_loader_options *opt)
{
    struct data_fetch fetch = { .x = x, .prep = prep, .recipe = opt->recipe };
    int64_t batch = opt->batch > x->n && x->n > 0 ? x->n : opt->batch,
            views = opt->views ? opt->views : 1,
            batches = batch ? (x->n + batch - 1) / batch : 0,
            images = views * batch * (int64_t)data_prep_count(prep) * (int64_t)sizeof(float),
            targets = 2 * batch * x->n_labels * (int64_t)sizeof(float);

    int64_t ring = ring_length((size_t)images);

    /* What no batch is ever put into is never touched. */
    return (ring < batches ? ring : batches) * (images + targets) +
           opt->threads * (int64_t)data_fetch_scratch(&fetch) + x->n * (int64_t)sizeof(int);
}

void data_loader_free(struct data_loader *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->quit = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->threads; i++)
        pthread_join(l->thread[i], NULL);
    for (int i = 0; l->slot && i < l->slots; i++) {
        for (int v = 0; v < l->images; v++)
            free(l->slot[i].image[v]);
        free(l->slot[i].target);
        free(l->slot[i].target2);
        free(l->slot[i].sample);
        free(l->slot[i].good);
        free(l->slot[i].err);
    }
    pthread_cond_destroy(&l->ready);
    pthread_cond_destroy(&l->work);
    pthread_mutex_destroy(&l->lock);
    free(l->slot);
    free(l->scratch);
    free(l->thread);
    free(l->order);
    data_sampler_free(l->sampler);
    free(l);
}

int data_loader_batches(const struct data_loader *l)
{
    return l->batches;
}

void data_loader_start(struct data_loader *l, uint64_t epoch, int first)
{
    pthread_mutex_lock(&l->lock);
    l->running = false;
    while (l->busy)
        pthread_cond_wait(&l->ready, &l->lock);
    for (int i = 0; i < l->slots; i++)
        l->slot[i].done = 0;
    if (l->opt.shuffle) {
        data_sampler_epoch(l->sampler, epoch, l->order);
    } else {
        for (int i = 0; i < l->x->n; i++)
            l->order[i] = (uint32_t)i;
    }
    l->epoch = epoch;
    l->next = (int64_t)first * l->opt.batch;
    l->current = first;
    l->lent = false;
    l->waited = 0;
    l->running = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
}

/* Reports what is bad, in order, and closes the gaps. */
static void compact(const struct data_loader *l, struct slot *s, int n)
{
    size_t labels = (size_t)l->x->n_labels;
    int kept = 0;

    for (int i = 0; i < n; i++) {
        if (!s->good[i]) {
            if (l->opt.bad)
                l->opt.bad(l->opt.bad_ctx, &l->x->sample[s->sample[i]], &s->err[i]);
            continue;
        }
        if (kept < i) {
            for (int v = 0; v < l->images; v++)
                memcpy(s->image[v] + (size_t)kept * l->count[v],
                       s->image[v] + (size_t)i * l->count[v], l->count[v] * sizeof(float));
            memcpy(s->target + (size_t)kept * labels, s->target + (size_t)i * labels,
                   labels * sizeof(float));
            s->sample[kept] = s->sample[i];
        }
        kept++;
    }
    s->batch = (struct data_batch){ kept, s->image[0], l->opt.views > 1 ? s->image[1] : NULL,
                                    s->image, s->target, s->sample };
}

/* Augmentations that mix the pictures of a batch: both views alike, the targets once. */
static void mix(const struct data_loader *l, struct slot *s)
{
    const struct data_prep *prep = l->fetch.prep;
    struct data_place at =
        data_recipe_place(l->epoch, (uint64_t)l->batches, (uint64_t)l->current, 0);
    struct data_mixing m = { s->batch.n, l->x->n_labels, prep->size[1], prep->size[0],
                             data_prep_channels(prep), s->image[0], s->target };

    memcpy(s->target2, s->target, (size_t)s->batch.n * (size_t)l->x->n_labels * sizeof(float));
    data_recipe_batch(l->opt.recipe, l->opt.seed, at, &m);
    if (l->opt.views < 2)
        return;
    m.image = s->image[1];
    m.target = s->target2;
    data_recipe_batch(l->opt.recipe, l->opt.seed, at, &m);
}

/* With the lock held: until batch `current` is complete. */
static void wait_for(struct data_loader *l, const struct slot *s, int n)
{
    double begin;

    if (s->done == n)
        return;
    begin = clock_now();
    while (s->done < n)
        pthread_cond_wait(&l->ready, &l->lock);
    l->waited += clock_now() - begin;
}

const struct data_batch *data_loader_next(struct data_loader *l)
{
    struct slot *s;
    int n;

    pthread_mutex_lock(&l->lock);
    if (l->lent) {
        l->slot[l->current % l->slots].done = 0;
        l->current++;
        l->lent = false;
        pthread_cond_broadcast(&l->work);
    }
    if (!l->running || l->current >= l->batches) {
        pthread_mutex_unlock(&l->lock);
        return NULL;
    }
    s = &l->slot[l->current % l->slots];
    n = batch_size(l, l->current);
    wait_for(l, s, n);
    l->lent = true;
    pthread_mutex_unlock(&l->lock);
    compact(l, s, n);
    mix(l, s);
    return &s->batch;
}

double data_loader_waited(const struct data_loader *l)
{
    return l->waited;
}
