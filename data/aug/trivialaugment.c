/*
 * trivialaugment -- one random operation, of random strength
 *
 * Mueller and Hutter 2021, arXiv:2103.10158, in its wide space: the operation is uniform, its level
 * uniform over 0/30 .. 30/30 of magnitude, the direction either.  Translations are shares of the
 * side instead of 32 pixels of 224 at the most, so that they suit any size.
 */
#include "data/aug/policy.h"

static const struct data_policy_range range = {
    .degrees = 135, .shear = 0.99, .translate = 0.15, .factor = 0.99, .bits = 6,
};

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    double level = (int)(data_aug_u(a, 1) * 31) / 30.0;

    data_policy_apply((int)(data_aug_u(a, 0) * DATA_POLICY_COUNT), level * magnitude,
                      data_aug_u(a, 2) < 0.5f, &range, m);
}

const struct data_aug data_aug_trivialaugment = {
    .name = "trivialaugment", .doc = "one random one of 14 operations, of random strength",
    .scale = "the wide space: 135 degrees, factors 0 to 2 ...",
    .source = "Müller and Hutter 2021, arXiv:2103.10158",
    .magnitude = 1, .chance = 1, .pixels = pixels,
};
