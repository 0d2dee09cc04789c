/*
 * jpeg -- what storing as JPEG does to a picture
 *
 * At a quality uniform in [100 - 90 magnitude, 100].  Colour becomes lightness and two differences
 * (JFIF), these at half the size; of blocks of 8x8 the cosine transform is rounded to multiples of
 * the tables in ITU-T T.81, annex K, scaled with the quality as the Independent JPEG Group does.
 * Coding these numbers loses nothing, so it is left out.  Blocks that stick out repeat the edge.
 */
#include "data/aug/op.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 8, PATCH = 16 };         /* of lightness; four blocks of it share two of colour */

static const uint8_t steps[2][BLOCK * BLOCK] = {
    { 16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
      14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
      18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
      49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99 },
    { 17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
      24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
      99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
      99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99 },
};

struct coder {
    float cosine[BLOCK][BLOCK];         /* rows are the waves, of length 1 */
    float back[BLOCK][BLOCK];           /* transposed */
    float step[2][BLOCK * BLOCK], per_step[2][BLOCK * BLOCK];
};

static void coder_init(struct coder *c, int quality)
{
    int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;

    for (int k = 0; k < BLOCK; k++)
        for (int i = 0; i < BLOCK; i++)
            c->cosine[k][i] = c->back[i][k] =
                (float)(sqrt(k ? 0.25 : 0.125) * cos((2 * i + 1) * k * M_PI / 16));
    for (int t = 0; t < 2; t++) {
        for (int i = 0; i < BLOCK * BLOCK; i++) {
            int s = (steps[t][i] * scale + 50) / 100;

            c->step[t][i] = (float)(s < 1 ? 1 : s > 255 ? 255 : s);
            c->per_step[t][i] = 1 / c->step[t][i];
        }
    }
}

/* out = a b */
static void product(const float a[BLOCK][BLOCK], const float b[BLOCK][BLOCK],
                    float out[BLOCK][BLOCK])
{
    for (int i = 0; i < BLOCK; i++) {
        float row[BLOCK] = { 0 };       /* in registers */

        for (int k = 0; k < BLOCK; k++)
            for (int j = 0; j < BLOCK; j++)
                row[j] += a[i][k] * b[k][j];
        memcpy(out[i], row, sizeof row);
    }
}

/* A block at p, rows `stride` apart, values around 0: there and back. */
static void lose(const struct coder *c, int table, float *p, int stride)
{
    const float far = 4096;             /* more steps than any wave has; makes truncation floor */
    float x[BLOCK][BLOCK], y[BLOCK][BLOCK];

    for (int i = 0; i < BLOCK; i++)
        memcpy(x[i], p + i * stride, sizeof x[i]);
    product(c->cosine, x, y);
    product(y, c->back, x);
    for (int i = 0; i < BLOCK; i++) {
        for (int j = 0; j < BLOCK; j++) {
            int k = i * BLOCK + j;

            x[i][j] = c->step[table][k] *
                      (float)((int)(x[i][j] * c->per_step[table][k] + far + 0.5f) - (int)far);
        }
    }
    product(c->back, x, y);
    product(y, c->cosine, x);
    for (int i = 0; i < BLOCK; i++)
        memcpy(p + i * stride, x[i], sizeof x[i]);
}

static uint8_t *pixel_at(const struct data_pixels *m, int x, int y)
{
    x = x < m->width ? x : m->width - 1;
    y = y < m->height ? y : m->height - 1;
    return m->pixel + ((size_t)y * (size_t)m->width + (size_t)x) * (size_t)m->channels;
}

/* plane[0] lightness; [1] blue and [2] red against it, in their first 8 rows and columns. */
struct patch {
    float plane[3][PATCH][PATCH];
};

static void take(const struct data_pixels *m, int x0, int y0, struct patch *p)
{
    memset(p, 0, sizeof *p);
    for (int y = 0; y < PATCH; y++) {
        for (int x = 0; x < PATCH; x++) {
            const uint8_t *v = pixel_at(m, x0 + x, y0 + y);
            float l = v[0];

            if (m->channels == 3) {
                l = 0.299f * v[0] + 0.587f * v[1] + 0.114f * v[2];
                p->plane[1][y / 2][x / 2] += (v[2] - l) * (0.25f / 1.772f);
                p->plane[2][y / 2][x / 2] += (v[0] - l) * (0.25f / 1.402f);
            }
            p->plane[0][y][x] = l - 128;
        }
    }
}

static uint8_t rounded(float v)
{
    return data_op_clip((int)(v + 1024.5f) - 1024);
}

static void put(const struct data_pixels *m, int x0, int y0, const struct patch *p)
{
    for (int y = 0; y < PATCH && y0 + y < m->height; y++) {
        for (int x = 0; x < PATCH && x0 + x < m->width; x++) {
            uint8_t *v = pixel_at(m, x0 + x, y0 + y);
            float l = p->plane[0][y][x] + 128, b = 1.772f * p->plane[1][y / 2][x / 2];
            float r = 1.402f * p->plane[2][y / 2][x / 2];

            v[0] = rounded(l + r);              /* grey: r is 0 */
            if (m->channels == 3) {
                v[1] = rounded(l - 0.299f / 0.587f * r - 0.114f / 0.587f * b);
                v[2] = rounded(l + b);
            }
        }
    }
}

static void pixels(const struct data_aug_address *a, double magnitude, struct data_pixels *m)
{
    struct coder c;
    struct patch p;

    coder_init(&c, 100 - (int)(90 * magnitude * data_aug_u(a, 0) + 0.5));
    for (int y = 0; y < m->height; y += PATCH) {
        for (int x = 0; x < m->width; x += PATCH) {
            take(m, x, y, &p);
            for (int i = 0; i < 4; i++)
                lose(&c, 0, &p.plane[0][i / 2 * BLOCK][i % 2 * BLOCK], PATCH);
            for (int i = 1; i < m->channels; i++)
                lose(&c, 1, &p.plane[i][0][0], PATCH);
            put(m, x, y, &p);
        }
    }
}

const struct data_aug data_aug_jpeg = {
    .name = "jpeg", .doc = "what storing as JPEG does to a picture",
    .scale = "any quality from 10 to 100", .magnitude = 0.5, .chance = 0.2, .pixels = pixels,
};
