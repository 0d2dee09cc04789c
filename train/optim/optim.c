/*
 * optim -- the table of optimisers, and what they share
 */
#include "train/optim/optim.h"
#include "nn/base/str.h"

enum {
    STRETCH = 1 << 15, /* numbers: four arrays of them are half a megabyte */
    SUM_PARTS = 64,
};

static const struct train_optim *const optims[] = {
#define TRAIN_OPTIM(name) &train_optim_##name,
#include "train/optim/optims.def"
#undef TRAIN_OPTIM
};
enum { N_OPTIMS = sizeof optims / sizeof *optims };

static const char *name_at(int i, const void *ctx)
{
    (void)ctx;
    return optims[i]->name;
}

const struct train_optim *train_optim_find(const char *name, struct err *err)
{
    const char *near;

    for (int i = 0; i < N_OPTIMS; i++)
        if (!strcmp(optims[i]->name, name))
            return optims[i];
    near = str_nearest(name, N_OPTIMS, name_at, NULL);
    err_set(err, ERR_USAGE, "no optimiser is called \"%s\": did you mean \"%s\"?", name,
            near ? near : optims[0]->name);
    return NULL;
}

int train_optim_count(void)
{
    return N_OPTIMS;
}

const struct train_optim *train_optim_at(int i)
{
    return optims[i];
}

/* ---- stretches ------------------------------------------------------------------------------- */

int train_stretches(int64_t n)
{
    return (int)((n + STRETCH - 1) / STRETCH);
}

int64_t train_stretch(int64_t n, int i, int64_t *first)
{
    *first = (int64_t)i * STRETCH;
    return n - *first < STRETCH ? n - *first : STRETCH;
}

struct train_optim_step train_optim_part(const struct train_optim_step *s, int64_t first, int64_t n)
{
    struct train_optim_step part = *s;

    part.n = n;
    part.grad += first;
    part.value += first;
    for (int i = 0; i < 2; i++)
        if (part.moment[i])
            part.moment[i] += first;
    part.pool = NULL;
    part.rows = part.cols = 0;
    part.scratch = NULL;
    return part;
}

struct each {
    const struct train_optim_step *s;
    train_optim_fn *fn;
};

static void each_stretch(void *arg, int i, int worker)
{
    const struct each *e = arg;
    int64_t first, n = train_stretch(e->s->n, i, &first);
    struct train_optim_step part = train_optim_part(e->s, first, n);

    (void)worker;
    e->fn(&part);
}

void train_optim_each(const struct train_optim_step *s, train_optim_fn *fn)
{
    pool_for(s->pool, train_stretches(s->n), each_stretch, &(struct each){ s, fn });
}

/* ---- sums ------------------------------------------------------------------------------------ */

struct sum {
    const struct nn_kernels *k;
    int64_t n;
    const real *x;
    double part[SUM_PARTS];
};

static void sum_part(void *arg, int i, int worker)
{
    struct sum *s = arg;
    int64_t first = s->n * i / SUM_PARTS, end = s->n * (i + 1) / SUM_PARTS;

    (void)worker;
    s->part[i] = s->k->sumsq_f32(end - first, s->x + first);
}

double train_sumsq(const struct nn_kernels *k, struct pool *pool, int64_t n, const real *x)
{
    struct sum s = { .k = k, .n = n, .x = x };
    double sum = 0;

    pool_for(pool, SUM_PARTS, sum_part, &s);
    for (int i = 0; i < SUM_PARTS; i++)
        sum += s.part[i];
    return sum;
}
