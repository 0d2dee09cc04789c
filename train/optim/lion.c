/*
 * lion -- the sign of a momentum
 *
 * w = (1 - rate d) w - rate sign(b1 m + (1 - b1) g);  m = b2 m + (1 - b2) g
 * Chen et al., arXiv:2302.06675, algorithm 2; its advice is a rate of a tenth of AdamW's and a
 * decay ten times as large.
 */
#include "train/optim/optim.h"

static void step(const struct train_optim_step *s)
{
    s->k->lion_f32(s->n, (real)s->rate, (real)s->momentum, (real)s->beta2, (real)s->decay, s->grad,
                   s->value, s->moment[0]);
}

const struct train_optim train_optim_lion = {
    .name = "lion",
    .doc = "the sign of a momentum: half the memory of Adam",
    .moments = 1,
    .lr = 2e-4,
    .lr_multi = 2e-4,
    .power = 0.5,
    .momentum = 0.9,
    .beta2 = 0.99,
    .decay = 0.5,
    .step = step,
};
