/*
 * erase -- a rectangle of noise hides part of the picture
 *
 * Its area share is uniform in [0.02, 0.4 magnitude] (0.02 where that is less), its aspect's
 * logarithm in [-1,1] log(10/3); it is cut to fit and lies anywhere inside.  Every sample is a
 * random byte.  Zhong et al. 2017, arXiv:1708.04896, with its "random values", the best there;
 * where it draws again until a rectangle fits, we shrink the side that does not.
 */
#include "data/aug/op.h"

#include <math.h>

enum { NOISE = 1024 };          /* bytes drawn at a time */

/* A whole number of pixels, 1 to n. */
static int length(double x, int n)
{
    return x < 1 ? 1 : x > n ? n : (int)(x + 0.5);
}

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    double most = fmax(0.4 * magnitude, 0.02);
    double area = (0.02 + (most - 0.02) * data_aug_u(a, 0)) * m->width * m->height;
    double aspect = exp((2 * data_aug_u(a, 1) - 1) * log(10 / 3.0));
    int w = length(sqrt(area * aspect), m->width), h = length(sqrt(area / aspect), m->height);
    int x0 = (int)(data_aug_u(a, 2) * (float)(m->width - w + 1));
    int y0 = (int)(data_aug_u(a, 3) * (float)(m->height - h + 1));
    size_t k = (size_t)m->channels, row = (size_t)w * k;
    uint8_t noise[NOISE];
    size_t at = 0;

    for (int y = y0; y < y0 + h; y++) {
        uint8_t *p = m->pixel + ((size_t)y * (size_t)m->width + (size_t)x0) * k;

        for (size_t i = 0; i < row; i++, at++) {
            if (at % NOISE == 0)
                data_aug_bytes(a, at, NOISE, noise);
            p[i] = noise[at % NOISE];
        }
    }
}

const struct data_aug data_aug_erase = {
    .name = "erase", .doc = "a rectangle of noise hides part of the picture",
    .scale = "up to 40 % of it", .source = "Zhong et al. 2017, arXiv:1708.04896",
    .magnitude = 0.5, .chance = 0.25, .pixels = pixels,
};
