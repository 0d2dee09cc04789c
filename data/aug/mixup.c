/*
 * mixup -- pictures and labels of a batch blended in pairs
 *
 * x = s x + (1 - s) x', t = s t + (1 - s) t', with one s of Beta(alpha, alpha) for the batch:
 * Zhang et al. 2017, arXiv:1710.09412.  s is the larger of it and the rest: as partners change
 * places that is the same batch, in which each picture keeps most of itself.  The middle one of an
 * odd number stays.
 */
#include "data/aug/mixing.h"

#include <math.h>

static void batch(const struct data_aug_address *a, double magnitude, struct data_mixing *m)
{
    double beta = data_mixing_beta(a, magnitude), share = fmax(beta, 1 - beta);
    size_t size = (size_t)m->width * (size_t)m->height * (size_t)m->channels;
    float s = (float)share;

    for (int i = 0; i < m->n / 2; i++) {
        float *p = m->image + (size_t)i * size, *q = m->image + (size_t)(m->n - 1 - i) * size;

        for (size_t k = 0; k < size; k++) {
            float x = p[k], y = q[k];

            p[k] = s * x + (1 - s) * y;
            q[k] = s * y + (1 - s) * x;
        }
    }
    data_mixing_targets(m, share);
}

const struct data_aug data_aug_mixup = {
    .name = "mixup", .doc = "pictures and labels of a batch blended in pairs",
    .scale = "alpha = 1, all shares as likely; below, rather little of the other",
    .source = "Zhang et al. 2017, arXiv:1710.09412",
    .magnitude = 0.2, .chance = 1, .batch = batch,
};
