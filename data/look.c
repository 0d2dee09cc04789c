/*
 * look -- how a picture looks at a glance: light, sharpness, colour
 *
 * Sharpness asks whether *anything* is in focus (a flower before a soft meadow is fine, a shaken
 * photo has no steep edge anywhere), and must not depend on contrast (a red rose has little in
 * luma).  The picture is cut into TILES x TILES tiles, and over the BEST of them that have most
 * gradient
 *
 *     sharp = sqrt(sum of L^2 / sum of G^2)
 *     L = 4 l(x,y) - l(x-1,y) - l(x+1,y) - l(x,y-1) - l(x,y+1)
 *     G = ((l(x+1,y) - l(x-1,y)) / 2, (l(x,y+1) - l(x,y-1)) / 2)
 *
 * which falls as 1/sigma when an edge is blurred by sigma cells, whatever its height.  Laplacian
 * over gradient is a focus measure of Pertuz et al., "Analysis of focus measure operators for
 * shape-from-focus", Pattern Recognition 46, 2013.
 */
#include "data/look.h"
#include "nn/base/order.h"

#include <math.h>
#include <stdlib.h>

enum { SIDE = 224, LONG_SIDE = 2048, TILES = 8, BEST = 8 };

/* A grid of cells over a picture. */
struct grid {
    int w, h;
    float *luma;                /* [h,w], 0 to 1 */
};

static bool is_grey(const uint8_t *p)
{
    enum { ROUNDING = 12 };
    int low = p[0] < p[1] ? p[0] : p[1], high = p[0] > p[1] ? p[0] : p[1];

    low = low < p[2] ? low : p[2];
    high = high > p[2] ? high : p[2];
    return high - low <= ROUNDING;
}

/* Where cell i of n begins among `side` pixels. */
static int edge(int i, int n, int side)
{
    return (int)((int64_t)i * side / n);
}

/* Adds up luma (white: 255,000) of the pixel rows y0..y1 into sum[w]; whether all were grey. */
static bool add_rows(const struct data_image *m, int y0, int y1, int w, uint64_t *sum)
{
    bool grey = true;

    for (int x = 0; x < w; x++)
        sum[x] = 0;
    for (int y = y0; y < y1; y++) {
        const uint8_t *row = m->pixel + 3 * (size_t)y * (size_t)m->width, *p = row;

        for (int x = 0; x < w; x++) {
            const uint8_t *end = row + 3 * (size_t)edge(x + 1, w, m->width);

            for (; p < end; p += 3) {
                sum[x] += 299 * (uint32_t)p[0] + 587 * (uint32_t)p[1] + 114 * (uint32_t)p[2];
                grey = grey && is_grey(p);
            }
        }
    }
    return grey;
}

static int cells(int side, double scale)
{
    int n = (int)(side * scale + 0.5);

    return n < 1 ? 1 : n < LONG_SIDE ? n : LONG_SIDE;
}

static bool fill(const struct data_image *m, struct grid *g, bool *grey, struct err *err)
{
    int side = m->width < m->height ? m->width : m->height;
    double scale = side > SIDE ? (double)SIDE / side : 1;
    uint64_t *sum;

    g->w = cells(m->width, scale);
    g->h = cells(m->height, scale);
    g->luma = malloc(sizeof *g->luma * (size_t)g->w * (size_t)g->h);
    sum = malloc(sizeof *sum * (size_t)g->w);
    if (!g->luma || !sum) {
        free(g->luma);
        free(sum);
        return err_set(err, ERR_MEMORY, "no memory to look at %d x %d pixels", m->width, m->height);
    }
    *grey = true;
    for (int y = 0; y < g->h; y++) {
        int y0 = edge(y, g->h, m->height), y1 = edge(y + 1, g->h, m->height);
        float *row = g->luma + (size_t)y * (size_t)g->w;

        *grey &= add_rows(m, y0, y1, g->w, sum);
        for (int x = 0; x < g->w; x++) {
            int across = edge(x + 1, g->w, m->width) - edge(x, g->w, m->width);

            row[x] = (float)((double)sum[x] / (255000.0 * across * (y1 - y0)));
        }
    }
    free(sum);
    return true;
}

static void measure_light(const struct grid *g, struct data_look *out)
{
    size_t n = (size_t)g->w * (size_t)g->h, count[256] = { 0 }, below = 0, above = 0;
    double sum = 0;
    int low = 0, high = 255;

    for (size_t i = 0; i < n; i++) {
        sum += (double)g->luma[i];
        count[(int)(g->luma[i] * 255 + 0.5f)]++;
    }
    while (low < 255 && 100 * (below += count[low]) <= n)
        low++;
    while (high > 0 && 100 * (above += count[high]) <= n)
        high--;
    out->light = (float)(sum / (double)n);
    out->low = (float)low / 255;
    out->high = (float)high / 255;
}

struct tile {
    double gradient, laplacian; /* sums of squares; sorted by the first */
};

/* Of the cells x0..x1, y0..y1; those at the picture's edge are left out. */
static struct tile measure_tile(const struct grid *g, int x0, int x1, int y0, int y1)
{
    struct tile t = { 0, 0 };

    x0 = x0 > 1 ? x0 : 1;
    y0 = y0 > 1 ? y0 : 1;
    x1 = x1 < g->w - 1 ? x1 : g->w - 1;
    y1 = y1 < g->h - 1 ? y1 : g->h - 1;
    for (int y = y0; y < y1; y++) {
        const float *p = g->luma + (size_t)y * (size_t)g->w;

        for (int x = x0; x < x1; x++) {
            float left = p[x - 1], right = p[x + 1], up = p[x - g->w], down = p[x + g->w];
            float dx = (right - left) / 2, dy = (down - up) / 2;
            float l = 4 * p[x] - left - right - up - down;

            t.gradient += (double)(dx * dx + dy * dy);
            t.laplacian += (double)(l * l);
        }
    }
    return t;
}

static float sharpness(const struct grid *g)
{
    struct tile tile[TILES * TILES], all = { 0, 0 };

    for (int i = 0; i < TILES * TILES; i++) {
        int x = i % TILES, y = i / TILES;

        tile[i] = measure_tile(g, edge(x, TILES, g->w), edge(x + 1, TILES, g->w),
                               edge(y, TILES, g->h), edge(y + 1, TILES, g->h));
    }
    qsort(tile, TILES * TILES, sizeof *tile, order_doubles_falling);
    for (int i = 0; i < BEST; i++) {
        all.gradient += tile[i].gradient;
        all.laplacian += tile[i].laplacian;
    }
    return all.gradient > 0 ? (float)sqrt(all.laplacian / all.gradient) : 0;
}

bool data_look_at(const struct data_image *image, struct data_look *out, struct err *err)
{
    struct grid g;

    if (!fill(image, &g, &out->grey, err))
        return false;
    measure_light(&g, out);
    out->sharp = sharpness(&g);
    free(g.luma);
    return true;
}
