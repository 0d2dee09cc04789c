/*
 * sgd -- stochastic gradient descent with Nesterov's momentum
 *
 * v = m v + g + d w;  w -= rate (g + d w + m v)
 * As torch.optim.SGD(nesterov=True, dampening=0): Sutskever et al., "On the importance of
 * initialization and momentum in deep learning", ICML 2013.  The rate grows with the batch: Goyal
 * et al., arXiv:1706.02677.  Where a picture has several labels the loss is the mean over them,
 * which makes its gradients that much smaller.
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
    .lr = 0.05,
    .lr_multi = 0.2,
    .power = 1,
    .momentum = 0.9,
    .decay = 5e-4,
    .step = step,
};
