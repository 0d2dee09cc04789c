/*
 * grey -- without colour
 *
 * Saturation 1 - magnitude.
 */
#include "data/aug/op.h"

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    (void)a;
    data_op_saturation(m, 1 - magnitude);
}

const struct data_aug data_aug_grey = {
    .name = "grey", .doc = "colour is taken away",
    .scale = "all of it",
    .source = "Chen et al. 2020, arXiv:2002.05709",
    .magnitude = 1, .chance = 0.1, .pixels = pixels,
};
