/*
 * sharpen -- edges made clearer
 *
 * What a small blur takes away is added again, up to 2 magnitude times.
 */
#include "data/aug/op.h"

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    data_op_sharpen(m, 1 + 2 * magnitude * data_aug_u(a, 0));
}

const struct data_aug data_aug_sharpen = {
    .name = "sharpen", .doc = "edges made clearer",
    .scale = "what a small blur takes away added up to twice",
    .magnitude = 0.5, .chance = 0.2, .pixels = pixels,
};
