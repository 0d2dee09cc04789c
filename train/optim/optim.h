/*
 * optim -- optimisers: updates of flat arrays; one file and one line of optims.def each
 *
 * Names of Adam's paper: momentum is beta1, the share of the last first moment that is kept, and
 * beta2 that of the second.  decay is decoupled (w loses rate * decay of itself) except in sgd,
 * where it is part of the gradient; 0 for norms and biases.
 */
#ifndef TRAIN_OPTIM_H
#define TRAIN_OPTIM_H

#include "nn/base/err.h"
#include "nn/base/pool.h"
#include "nn/kernel/kernel.h"

struct train_optim_step {
    const struct nn_kernels *k;
    int64_t n, t; /* numbers; which update of them this is, from 1 */
    double rate, momentum, beta2, decay;
    real *grad; /* used up */
    real *value;
    real *moment[2]; /* [n] each, as many as .moments; kept between steps, first 0 */

    /* For .matrix alone: value is [rows,cols], cols the outputs; numbers as .scratch says. */
    struct pool *pool; /* may be NULL */
    int rows, cols;
    real *scratch;
};

/* Which weights of rank 2 and more go to .matrix; all else to .step. */
enum train_optim_matrices {
    TRAIN_NO_MATRICES,
    TRAIN_ALL_MATRICES,
    TRAIN_HIDDEN_MATRICES, /* neither the first nor the last, and no depthwise filters, whose
                              outputs see an input each */
};

struct train_optim {
    const char *name, *doc;
    int moments; /* arrays of state a parameter, at most 2 */

    /* What is chosen where nobody says: the rate for batches of 64, with one label a picture and
     * with several; that for batches of n is (n / 64)^power times it. */
    double lr, lr_multi, power;
    double momentum, beta2, decay;

    /* Of any stretch of a parameter, from any thread. */
    void (*step)(const struct train_optim_step *s);

    enum train_optim_matrices matrices;
    void (*matrix)(const struct train_optim_step *s);  /* a whole one, over the pool */
    int64_t (*scratch)(int rows, int cols);            /* numbers; NULL: none */
};

#define TRAIN_OPTIM(name) extern const struct train_optim train_optim_##name;
#include "train/optim/optims.def"
#undef TRAIN_OPTIM

/* NULL when there is none: err names the nearest. */
const struct train_optim *train_optim_find(const char *name, struct err *err);
int train_optim_count(void);
const struct train_optim *train_optim_at(int i);

/* The first free number and the length of stretch i of n numbers: stretches are as long for any
 * number of threads, and short enough for a processor's cache. */
int train_stretches(int64_t n);
int64_t train_stretch(int64_t n, int i, int64_t *first);

/* Runs fn on every stretch of s, over its pool. */
typedef void train_optim_fn(const struct train_optim_step *s);
void train_optim_each(const struct train_optim_step *s, train_optim_fn *fn);
/* Numbers [first, first + n) of s; no matrix any more. */
struct train_optim_step train_optim_part(const struct train_optim_step *s, int64_t first,
                                         int64_t n);

/* The sum of x^2 in a fixed number of parts, over the pool (may be NULL).  Not finite where a
 * number is not. */
double train_sumsq(const struct nn_kernels *k, struct pool *pool, int64_t n, const real *x);

/* Adam's direction into s->grad, both moments brought up to date: what adamw and lamb share. */
void train_adam_direction(const struct train_optim_step *s, double eps);
/* For .matrix of what steps orthogonally: s->grad, whose momentum s->moment[0] is, with singular
 * values of about 1 after so many rounds (3 to 5); lies in s->grad or s->scratch, which has
 * train_orthogonal_scratch numbers. */
real *train_orthogonal(const struct train_optim_step *s, int rounds);
int64_t train_orthogonal_scratch(int rows, int cols);
/* AdamW's whole step: also that of what lamb and muon leave. */
void train_adamw_step(const struct train_optim_step *s);

#endif
