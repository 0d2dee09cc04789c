/*
 * sgd -- stochastic gradient descent with Nesterov's momentum
 *
 * v = m v + g + d w;  w -= rate (g + d w + m v)
 * As torch.optim.SGD(nesterov=True, dampening=0): Sutskever et al., "On the importance of
 * initialization and momentum in deep learning", ICML 2013.
 */
#include "train/optim/optim.h"

static void step(const struct train_optim_step *s)
{
    s->k->sgd_f32(s->n, (real)s->rate, (real)s->momentum, (real)s->decay, true, s->grad, s->value,
                  s->moment[0]);
}

const struct train_optim train_optim_sgd = {
    .name = "sgd",
    .doc = "gradient descent with Nesterov's momentum",
    .moments = 1,
    .step = step,
};
