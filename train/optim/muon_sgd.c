/*
 * muon_sgd -- orthogonal steps of weights that keep their length, gradient descent elsewhere
 *
 * Between the first and the last layer W = W sqrt(columns) / |W| - rate X
 * with X of train_orthogonal, three rounds, columns the outputs: each output's weights are of
 * length 1 in the mean, and the rate says by what share of that they turn.  There is no decay: the
 * length is what decay would settle.  It wants a norm behind each such layer.  The rest takes SGD's
 * step (sgd.c) with beta2 as its momentum and SGD_RATES times the rate.  Momentum, rounds, rates
 * and their proportions are those of K. Jordan's airbench94_muon (2024), batches of 2000: 0.24 for
 * filters and, of the mean loss and with logits as airnet.c has them, 1.66 for the last layer.
 */
#include "train/optim/optim.h"

#include <math.h>

#define SGD_RATES 7

enum { ROUNDS = 3 };

static void step(const struct train_optim_step *s)
{
    s->k->sgd_f32(s->n, (real)(SGD_RATES * s->rate), (real)s->beta2, (real)s->decay, true, s->grad,
                  s->value, s->moment[0]);
}

/* .decay is what is left of the value here. */
static void walk(const struct train_optim_step *s)
{
    s->k->mix_f32(s->n, (real)s->decay, (real)-s->rate, s->grad, s->value);
}

static void matrix(const struct train_optim_step *s)
{
    struct train_optim_step last = *s;
    double length = sqrt(train_sumsq(s->k, s->pool, s->n, s->value));

    last.grad = train_orthogonal(s, ROUNDS);
    last.decay = sqrt(s->cols) / fmax(length, 1e-7);
    train_optim_each(&last, walk);
}

const struct train_optim train_optim_muon_sgd = {
    .name = "muon_sgd",
    .doc = "orthogonal steps of weights that keep their length, gradient descent elsewhere",
    .moments = 1,
    .lr = 0.04,
    .lr_multi = 0.04,
    .power = 0.5,
    .momentum = 0.6,
    .beta2 = 0.85,
    .decay = 2.4e-3,
    .step = step,
    .matrices = TRAIN_HIDDEN_MATRICES,
    .matrix = matrix,
    .scratch = train_orthogonal_scratch,
};
