/*
 * randaugment -- two random operations, all as strong
 *
 * Cubuk et al. 2019, arXiv:1909.13719, with N = 2 and M = 30 magnitude; twice in a recipe is N = 4.
 * Operations with two directions go either way.
 */
#include "data/aug/policy.h"

static const struct data_policy_range range = {
    .degrees = 30, .shear = 0.3, .translate = 0.45, .factor = 0.9, .bits = 4,
};

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    for (int i = 0; i < 2; i++)
        data_policy_apply((int)(data_aug_u(a, 2 * i) * DATA_POLICY_COUNT), magnitude,
                          data_aug_u(a, 2 * i + 1) < 0.5f, &range, m);
}

const struct data_aug data_aug_randaugment = {
    .name = "randaugment", .doc = "two random ones of 14 operations, all as strong",
    .scale = "M = 30: 30 degrees, factors 0.1 to 1.9 ...",
    .source = "Cubuk et al. 2019, arXiv:1909.13719",
    .magnitude = 0.3, .chance = 1, .pixels = pixels,
};
