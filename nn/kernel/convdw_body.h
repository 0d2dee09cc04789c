/*
 * convdw_body -- the weight gradient of a convolution, written once for all vectors
 *
 * The inner dimension is pixels.  What some rows of some pictures contribute is summed at once: x
 * and dy are copied into strips that stay in the second cache, then for each tap a few channels
 * (spread over a vector, number by number) times a few vectors of outputs stay in registers while
 * the pixels pass:
 *   sum[channel][outputs] += x[pixel under the tap][channel] dy[pixel][outputs]
 * One copy of x serves every tap: a strip has positions, `gap` inputs apart, of which an output
 * sees one every `step` and a tap one every `apart` further.  Pixels whose tap lies outside the
 * picture are a beginning or an end of their row or column, and are not summed, so there is no ring
 * of zeros.  Pictures are innermost in a strip: what a tap meets of a row is one run, however small
 * the pictures are.
 *
 * A cell of a strip is 4 bytes: a float, or a pair of bf16 for instructions that sum two products.
 * The two are the same pixel of two pictures, or of the upper and the lower half of a single one,
 * never neighbours; so pairs are met by every tap at every step like single numbers are.
 *
 * With few channels (the first layer) the taps of a row are joined into one of taps x channels:
 * positions of x are dense, so that these are neighbours; zeros stand left and right.
 *
 * Included once, by a file that has the vocabulary of vec_ISA.h and
 *   PAIR                    pictures that a cell holds
 *   cell_load(from, i, p)   cells of the numbers i, i + 1 ... of one or two places
 *   cell_mac(sum, x, dy)    sum + x dy
 */
#include "nn/kernel/cpu.h"

#include <string.h>

#define UNROLL _Pragma("GCC unroll 16")
#define TO_6(v) CASE(1, v) CASE(2, v) CASE(3, v) CASE(4, v) CASE(5, v) CASE(6, v)
#define TO_8(v) TO_6(v) CASE(7, v) CASE(8, v)
#define TO_12(v) TO_8(v) CASE(9, v) CASE(10, v) CASE(11, v) CASE(12, v)
#define TO_14(v) TO_12(v) CASE(13, v) CASE(14, v)

enum {
    PIXELS = 256,               /* cells of dy of an output that a strip has, about */
    DW = 1 << 16,               /* numbers of dw that stay in the second cache with the strips */
    LINE = 16,                  /* cells of a cache line */
    FEW = 8,                    /* channels that are joined over a row's taps */
    MOST = 16,                  /* channels in registers */
};

VEC_FN int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

VEC_FN int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

VEC_FN int64_t ceil_div(int64_t a, int64_t b)   /* b > 0 */
{
    return a > 0 ? (a + b - 1) / b : -(-a / b);
}

/* Shares of n, none larger than `share`, as even as can be in multiples of `unit`. */
VEC_FN int64_t even_share(int64_t n, int64_t share, int64_t unit)
{
    return ceil_div(ceil_div(n, ceil_div(n, share)), unit) * unit;
}

/* An axis in positions.  Position p is the input at start + p * gap; tap t of output o is position
 * o * step + t * apart. */
struct line {
    struct nn_axis a;
    int64_t gap, step, apart;
    int64_t low, span;          /* of an output: its lowest position - o * step, and how many */
};

static struct line line_of(const struct nn_axis *a)
{
    struct line l = { .a = *a, .gap = a->step };
    int64_t reach;

    for (int64_t b = a->taps > 1 ? (a->apart < 0 ? -a->apart : a->apart) : 0; b;) {
        int64_t rest = l.gap % b;

        l.gap = b;
        b = rest;
    }
    l.step = a->step / l.gap;
    l.apart = a->apart / l.gap;
    reach = (a->taps - 1) * l.apart;
    l.low = least(reach, 0);
    l.span = (reach < 0 ? -reach : reach) + 1;
    return l;
}

/* Of the outputs [*from,*to) those that meet tap t inside the picture. */
static void meets(const struct nn_axis *a, int t, int64_t *from, int64_t *to)
{
    int64_t start = a->start + (int64_t)t * a->apart;

    *from = most(*from, ceil_div(-start, a->step));
    *to = most(*from, least(*to, ceil_div(a->in - start, a->step)));
}

/* How a job is done, and the strips. */
struct plan {
    const struct nn_convdw *j;
    bool round;                 /* x and dy that are floats are rounded to bf16 */
    struct line h, w;
    int joined;                 /* taps that are joined; else 1 */
    int c, k;                   /* a panel's channels, joined ones, and outputs, at most */
    int64_t units, rows, cols;  /* of a strip, at most */
    int64_t x_pitch;            /* cells from a position of x to the next */
    float *x, *dy;
};

/* One strip: outputs [i0,i1) x [j0,j1) of `units` pictures or pairs from picture n on; panel. */
struct strip {
    int64_t n, units, i0, i1, j0, j1;
    int64_t half;               /* rows from the first of a pair to the second: pairs of halves */
    int c0, c, k0, k;           /* panel */
    bool add;                   /* to what dw is */
};

/* ---- copies ---------------------------------------------------------------------------------- */

/* n cells, and zeros up to `all`. */
VEC_FN void copy(float *to, const struct from *f, int64_t n, int64_t all)
{
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        v_store(to + i, whole(), cell_load(f, i, whole()));
    if (i < n) {
        struct part p = first_lanes(n - i);

        v_store(to + i, all >= i + LANES ? whole() : p, cell_load(f, i, p));
        i += LANES;
    }
    for (; i < all; i += LANES)
        v_store(to + i, all >= i + LANES ? whole() : first_lanes(all - i), v_zero());
}

VEC_FN const void *number_at(const void *x, bool half, int64_t at)
{
    return half ? (const void *)((const uint16_t *)x + at) : (const void *)((const float *)x + at);
}

/* The places of a row: the first picture's, and with pairs the second's. */
static struct from row_of(const void *data, bool half, bool round, int64_t at, int64_t second,
                          bool has_first, bool has_second)
{
    return (struct from){ has_first ? number_at(data, half, at) : NULL,
                          has_second ? number_at(data, half, at + second) : NULL, half, round };
}

VEC_FN struct from later(const struct from *f, int64_t n)
{
    return (struct from){ f->a ? number_at(f->a, f->half, n) : NULL,
                          f->b ? number_at(f->b, f->half, n) : NULL, f->half, f->round };
}

/* One row of positions of x for one unit, [q0,q1) of them. */
static void copy_x_row(const struct plan *p, const struct strip *s, const struct from *f,
                       int64_t q0, int64_t q1, float *to)
{
    static const struct from nothing;
    int64_t pitch = s->units * p->x_pitch, c = p->joined > 1 ? p->j->c : s->c;
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
    int64_t first = p->joined > 1 ? 0 : s->c0;

    for (int64_t u = 0; u < s->units; u++)
        for (int64_t r = 0; r < rows; r++) {
            int64_t y = p->h.a.start + (top + r) * p->h.gap, y2 = y + s->half * p->h.a.step;
            int64_t n = s->n + u * (s->half ? 1 : PAIR);
            bool in = y >= 0 && y < p->h.a.in;
            bool in2 = PAIR > 1 && (s->half ? y2 >= 0 && y2 < p->h.a.in : in && n + 1 < j->n);
            struct from f = row_of(j->x, j->x_half, p->round, n * j->x_picture + y * j->x_row +
                                   first, s->half ? (y2 - y) * j->x_row : j->x_picture, in, in2);

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

            for (int64_t i = 0; i < cols; i++)
                for (int64_t k = 0, g = 0; k < end; k += width, g++) {
                    int64_t all = least(width, end - k);
                    struct from pixel = later(&f, i * j->dy_pixel + k);

                    copy(p->dy + g * group + ((r * cols + i) * s->units + u) * all, &pixel,
                         least(all, s->k - k), all);
                }
        }
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* Which cells a block meets: runs of `inner`, `middle` in a row, `outer` rows.  Steps in cells. */
struct runs {
    int64_t outer, middle, inner;
    int64_t x_outer, x_middle, x_inner, dy_outer, dy_middle;
};

/* m channels, v vectors of outputs; `last`: which numbers of the last vector dw has. */
VEC_FN void block(const int m, const int v, const struct runs *r, const float *x, const float *dy,
                  bool adds, struct part last, float *const *dw)
{
    vec sum[MOST][VECTORS];

    UNROLL for (int i = 0; i < m; i++) {
        UNROLL for (int k = 0; k < v; k++) {
            sum[i][k] = v_zero();
            if (k * LANES % LINE == 0)
                __builtin_prefetch(dw[i] + k * LANES, 1);       /* to be there at the end */
        }
    }
    for (int64_t o = 0; o < r->outer; o++, x += r->x_outer, dy += r->dy_outer) {
        const float *xm = x, *dm = dy;

        for (int64_t q = 0; q < r->middle; q++, xm += r->x_middle, dm += r->dy_middle) {
            const float *xi = xm, *di = dm;

            for (int64_t i = 0; i < r->inner; i++, xi += r->x_inner, di += v * LANES) {
                vec d[VECTORS];

                UNROLL for (int k = 0; k < v; k++)
                    d[k] = v_load(di + k * LANES, whole());
                UNROLL for (int c = 0; c < m; c++) {
                    vec f = v_set(xi[c]);

                    UNROLL for (int k = 0; k < v; k++)
                        sum[c][k] = cell_mac(sum[c][k], f, d[k]);
                }
            }
        }
    }
    UNROLL for (int i = 0; i < m; i++) {
        UNROLL for (int k = 0; k < v; k++) {
            struct part p = k == v - 1 ? last : whole();

            v_store(dw[i] + k * LANES, p,
                    adds ? v_add(v_load(dw[i] + k * LANES, p), sum[i][k]) : sum[i][k]);
        }
    }
}

static void any_block(int m, int v, const struct runs *r, const float *x, const float *dy,
                      bool adds, struct part last, float *const *dw)
{
    switch (m + 100 * v) {
#define CASE(m, v) case m + 100 * v: block(m, v, r, x, dy, adds, last, dw); break;
    BLOCKS
#undef CASE
    }
}

/* Of a strip's rows those that meet tap t, with either half. */
static void meets_either(const struct plan *p, const struct strip *s, int t, int64_t *from,
                         int64_t *to)
{
    int64_t from2 = s->i0 + s->half, to2 = s->i1 + s->half;

    meets(&p->h.a, t, from, to);
    meets(&p->h.a, t, &from2, &to2);
    if (s->half && to2 > from2) {
        bool any = *to > *from;

        *from = any ? least(*from, from2 - s->half) : from2 - s->half;
        *to = any ? most(*to, to2 - s->half) : to2 - s->half;
    }
}

/* What tap (t,u) meets of a strip, for a group of v vectors whose dy begins at `dy`. */
static void sum_tap(const struct plan *p, const struct strip *s, int t, int u, int g, int v,
                    const float *dy)
{
    const struct nn_convdw *j = p->j;
    int64_t cols_all = s->j1 - s->j0, pixel = s->units * v * LANES;
    int64_t x_col = s->units * p->x_pitch;
    int64_t x_row = ((cols_all - 1) * p->w.step + p->w.span) * x_col;
    int64_t i0 = s->i0, i1 = s->i1, j0 = s->j0, j1 = s->j1, out = g * group_width(s->k) * LANES;
    int64_t tall = most_channels(v), tap = t * j->dw_row + (p->joined > 1 ? 0 : u) * j->dw_column;
    struct runs r;
    const float *x;

    meets_either(p, s, t, &i0, &i1);
    if (p->joined == 1)
        meets(&p->w.a, u, &j0, &j1);
    if (i1 <= i0 || j1 <= j0) {
        if (s->add)
            return;
        i0 = i1 = s->i0;
        j0 = j1 = s->j0;
    }
    r = (struct runs){
        .outer = i1 - i0, .middle = j1 - j0, .inner = s->units,
        .x_outer = p->h.step * x_row, .x_middle = p->w.step * x_col, .x_inner = p->x_pitch,
        .dy_outer = cols_all * pixel, .dy_middle = pixel,
    };
    x = p->x + ((i0 - s->i0) * p->h.step + t * p->h.apart - p->h.low) * x_row +
        ((j0 - s->j0) * p->w.step + (p->joined > 1 ? 0 : u) * p->w.apart - p->w.low) * x_col;
    dy += ((i0 - s->i0) * cols_all + j0 - s->j0) * pixel;
    if (p->w.step == 1 || s->units == 1) {      /* a row is one run */
        r.x_inner = s->units == 1 ? r.x_middle : r.x_inner;
        r.inner *= r.middle;
        r.middle = 1;
        if (r.inner * r.x_inner == r.x_outer && r.inner * v * LANES == r.dy_outer) {
            r.inner *= r.outer;
            r.outer = 1;
        }
    }
    for (int64_t c = 0, n = ceil_div(s->c, tall), b = 0; b < n; b++) {
        int64_t next = s->c * (b + 1) / n;
        int left = (int)least(j->k - s->k0 - out, s->k - out);
        float *dw[MOST];

        for (int64_t i = c; i < next; i++) {
            int64_t all = s->c0 + i, column = p->joined > 1 ? all / j->c : 0;

            dw[i - c] = (float *)j->dw + tap + column * j->dw_column +
                        (all - column * j->c) * j->dw_channel + s->k0 + out;
        }
        any_block((int)(next - c), v, &r, x + c, dy, s->add,
                  left >= v * LANES ? whole() : first_lanes(left - (v - 1) * LANES), dw);
        c = next;
    }
}

static void sum_strip(const struct plan *p, const struct strip *s)
{
    int64_t cells = (s->i1 - s->i0) * (s->j1 - s->j0) * s->units;
    int width = group_width(s->k), all = vectors(s->k);

    copy_x(p, s);
    copy_dy(p, s);
    for (int g = 0; g * width < all; g++)
        for (int t = 0; t < p->h.a.taps; t++)
            for (int u = 0; u < (p->joined > 1 ? 1 : p->w.a.taps); u++)
                sum_tap(p, s, t, u, g, (int)least(width, all - g * width),
                        p->dy + g * width * LANES * cells);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int64_t x_cells(const struct plan *p)
{
    return ((p->rows - 1) * p->h.step + p->h.span) * ((p->cols - 1) * p->w.step + p->w.span) *
           p->units * p->x_pitch;
}

static int64_t dy_cells(const struct plan *p)
{
    return p->rows * p->cols * p->units * vectors(p->k) * LANES;
}

static bool fits(const struct plan *p)
{
    return x_cells(p) + dy_cells(p) + 2 * LINE <= NN_CONVDW_SCRATCH / (int64_t)sizeof(float);
}

/* Panels and strips for `units` pictures or pairs of `rows` rows.  False: too much of the picture
 * lies under one output. */
static bool cut(struct plan *p, int64_t units, int64_t rows)
{
    const struct nn_convdw *j = p->j;
    int64_t taps = p->h.a.taps * (int64_t)p->w.a.taps / p->joined, pixels = PIXELS;
    int64_t c = j->c * (int64_t)p->joined, few = taps > 1 ? 16 : 1;

    p->k = (int)even_share(j->k, taps > 1 ? 128 : 256, LANES);
    p->c = (int)least(c, even_share(c, most(12, least(256, DW / (p->k * taps))), 4));
    p->x_pitch = p->joined > 1 ? j->c : (ceil_div(p->c, LINE) | 1) * LINE;
    do {
        p->cols = even_share(p->w.a.out, pixels, 1);
        p->rows = even_share(rows, most(1, pixels / p->cols), 1);
        p->units = 1;
        if (p->rows == rows && p->cols == p->w.a.out && p->joined == 1)
            p->units = even_share(units, most(1, pixels / (p->rows * p->cols)), 1);
        pixels /= 2;
    } while (!fits(p) && pixels >= few);
    p->x = j->scratch;
    p->dy = p->x + ceil_div(x_cells(p), LINE) * LINE;
    return fits(p);
}

/* Adds pictures [n0,n1): pairs of them, or with `half` the two halves of each. */
static void add_pictures(struct plan *p, int64_t n0, int64_t n1, int64_t half, bool add)
{
    const struct nn_convdw *j = p->j;
    int64_t each = half ? 1 : PAIR, units = ceil_div(n1 - n0, each);
    int64_t rows = half ? half : p->h.a.out, channels = j->c * (int64_t)p->joined;

    cut(p, units, rows);
    for (int k0 = 0; k0 < j->k; k0 += p->k)
        for (int c0 = 0; c0 < channels; c0 += p->c) {
            struct strip s = { .half = half, .c0 = c0, .c = (int)least(p->c, channels - c0),
                               .k0 = k0, .k = (int)least(p->k, j->k - k0), .add = add };

            for (int64_t u = 0; u < units; u += p->units)
                for (s.i0 = 0; s.i0 < rows; s.i0 += p->rows)
                    for (s.j0 = 0; s.j0 < p->w.a.out; s.j0 += p->cols) {
                        s.n = n0 + u * each;
                        s.units = least(p->units, units - u);
                        s.i1 = least(s.i0 + p->rows, rows);
                        s.j1 = least(s.j0 + p->cols, p->w.a.out);
                        sum_strip(p, &s);
                        s.add = true;
                    }
        }
}

static void convdw(const struct nn_convdw *j, bool round);

/* The same for each tap of an axis alone. */
static void tap_by_tap(const struct nn_convdw *j, bool round)
{
    bool rows = j->h.taps > 1;
    int taps = rows ? j->h.taps : j->w.taps;

    for (int t = 0; t < taps; t++) {
        struct nn_convdw one = *j;
        struct nn_axis *a = rows ? &one.h : &one.w;

        a->taps = 1;
        a->start += t * a->apart;
        one.dw += t * (rows ? j->dw_row : j->dw_column);
        convdw(&one, round);
    }
}

static void convdw(const struct nn_convdw *j, bool round)
{
    struct plan p = { .j = j, .round = round, .h = line_of(&j->h), .w = line_of(&j->w),
                      .joined = 1 };
    int64_t rows = j->h.out, even = j->n / PAIR * PAIR, half = (rows + 1) / 2;

    if (j->c < FEW && j->w.taps > 1 && p.w.apart == 1)
        p.joined = j->w.taps;
    if (!cut(&p, ceil_div(j->n, PAIR), rows)) {
        tap_by_tap(j, round);
        return;
    }
    if (even)
        add_pictures(&p, 0, even, 0, j->add);
    if (even < j->n)
        add_pictures(&p, even, j->n, rows > 1 ? half : 0, j->add || even);
}
