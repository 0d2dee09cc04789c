/*
 * rotate -- the picture turns about its middle
 *
 * By an angle uniform in [-30, 30] magnitude degrees; what comes in at the corners is the picture
 * mirrored.
 */
#include "data/aug/op.h"

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    data_op_rotate(m, 30 * magnitude * (2 * data_aug_u(a, 0) - 1));
}

const struct data_aug data_aug_rotate = {
    .name = "rotate", .doc = "the picture turns about its middle",
    .scale = "30 degrees either way",
    .magnitude = 0.5, .chance = 1, .pixels = pixels,
};
