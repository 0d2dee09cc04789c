/*
 * muon -- momentum made orthogonal, for the weights between the first and the last layer
 *
 * W = (1 - rate d) W - rate 0.2 sqrt(max(rows, columns)) X
 * with X of train_orthogonal, five rounds: K. Jordan, "Muon: An optimizer for hidden layers in
 * neural networks", 2024.  The scale is that of Liu et al., arXiv:2502.16982 (torch's
 * "match_rms_adamw"): it makes steps as large as AdamW's, so that one rate and one decay serve
 * both.  A filter's matrix is [inputs under the window, outputs].  Norms, biases, depthwise filters
 * and the first and last layer take AdamW's step, as the first publication advises.
 */
#include "train/optim/optim.h"

#include <math.h>

enum { ROUNDS = 5 };

static void walk(const struct train_optim_step *s)
{
    s->k->mix_f32(s->n, (real)(1 - s->rate * s->decay), (real)-s->rate, s->grad, s->value);
}

static void matrix(const struct train_optim_step *s)
{
    struct train_optim_step last = *s;
    double scale = 0.2 * sqrt(s->rows > s->cols ? s->rows : s->cols);

    last.grad = train_orthogonal(s, ROUNDS);
    last.rate *= scale;
    last.decay /= scale;
    train_optim_each(&last, walk);
}

const struct train_optim train_optim_muon = {
    .name = "muon",
    .doc = "orthogonal momentum between the first and the last layer, AdamW elsewhere",
    .moments = 2,
    .lr = 6e-3,
    .lr_multi = 6e-3,
    .power = 0.5,
    .momentum = 0.95,
    .beta2 = 0.95,
    .decay = 0.025,
    .step = train_adamw_step,
    .matrices = TRAIN_HIDDEN_MATRICES,
    .matrix = matrix,
    .scratch = train_orthogonal_scratch,
};
