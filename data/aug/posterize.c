/*
 * posterize -- fewer levels of each colour
 *
 * The upper bits are kept: 8 - k, k equally likely in 1 .. the nearest to 6 magnitude.
 */
#include "data/aug/op.h"

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    int most = (int)(6 * magnitude + 0.5);

    data_op_posterize(m, 7 - (int)(data_aug_u(a, 0) * (float)(most < 1 ? 1 : most)));
}

const struct data_aug data_aug_posterize = {
    .name = "posterize", .doc = "fewer levels of each colour",
    .scale = "4 levels",
    .source = "Cubuk et al. 2018, arXiv:1805.09501",
    .magnitude = 0.5, .chance = 0.1, .pixels = pixels,
};
