/*
 * color -- other light: brightness, contrast, saturation, hue
 *
 * The first three by factors uniform in 1 +- 0.8 magnitude, the hue by up to a tenth of magnitude
 * of a turn either way: in the proportions of Chen et al. 2020, arXiv:2002.05709, but half of its
 * hue, which tells flowers apart.  Always in this order.
 */
#include "data/aug/op.h"

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    data_op_brightness(m, 1 + 0.8 * magnitude * (2 * data_aug_u(a, 0) - 1));
    data_op_contrast(m, 1 + 0.8 * magnitude * (2 * data_aug_u(a, 1) - 1));
    data_op_saturation(m, 1 + 0.8 * magnitude * (2 * data_aug_u(a, 2) - 1));
    data_op_hue(m, 0.1 * magnitude * (2 * data_aug_u(a, 3) - 1));
}

const struct data_aug data_aug_color = {
    .name = "color", .doc = "other brightness, contrast, saturation and hue",
    .scale = "factors 0.2 to 1.8, a tenth of a turn of hue",
    .source = "Chen et al. 2020, arXiv:2002.05709",
    .magnitude = 0.5, .chance = 0.8, .pixels = pixels,
};
