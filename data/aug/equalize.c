/*
 * equalize -- each colour's values spread so that all are about as frequent
 */
#include "data/aug/op.h"

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    (void)a;
    data_op_equalize(m, magnitude);
}

const struct data_aug data_aug_equalize = {
    .name = "equalize", .doc = "each colour's values spread to be about as frequent",
    .scale = "wholly so; below, mixed with the picture",
    .source = "Cubuk et al. 2018, arXiv:1805.09501",
    .magnitude = 1, .chance = 0.1, .pixels = pixels,
};
