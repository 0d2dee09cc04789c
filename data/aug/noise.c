/*
 * noise -- every sample a little off
 *
 * By a number that is normal but for its far tails: four random bytes added up, of deviation 147.8,
 * scaled to a deviation uniform in [0, 32 magnitude] of 255.
 */
#include "data/aug/op.h"

enum { SAMPLES = 256 };         /* whose bytes are drawn at a time */

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    const double deviation = 147.8;     /* sqrt(4 (256^2 - 1) / 12) */
    int scale = (int)(32 * magnitude * data_aug_u(a, 0) / deviation * 65536 + 0.5);
    size_t n = data_op_bytes(m);
    uint8_t noise[4 * SAMPLES];

    for (size_t i = 0; i < n; i++) {
        const uint8_t *four = noise + i % SAMPLES * 4;

        if (i % SAMPLES == 0)
            data_aug_bytes(a, 4 * i, sizeof noise, noise);
        m->pixel[i] = data_op_clip(
            (m->pixel[i] * 65536 + (four[0] + four[1] + four[2] + four[3] - 510) * scale + 32768) >>
            16);
    }
}

const struct data_aug data_aug_noise = {
    .name = "noise", .doc = "every sample a little off, at random",
    .scale = "a deviation of up to 32 of 255", .magnitude = 0.5, .chance = 0.2, .pixels = pixels,
};
