/*
 * average -- see average.h; the average: Polyak and Juditsky, "Acceleration of stochastic
 * approximation by averaging", 1992, with the decay that deep networks give it; lookahead: Zhang et
 * al., arXiv:1907.08610, with alpha = 1/2
 */
#include "train/average.h"

#include "train/optim/optim.h"

#include <math.h>
#include <string.h>

struct job {
    const struct nn_kernels *k;
    int64_t n;
    double share; /* of `from` that goes into `to` */
    const real *from;
    real *to, *back; /* back: gets a copy; NULL: none */
};

static void blend(void *arg, int i, int worker)
{
    const struct job *j = arg;
    int64_t first, n = train_stretch(j->n, i, &first);

    (void)worker;
    j->k->blend_f32(n, (real)j->share, j->from + first, j->to + first);
    if (j->back)
        memcpy(j->back + first, j->to + first, (size_t)n * sizeof *j->to);
}

void train_average(const struct nn_kernels *k, struct pool *pool, int64_t n, double decay,
                   int64_t t, const real *value, real *average)
{
    double d = fmin(decay, (1 + (double)t) / (10 + (double)t));

    pool_for(pool, train_stretches(n), blend, &(struct job){ k, n, 1 - d, value, average, NULL });
}

void train_lookahead(const struct nn_kernels *k, struct pool *pool, int64_t n, real *value,
                     real *slow)
{
    pool_for(pool, train_stretches(n), blend, &(struct job){ k, n, 0.5, value, slow, value });
}
