/*
 * invert -- light and dark change places
 */
#include "data/aug/op.h"

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    (void)a, (void)magnitude;
    data_op_invert(m);
}

const struct data_aug data_aug_invert = {
    .name = "invert", .doc = "light and dark change places",
    .source = "Cubuk et al. 2018, arXiv:1805.09501",
    .magnitude = 1, .chance = 0.1, .pixels = pixels,
};
