/*
 * adamw -- Adam with decoupled weight decay
 *
 * m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
 * w = (1 - rate d) w - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
 * As torch.optim.AdamW: Kingma and Ba, arXiv:1412.6980; Loshchilov and Hutter, arXiv:1711.05101.
 * The rate grows with the root of the batch: Malladi et al., arXiv:2205.10287.
 */
#include "train/optim/optim.h"

#include <math.h>

#define EPS 1e-8

void train_adam_direction(const struct train_optim_step *s, double eps)
{
    double m_scale = 1 / (1 - pow(s->momentum, (double)s->t)),
           v_scale = 1 / (1 - pow(s->beta2, (double)s->t));

    s->k->adam_f32(s->n, (real)s->momentum, (real)s->beta2, (real)m_scale, (real)v_scale, (real)eps,
                   s->grad, s->moment[0], s->moment[1], s->grad);
}

void train_adamw_step(const struct train_optim_step *s)
{
    train_adam_direction(s, EPS);
    s->k->mix_f32(s->n, (real)(1 - s->rate * s->decay), (real)-s->rate, s->grad, s->value);
}

const struct train_optim train_optim_adamw = {
    .name = "adamw",
    .doc = "Adam with decoupled weight decay",
    .moments = 2,
    .lr = 3e-3,
    .lr_multi = 3e-3,
    .power = 0.5,
    .momentum = 0.9,
    .beta2 = 0.999,
    .decay = 0.05,
    .step = train_adamw_step,
};
