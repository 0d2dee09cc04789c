/*
 * solarize -- what is light becomes dark
 *
 * Values from a threshold on are inverted; it is uniform in [256 (1 - magnitude), 256).
 */
#include "data/aug/op.h"

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    data_op_solarize(m, 256 - (int)(256 * magnitude * (1 - data_aug_u(a, 0))));
}

const struct data_aug data_aug_solarize = {
    .name = "solarize", .doc = "light values, from a random threshold on, are inverted",
    .scale = "any threshold",
    .source = "Cubuk et al. 2018, arXiv:1805.09501",
    .magnitude = 0.5, .chance = 0.1, .pixels = pixels,
};
