/*
 * op_place -- operations that look at other pixels: see op.h
 */
#include "data/aug/op.h"

#include <math.h>
#include <string.h>

/* ---- neighbours ------------------------------------------------------------------------------ */

void data_op_sharpen(struct data_pixels *m, double f)
{
    size_t k = (size_t)m->channels, row = (size_t)m->width * k;
    int by = (int)floor(f * 65536 + 0.5);

    memcpy(m->scratch, m->pixel, data_op_bytes(m));
    for (int y = 1; y + 1 < m->height; y++) {
        for (size_t i = k; i + k < row; i++) {
            const uint8_t *p = m->scratch + (size_t)y * row + i, *up = p - row, *down = p + row;
            int smooth = up[0] + down[0] + p[0] * 5;

            /* Pointers, not indices: k is unsigned. */
            smooth += *(p - k) + *(p + k) + *(up - k) + *(up + k) + *(down - k) + *(down + k);
            smooth = (2 * smooth + 13) / 26;
            m->pixel[(size_t)y * row + i] =
                data_op_clip((smooth * 65536 + (*p - smooth) * by + 32768) >> 16);
        }
    }
}

enum { REACH = 3 * DATA_OP_SIGMA, TAPS = 2 * REACH + 1 };

/* weight[2*reach+1] in 65536ths, which they add up to; returns reach: three sigma and no more. */
static int gauss(double sigma, uint32_t weight[TAPS])
{
    int reach = (int)ceil(3 * sigma);
    double value[TAPS], sum = 0;
    uint32_t all = 0;

    for (int i = -reach; i <= reach; i++)
        sum += value[i + reach] = exp(-0.5 * i * i / (sigma * sigma));
    for (int i = 0; i <= 2 * reach; i++)
        all += weight[i] = (uint32_t)floor(value[i] / sum * 65536 + 0.5);
    weight[reach] += 65536 - all;
    return reach;
}

/* out[i] = sum of weight[t] tap[t][i], i < n. */
static void weigh(int taps, const uint32_t *weight, const uint8_t *const *tap, size_t n,
                  uint8_t *out)
{
    enum { PIECE = 64 };

    for (size_t first = 0; first < n; first += PIECE) {
        size_t count = n - first < PIECE ? n - first : PIECE;
        uint32_t sum[PIECE];

        for (size_t i = 0; i < PIECE; i++)
            sum[i] = 32768;
        for (int t = 0; t < taps; t++) {
            const uint8_t *from = tap[t] + first;

            if (count == PIECE)
                for (size_t i = 0; i < PIECE; i++)
                    sum[i] += weight[t] * from[i];
            else
                for (size_t i = 0; i < count; i++)
                    sum[i] += weight[t] * from[i];
        }
        for (size_t i = 0; i < count; i++)
            out[first + i] = (uint8_t)(sum[i] >> 16);
    }
}

/* One row, across: pixels near the ends one by one, the rest at once. */
static void blur_row(const struct data_pixels *m, int reach, const uint32_t *weight,
                     const uint8_t *in, uint8_t *out)
{
    size_t k = (size_t)m->channels;
    const uint8_t *tap[TAPS];
    int inside = m->width - 2 * reach;

    for (int x = 0; x < m->width; x++) {
        if (x == reach && inside > 0)
            x += inside;
        for (int t = 0; t <= 2 * reach; t++)
            tap[t] = in + k * (size_t)data_image_mirrored(x + t - reach, m->width);
        weigh(2 * reach + 1, weight, tap, k, out + k * (size_t)x);
    }
    for (int t = 0; t <= 2 * reach; t++)
        tap[t] = in + k * (size_t)(inside > 0 ? t : 0);
    if (inside > 0)
        weigh(2 * reach + 1, weight, tap, k * (size_t)inside, out + k * (size_t)reach);
}

void data_op_blur(struct data_pixels *m, double sigma)
{
    size_t row = (size_t)m->width * (size_t)m->channels;
    const uint8_t *tap[TAPS];
    uint32_t weight[TAPS];
    int reach;

    if (!(sigma > 0.01))
        return;
    reach = gauss(fmin(sigma, DATA_OP_SIGMA), weight);
    for (int y = 0; y < m->height; y++)
        blur_row(m, reach, weight, m->pixel + (size_t)y * row, m->scratch + (size_t)y * row);
    for (int y = 0; y < m->height; y++) {
        for (int t = 0; t <= 2 * reach; t++)
            tap[t] = m->scratch + row * (size_t)data_image_mirrored(y + t - reach, m->height);
        weigh(2 * reach + 1, weight, tap, row, m->pixel + (size_t)y * row);
    }
}

/* ---- place ----------------------------------------------------------------------------------- */

/* A position: whole pixels in the upper 32 bits, the fraction below. */
static int64_t position(double x)
{
    return (int64_t)floor(x * 4294967296.0 + 0.5);
}

/* Between the pixels around (x, y); the fraction in 256ths. */
static inline void between(const struct data_pixels *m, size_t k, int64_t x, int64_t y,
                           uint8_t *out)
{
    int x0 = (int)(x >> 32), y0 = (int)(y >> 32), x1 = x0 + 1, y1 = y0 + 1;
    uint32_t fx = (uint32_t)(x >> 24) & 255, fy = (uint32_t)(y >> 24) & 255;
    size_t w = (size_t)m->width;
    const uint8_t *a, *b, *c, *d;

    if (x0 < 0 || y0 < 0 || x1 >= m->width || y1 >= m->height) {
        x0 = data_image_mirrored(x0, m->width);
        x1 = data_image_mirrored(x1, m->width);
        y0 = data_image_mirrored(y0, m->height);
        y1 = data_image_mirrored(y1, m->height);
    }
    a = m->scratch + ((size_t)y0 * w + (size_t)x0) * k;
    b = m->scratch + ((size_t)y0 * w + (size_t)x1) * k;
    c = m->scratch + ((size_t)y1 * w + (size_t)x0) * k;
    d = m->scratch + ((size_t)y1 * w + (size_t)x1) * k;
    for (size_t i = 0; i < k; i++)
        out[i] = (uint8_t)(((a[i] * (256 - fx) + b[i] * fx) * (256 - fy) +
                            (c[i] * (256 - fx) + d[i] * fx) * fy + 32768) >> 16);
}

/* Where (x, y) from the middle is taken from: (a x + b y + right, c x + d y + down). */
static void move(struct data_pixels *m, double a, double b, double c, double d, int right, int down)
{
    double cx = (m->width - 1) / 2.0, cy = (m->height - 1) / 2.0;
    int64_t dx = position(a), dy = position(c), half = 1 << 23;
    uint8_t *out = m->pixel;

    memcpy(m->scratch, m->pixel, data_op_bytes(m));
    for (int y = 0; y < m->height; y++) {
        int64_t sx = position(cx - right - a * cx + b * (y - cy)) + half;
        int64_t sy = position(cy - down - c * cx + d * (y - cy)) + half;

        if (m->channels == 3)           /* for the compiler to unroll */
            for (int x = 0; x < m->width; x++, out += 3, sx += dx, sy += dy)
                between(m, 3, sx, sy, out);
        else
            for (int x = 0; x < m->width; x++, out++, sx += dx, sy += dy)
                between(m, 1, sx, sy, out);
    }
}

void data_op_rotate(struct data_pixels *m, double degrees)
{
    double c = cos(degrees * M_PI / 180), s = sin(degrees * M_PI / 180);

    move(m, c, s, -s, c, 0, 0);
}

void data_op_shear(struct data_pixels *m, double across, double down)
{
    move(m, 1, across, down, 1, 0, 0);
}

void data_op_translate(struct data_pixels *m, int right, int down)
{
    move(m, 1, 0, 0, 1, right, down);
}
