/*
 * convdw_copy -- strips of x and dy for convdw_body.h: what lies in them, and how it gets there
 */
#include "nn/kernel/convdw_strip.h"

enum {
    PIXELS = 160,               /* of a strip, about, where a group has VECTORS vectors */
    DW = 1 << 18,               /* numbers of dw that are summed before others, about */
    REGIONS = 64,
};

/* ---- copies ---------------------------------------------------------------------------------- */

/* One row of positions of x for one unit, [q0,q1) of them. */
static void copy_x_row(const struct plan *p, const struct strip *s, const struct from *f,
                       int64_t q0, int64_t q1, float *to)
{
    static const struct from nothing;
    int64_t pitch = s->units * p->x_pitch, c = s->x;
    int64_t in0 = most(q0, least(q1, ceil_div(-p->w.a.start, p->w.gap)));
    int64_t in1 = most(in0, least(q1, ceil_div(p->w.a.in - p->w.a.start, p->w.gap)));
    int64_t at = (p->w.a.start + in0 * p->w.gap) * p->j->x_pixel, step = p->w.gap * p->j->x_pixel;

    if (p->joined > 1) {        /* positions are dense, zeros around */
        copy(to, &nothing, 0, (in0 - q0) * pitch);
        copy(to + (in1 - q0) * pitch, &nothing, 0, (q1 - in1) * pitch);
    }
    to += (in0 - q0) * pitch;
    if (step == c && pitch == c) {
        c *= in1 - in0;
        in1 = least(in1, in0 + 1);
    }
    for (int64_t q = in0; q < in1; q++, at += step, to += pitch) {
        struct from pixel = later(f, at);

        copy(to, &pixel, c, 0);
    }
}

static void copy_x(const struct plan *p, const struct strip *s)
{
    const struct nn_convdw *j = p->j;
    int64_t top = s->i0 * p->h.step + p->h.low, left = s->j0 * p->w.step + p->w.low;
    int64_t rows = (s->i1 - s->i0 - 1) * p->h.step + p->h.span;
    int64_t cols = (s->j1 - s->j0 - 1) * p->w.step + p->w.span;

    for (int64_t u = 0; u < s->units; u++)
        for (int64_t r = 0; r < rows; r++) {
            int64_t y = p->h.a.start + (top + r) * p->h.gap, y2 = y + s->half * p->h.a.step;
            int64_t n = s->n + u * (s->half ? 1 : PAIR);
            bool in = y >= 0 && y < p->h.a.in;
            bool in2 = PAIR > 1 && (s->half ? y2 >= 0 && y2 < p->h.a.in : in && n + 1 < j->n);
            struct from f = row_of(j->x, j->x_half, p->round, n * j->x_picture + y * j->x_row +
                                   s->x0, s->half ? (y2 - y) * j->x_row : j->x_picture, in, in2);

            if (in || in2 || s->half)
                copy_x_row(p, s, &f, left, left + cols,
                           p->x + (r * cols * s->units + u) * p->x_pitch);
        }
}

/* Vectors of a panel's outputs, and the groups that they come in. */
VEC_FN int vectors(int k)
{
    return (k + LANES - 1) / LANES;
}

VEC_FN int group_width(int k)
{
    return (int)even_share(vectors(k), VECTORS, 1);
}

/* dy lies [group][pixel][outputs of a group]. */
static void copy_dy(const struct plan *p, const struct strip *s)
{
    const struct nn_convdw *j = p->j;
    int64_t rows = s->i1 - s->i0, cols = s->j1 - s->j0, width = group_width(s->k) * LANES;
    int64_t group = rows * cols * s->units * width, end = vectors(s->k) * LANES;

    for (int64_t u = 0; u < s->units; u++)
        for (int64_t r = 0; r < rows; r++) {
            int64_t n = s->n + u * (s->half ? 1 : PAIR), row = s->i0 + r;
            bool second = PAIR > 1 && (s->half ? row + s->half < p->h.a.out : n + 1 < j->n);
            struct from f = row_of(j->dy, j->dy_half, p->round, n * j->dy_picture +
                                   row * j->dy_row + s->j0 * j->dy_pixel + s->k0,
                                   s->half ? s->half * j->dy_row : j->dy_picture, true, second);

            if (s->units == 1 && width == end && s->k == end && j->dy_pixel == end) {
                copy(p->dy + r * cols * end, &f, cols * end, 0);        /* one run */
                continue;
            }
            for (int64_t i = 0; i < cols; i++)
                for (int64_t k = 0, g = 0; k < end; k += width, g++) {
                    int64_t all = least(width, end - k);
                    struct from pixel = later(&f, i * j->dy_pixel + k);

                    copy(p->dy + g * group + ((r * cols + i) * s->units + u) * all, &pixel,
                         least(all, s->k - k), all);
                }
        }
}

/* ---- what comes next ------------------------------------------------------------------------- */

/* Memory that the next strip will be copied from, fetched into the second cache while this one is
 * summed: `count` places `step` bytes apart. */
struct region {
    const char *from;
    int64_t step, count;
};

struct ahead {
    struct region r[REGIONS];
    int n, first;               /* regions; the first that is not done */
    int64_t at;                 /* its places that are done */
    int64_t all, done;          /* places of all regions */
    int64_t block, blocks;      /* blocks that were summed, of how many */
};

/* n numbers of each of `pixels` pixels; whole pixels in one run of lines. */
static void add_region(struct ahead *a, const void *data, bool half, int64_t pixel, int64_t n,
                       int64_t pixels)
{
    enum { BYTES = 64 };
    int64_t size = half ? 2 : 4, lines = ceil_div(n * size, BYTES), step = pixel * size;

    if (n == pixel) {
        pixels = ceil_div(n * pixels * size, BYTES);
        step = BYTES;
        lines = 1;
    }
    for (int64_t l = 0; l < lines && a->n < REGIONS; l++) {
        a->r[a->n++] = (struct region){ (const char *)data + BYTES * l, step, pixels };
        a->all += pixels;
    }
}

/* What the strip needs; of x only where it needs all. */
static void look_ahead(const struct plan *p, const struct strip *s, struct ahead *a)
{
    const struct nn_convdw *j = p->j;
    int64_t top = p->h.a.start + (s->i0 * p->h.step + p->h.low) * p->h.gap;
    int64_t end = top + (s->i1 - s->i0 - 1) * p->h.a.step + (p->h.span - 1) * p->h.gap + 1;
    int64_t pictures = s->units > 1 ? least(s->units * PAIR, j->n - s->n) : 1;
    int64_t places = s->units > 1 ? 1 : s->half ? PAIR : least(PAIR, j->n - s->n);

    for (int64_t i = 0; i < places; i++) {
        int64_t at = s->n * j->dy_picture + s->i0 * j->dy_row + s->k0 +
                     i * (s->half ? s->half * j->dy_row : j->dy_picture);

        add_region(a, number_at(j->dy, j->dy_half, at), j->dy_half, j->dy_pixel, s->k,
                   (s->i1 - s->i0) * p->w.a.out * pictures);
    }
    top = most(top, 0);
    end = least(end, p->h.a.in);
    for (int64_t i = 0; i < places && p->h.gap == 1 && p->w.gap == 1 && end > top; i++) {
        int64_t at = s->n * j->x_picture + top * j->x_row + s->x0 +
                     i * (s->half ? s->half * p->h.a.step * j->x_row : j->x_picture);

        add_region(a, number_at(j->x, j->x_half, at), j->x_half, j->x_pixel, s->x,
                   (end - top) * p->w.a.in * pictures);
    }
}
