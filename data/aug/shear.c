/*
 * shear -- the picture leans
 *
 * Across and down by tangents uniform in [-0.3, 0.3] magnitude; mirrored at the edges.
 */
#include "data/aug/op.h"

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    double across = 0.3 * magnitude * (2 * data_aug_u(a, 0) - 1);
    double down = 0.3 * magnitude * (2 * data_aug_u(a, 1) - 1);

    data_op_shear(m, across, down);
}

const struct data_aug data_aug_shear = {
    .name = "shear", .doc = "the picture leans, across and down",
    .scale = "a tangent of 0.3, 17 degrees, either way",
    .magnitude = 0.5, .chance = 1, .pixels = pixels,
};
