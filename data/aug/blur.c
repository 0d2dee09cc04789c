/*
 * blur -- out of focus
 *
 * A Gaussian of sigma uniform in [0.1, magnitude s] pixels, s a 112th of the shorter side, but 1 at
 * least: 2 for pictures of 224 pixels, as Chen et al. 2020, arXiv:2002.05709, have it.
 */
#include "data/aug/op.h"

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    int side = m->width < m->height ? m->width : m->height;
    double most = magnitude * (side > 112 ? side / 112.0 : 1);

    data_op_blur(m, most > 0.1 ? 0.1 + (most - 0.1) * data_aug_u(a, 0) : most);
}

const struct data_aug data_aug_blur = {
    .name = "blur", .doc = "out of focus: a Gaussian",
    .scale = "sigma up to a 112th of the shorter side, or a pixel",
    .source = "Chen et al. 2020, arXiv:2002.05709",
    .magnitude = 0.5, .chance = 0.2, .pixels = pixels,
};
