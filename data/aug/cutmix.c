/*
 * cutmix -- pairs of a batch exchange a rectangle, and as much of their labels
 *
 * Sides sqrt(1 - s) of the picture's, s of Beta(alpha, alpha), about a uniform middle and cut at
 * the edges; labels by the area that is left: Yun et al. 2019, arXiv:1905.04899.  One rectangle
 * for the batch; the middle one of an odd number stays.
 */
#include "data/aug/mixing.h"

#include <math.h>

/* [*first, *end) of n pixels: `length` about a uniform place. */
static void span(float u, int n, double length, int *first, int *end)
{
    int at = (int)(u * (float)n), half = (int)(length * n / 2 + 0.5);

    *first = at - half < 0 ? 0 : at - half;
    *end = at + half > n ? n : at + half;
}

static void batch(const struct data_aug_address *a, double magnitude, struct data_mixing *m)
{
    double side = sqrt(1 - data_mixing_beta(a, magnitude));
    size_t k = (size_t)m->channels, row = (size_t)m->width * k, size = row * (size_t)m->height;
    int x0, x1, y0, y1;

    span(data_aug_u(a, 50), m->width, side, &x0, &x1);
    span(data_aug_u(a, 51), m->height, side, &y0, &y1);
    for (int i = 0; i < m->n / 2; i++) {
        for (int y = y0; y < y1; y++) {
            size_t at = (size_t)y * row;
            float *p = m->image + (size_t)i * size + at;
            float *q = m->image + (size_t)(m->n - 1 - i) * size + at;

            for (size_t j = (size_t)x0 * k; j < (size_t)x1 * k; j++) {
                float t = p[j];

                p[j] = q[j];
                q[j] = t;
            }
        }
    }
    data_mixing_targets(m, 1 - (double)(x1 - x0) * (y1 - y0) / ((double)m->width * m->height));
}

const struct data_aug data_aug_cutmix = {
    .name = "cutmix", .doc = "pairs of a batch exchange a rectangle, and as much of their labels",
    .scale = "alpha = 1, all sizes as likely; below, rather all or nothing",
    .source = "Yun et al. 2019, arXiv:1905.04899",
    .magnitude = 1, .chance = 0.5, .batch = batch,
};
