/*
 * autocontrast -- each colour's values stretched to the whole range
 */
#include "data/aug/op.h"

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    (void)a;
    data_op_autocontrast(m, magnitude);
}

const struct data_aug data_aug_autocontrast = {
    .name = "autocontrast", .doc = "each colour's values stretched to the whole range",
    .scale = "wholly so; below, mixed with the picture",
    .source = "Cubuk et al. 2018, arXiv:1805.09501",
    .magnitude = 1, .chance = 0.1, .pixels = pixels,
};
