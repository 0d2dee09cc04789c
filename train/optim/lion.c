/*
 * lion -- the sign of a momentum
 *
 * w = (1 - rate d) w - rate sign(b1 m + (1 - b1) g);  m = b2 m + (1 - b2) g
 * Chen et al., arXiv:2302.06675, algorithm 2; its advice is a rate 3 to 10 times smaller than
 * AdamW's and a decay as many times larger.
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
    .lr = 1e-3,
    .lr_multi = 1e-3,
    .power = 0.5,
    .momentum = 0.9,
    .beta2 = 0.99,
    .decay = 0.15,
    .step = step,
};
