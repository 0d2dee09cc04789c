/*
 * augmix -- a picture mixed with chains of operations on itself
 *
 * Three chains of one to three operations; x = b x + (1 - b) (w1 c1(x) + w2 c2(x) + w3 c3(x)), w
 * Dirichlet(1,1,1), b Beta(1,1), levels uniform in [0, magnitude]: Hendrycks et al. 2019,
 * arXiv:1912.02781, without its loss.  The sums are made one by one in 8 bits, which is off by two
 * levels at the most.
 */
#include "data/aug/policy.h"

#include <math.h>
#include <string.h>

enum { CHAINS = 3, DEPTH = 3 };

static const struct data_policy_range range = {
    .degrees = 30, .shear = 0.3, .translate = 1.0 / 3, .factor = 0, .bits = 4,
};

/* to = (1 - share) to + share from */
static void mix(size_t n, uint8_t *to, const uint8_t *from, double share)
{
    int s = (int)floor(share * 65536 + 0.5);

    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)((to[i] * 65536 + (from[i] - to[i]) * s + 32768) >> 16);
}

/* m = a chain of operations on it; draws from number `first` on. */
static void chain(const struct data_aug_address *a, int first, double magnitude,
                  struct data_pixels *m)
{
    int depth = 1 + (int)(data_aug_u(a, first) * DEPTH);

    for (int i = 0; i < depth; i++) {
        int draw = first + 1 + 3 * i;

        data_policy_apply(1 + (int)(data_aug_u(a, draw) * (DATA_POLICY_AUGMIX - 1)),
                          magnitude * data_aug_u(a, draw + 1), data_aug_u(a, draw + 2) < 0.5f,
                          &range, m);
    }
}

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    size_t n = data_op_bytes(m);
    uint8_t *sum = m->scratch + n, *self = m->scratch + 2 * n;
    double all = 0;

    memcpy(self, m->pixel, n);
    for (int i = 0; i < CHAINS; i++) {
        double w = -log(1 - data_aug_u(a, i)) + 1e-9;   /* shares of a sum: Dirichlet(1,1,1) */

        memcpy(m->pixel, self, n);
        chain(a, CHAINS + 1 + i * (1 + 3 * DEPTH), magnitude, m);
        all += w;
        if (i)
            mix(n, sum, m->pixel, w / all);
        else
            memcpy(sum, m->pixel, n);
    }
    memcpy(m->pixel, self, n);
    mix(n, m->pixel, sum, data_aug_u(a, CHAINS));
}

const struct data_aug data_aug_augmix = {
    .name = "augmix", .doc = "the picture mixed with three chains of operations on itself",
    .scale = "levels of up to 10", .source = "Hendrycks et al. 2019, arXiv:1912.02781",
    .magnitude = 0.3, .chance = 1, .pixels = pixels,
};
