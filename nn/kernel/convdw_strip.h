/*
 * convdw_strip -- what weight gradients by strips of pixels share: where the pixels are, how a job
 * falls into strips, and the way of numbers into the cells
 *
 * Included by convdw_copy.h and convdw_tile_body.h, behind the words of vec_ISA.h, PAIR and
 * cell_load.
 */
#include "nn/kernel/cpu.h"

#include <string.h>

enum {
    LINE = 16,                  /* cells of a cache line */
    FEW = 8,                    /* channels that are joined over a row's taps */
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
    bool x_direct, dy_direct;   /* read where they lie: floats, under one tap */
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
    int x0, x;                  /* channels of x that the strip holds, of a position */
    bool add;                   /* to what dw is */
};

/* ---- strips of a job ------------------------------------------------------------------------- */

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

static int64_t strips(const struct plan *p, int64_t units, int64_t rows)
{
    return ceil_div(units, p->units) * ceil_div(rows, p->rows) * ceil_div(p->w.a.out, p->cols);
}

/* Strip i of so many. */
static void place(const struct plan *p, struct strip *s, int64_t n0, int64_t units, int64_t rows,
                  int64_t i)
{
    int64_t across = ceil_div(p->w.a.out, p->cols), down = ceil_div(rows, p->rows);
    int64_t u = i / across / down * p->units;

    s->j0 = i % across * p->cols;
    s->i0 = i / across % down * p->rows;
    s->n = n0 + u * (s->half ? 1 : PAIR);
    s->units = least(p->units, units - u);
    s->i1 = least(s->i0 + p->rows, rows);
    s->j1 = least(s->j0 + p->cols, p->w.a.out);
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

/* ---- cells ----------------------------------------------------------------------------------- */

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
