/*
 * lamb -- AdamW whose steps are as long as the weights they change
 *
 * u = Adam's direction + d w;  w -= rate (|w| / |u|) u
 * for every matrix of weights (filters among them) with Euclidean norms, where both are above 0;
 * norms and biases take AdamW's step: You et al., arXiv:1904.00962, algorithm 2 with phi(x) = x.
 * Gradients are not clipped here: --clip does.
 */
#include "train/optim/optim.h"

#include <math.h>

#define EPS 1e-6

static void direction(const struct train_optim_step *s)
{
    train_adam_direction(s, EPS);
    s->k->mix_f32(s->n, 1, (real)s->decay, s->value, s->grad);
}

static void walk(const struct train_optim_step *s)
{
    s->k->mix_f32(s->n, 1, (real)-s->rate, s->grad, s->value);
}

static void step(const struct train_optim_step *s)
{
    direction(s);
    walk(s);
}

static void matrix(const struct train_optim_step *s)
{
    struct train_optim_step scaled = *s;
    double w, u;

    train_optim_each(s, direction);
    w = sqrt(train_sumsq(s->k, s->pool, s->n, s->value));
    u = sqrt(train_sumsq(s->k, s->pool, s->n, s->grad));
    if (w > 0 && u > 0)
        scaled.rate *= w / u;
    train_optim_each(&scaled, walk);
}

const struct train_optim train_optim_lamb = {
    .name = "lamb",
    .doc = "AdamW with steps in proportion to the weights, for large batches",
    .moments = 2,
    .lr = 0.015,
    .lr_multi = 0.015,
    .power = 0.5,
    .momentum = 0.9,
    .beta2 = 0.999,
    .decay = 0.02,
    .step = step,
    .matrices = TRAIN_ALL_MATRICES,
    .matrix = matrix,
};
