/*
 * resize, plain C -- the specification of the kernels, and the road of every other processor
 */
#include "data/resize.h"

enum { HALF = 1 << (DATA_RESIZE_BITS - 1) };

static int32_t whole(const int16_t *weight, int taps, int t)
{
    return weight[t] + weight[taps + t] * (1 << DATA_RESIZE_LOW);
}

static uint8_t level(int32_t sum)
{
    int32_t v = sum >> DATA_RESIZE_BITS;

    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

void data_resize_across_ref(const struct data_resize_pass *p, const uint8_t *const *rows,
                            uint8_t *const *out)
{
    for (int i = 0; i < p->n; i++) {
        const int16_t *weight = p->weight + 2 * (ptrdiff_t)i * p->taps;

        for (int r = 0; r < DATA_RESIZE_ROWS; r++) {
            const uint8_t *s = rows[r] + 3 * (ptrdiff_t)p->first[i];
            int32_t red = HALF, green = HALF, blue = HALF;

            for (int t = 0; t < p->taps; t++, s += 3) {
                int32_t w = whole(weight, p->taps, t);

                red += w * s[0];
                green += w * s[1];
                blue += w * s[2];
            }
            out[r][3 * (ptrdiff_t)i] = level(red);
            out[r][3 * (ptrdiff_t)i + 1] = level(green);
            out[r][3 * (ptrdiff_t)i + 2] = level(blue);
        }
    }
}

void data_resize_down_ref(int bytes, int taps, const int16_t *weight, const uint8_t *const *rows,
                          uint8_t *out)
{
    enum { BLOCK = DATA_RESIZE_SLACK };         /* sums that stay near */

    for (int at = 0; at < bytes; at += BLOCK) {
        int32_t sum[BLOCK];
        int n = bytes - at < BLOCK ? bytes - at : BLOCK;

        for (int i = 0; i < BLOCK; i++)
            sum[i] = HALF;
        for (int t = 0; t < taps; t++) {
            const uint8_t *s = rows[t] + at;
            int32_t w = whole(weight, taps, t);

            for (int i = 0; i < BLOCK; i++)
                sum[i] += w * s[i];
        }
        for (int i = 0; i < n; i++)
            out[at + i] = level(sum[i]);
    }
}
