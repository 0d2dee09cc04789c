/*
 * convdw_body -- the weight gradient of a convolution, written once for all vectors
 *
 * The inner dimension is pixels.  What some rows of some pictures contribute is summed at once: x
 * and dy are copied into strips that stay in the second cache, then for each tap a few channels
 * (spread over a vector, number by number) times a few vectors of outputs stay in registers while
 * the pixels pass:
 *   sum[channel][outputs] += x[pixel under the tap][channel] dy[pixel][outputs]
 * While one strip is summed, what the next is copied from is fetched.  Under one tap floats of x
 * are read where they lie, those of dy too where so few channels meet them that a copy would count;
 * with short vectors x passes so often that it must not be far apart.
 *
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
 * With groups of outputs a lane's channel is that of its group: what the groups of a vector see is
 * loaded at once, and picked from.
 *
 * Included once, by a file that has the vocabulary of vec_ISA.h and
 *   PAIR                    pictures that a cell holds
 *   cell_load(from, i, p)   cells of the numbers i, i + 1 ... of one or two places
 *   cell_mac(sum, x, dy)    sum + x dy
 */
#include "nn/kernel/convdw_copy.h"

#define UNROLL _Pragma("GCC unroll 16")
#define TO_4(v) CASE(1, v) CASE(2, v) CASE(3, v) CASE(4, v)
#define TO_6(v) TO_4(v) CASE(5, v) CASE(6, v)
#define TO_8(v) TO_6(v) CASE(7, v) CASE(8, v)
#define TO_12(v) TO_8(v) CASE(9, v) CASE(10, v) CASE(11, v) CASE(12, v)
#define TO_14(v) TO_12(v) CASE(13, v) CASE(14, v)

enum { MOST = 14,               /* channels in registers; */
       MOST_PICKED = 4 };       /* with groups */

/* ---- sums ------------------------------------------------------------------------------------ */

/* Which cells a block meets: runs of `inner`, `middle` in a row, `outer` rows.  Steps in cells. */
struct runs {
    int64_t outer, middle, inner;
    int64_t x_outer, x_middle, x_inner, dy_outer, dy_middle, dy_inner;
    const char *ahead;          /* to fetch, one place a pixel */
    int64_t ahead_step;
};

/* Gives the next block its share of what is to be fetched: a place a pixel, or nothing new. */
static void fetch(struct ahead *a, struct runs *r, const void *nothing)
{
    const struct region *g = &a->r[a->first];

    a->block++;
    r->ahead = nothing;
    r->ahead_step = 0;
    if (a->first == a->n || a->done * a->blocks > a->all * a->block)
        return;
    r->ahead = g->from + a->at * g->step;
    r->ahead_step = g->step;
    a->at += r->outer * r->middle * r->inner;
    a->done += r->outer * r->middle * r->inner;
    if (a->at >= g->count) {
        a->done -= a->at - g->count;
        a->at = 0;
        a->first++;
    }
}

/* `last`: which numbers of the last vector dw has. */
VEC_FN void store_block(const int m, const int v, bool adds, struct part last, float *const *dw,
                        vec sum[MOST][VECTORS])
{
    UNROLL for (int i = 0; i < m; i++) {
        UNROLL for (int k = 0; k < v; k++) {
            struct part p = k == v - 1 ? last : whole();

            v_store(dw[i] + k * LANES, p,
                    adds ? v_add(v_load(dw[i] + k * LANES, p), sum[i][k]) : sum[i][k]);
        }
    }
}

/* m channels, v vectors of outputs. */
VEC_FN void block(const int m, const int v, const struct runs *r, const float *x, const float *dy,
                  bool adds, struct part last, float *const *dw)
{
    const char *ahead = r->ahead;
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

            for (int64_t i = 0; i < r->inner; i++, xi += r->x_inner, di += r->dy_inner) {
                vec d[VECTORS];

                __builtin_prefetch(ahead, 0, 2);
                ahead += r->ahead_step;
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
    store_block(m, v, adds, last, dw, sum);
}

/* What a block of groups sees, from x on: cells to each vector's, and of them lane by lane. */
struct picks {
    int64_t at[VECTORS];
    int32_t lane[MOST_PICKED][LANES];
};

VEC_FN void picked_block(const int m, const int v, const struct runs *r, const struct picks *s,
                         const float *x, const float *dy, bool adds, struct part last,
                         float *const *dw)
{
    const char *ahead = r->ahead;
    vec sum[MOST][VECTORS];
    vint pick[MOST_PICKED];

    UNROLL for (int i = 0; i < m; i++) {
        pick[i] = v_load_int(s->lane[i]);
        UNROLL for (int k = 0; k < v; k++)
            sum[i][k] = v_zero();
    }
    for (int64_t o = 0; o < r->outer; o++, x += r->x_outer, dy += r->dy_outer) {
        const float *xm = x, *dm = dy;

        for (int64_t q = 0; q < r->middle; q++, xm += r->x_middle, dm += r->dy_middle) {
            const float *xi = xm, *di = dm;

            for (int64_t i = 0; i < r->inner; i++, xi += r->x_inner, di += r->dy_inner) {
                __builtin_prefetch(ahead, 0, 2);
                ahead += r->ahead_step;
                UNROLL for (int k = 0; k < v; k++) {
                    vec d = v_load(di + k * LANES, whole()), f = v_load(xi + s->at[k], whole());

                    UNROLL for (int c = 0; c < m; c++)
                        sum[c][k] = cell_mac(sum[c][k], v_pick(f, pick[c]), d);
                }
            }
        }
    }
    store_block(m, v, adds, last, dw, sum);
}

static void any_picked(int m, int v, const struct runs *r, const struct picks *s, const float *x,
                       const float *dy, bool adds, struct part last, float *const *dw)
{
    switch (m + 100 * v) {
#define CASE(m, v) \
    case m + 100 * v: \
        if (v <= VECTORS) \
            picked_block(m, v <= VECTORS ? v : 1, r, s, x, dy, adds, last, dw); \
        break;
    TO_4(1) TO_4(2) TO_4(3) TO_4(4)
#undef CASE
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

/* What tap (t,u) meets of a strip, in cells from *x and *dy on, which lie at the beginnings of the
 * strip's before: v vectors a pixel of dy. */
static struct runs runs_of(const struct plan *p, const struct strip *s, int t, int u, int v,
                           const float **x, const float **dy)
{
    const struct nn_convdw *j = p->j;
    int64_t cols = s->j1 - s->j0, pixel = s->units * v * LANES, x_col = s->units * p->x_pitch;
    int64_t x_row = ((cols - 1) * p->w.step + p->w.span) * x_col;
    int64_t i0 = s->i0, i1 = s->i1, j0 = s->j0, j1 = s->j1;
    struct runs r = { .inner = s->units, .x_outer = p->h.step * x_row,
                      .x_middle = p->w.step * x_col, .x_inner = p->x_pitch,
                      .dy_outer = cols * pixel, .dy_middle = pixel, .dy_inner = v * LANES };

    meets_either(p, s, t, &i0, &i1);
    if (p->joined == 1)
        meets(&p->w.a, u, &j0, &j1);
    if (i1 <= i0 || j1 <= j0)
        return r;
    r.outer = i1 - i0;
    r.middle = j1 - j0;
    if (p->dy_direct) {
        r.dy_outer = j->dy_row;
        r.dy_middle = r.dy_inner = j->dy_pixel;
    }
    *dy += (i0 - s->i0) * r.dy_outer + (j0 - s->j0) * r.dy_middle;
    if (p->x_direct) {
        r.x_outer = p->h.a.step * j->x_row;
        r.x_middle = p->w.a.step * j->x_pixel;
        *x = (const float *)j->x + s->n * j->x_picture + p->h.a.start * j->x_row + i0 * r.x_outer +
             p->w.a.start * j->x_pixel + j0 * r.x_middle + s->c0;
    } else {
        *x += ((i0 - s->i0) * p->h.step + t * p->h.apart - p->h.low) * x_row +
              ((j0 - s->j0) * p->w.step + u * p->w.apart - p->w.low) * x_col;
    }
    if (s->units > 1 && p->w.step > 1)
        return r;
    if (s->units == 1)                          /* a row is one run, */
        r.x_inner = r.x_middle;
    r.inner *= r.middle;
    r.middle = 1;
    if (r.inner * r.x_inner == r.x_outer && r.inner * r.dy_inner == r.dy_outer) {
        r.inner *= r.outer;                     /* or all of them are */
        r.outer = 1;
    }
    return r;
}

/* Channels of a block. */
static int block_channels(const struct plan *p, int v)
{
    return p->j->k_group ? MOST_PICKED : most_channels(v);
}

/* What v vectors from output `out` of a panel on see. */
static struct picks picks_of(const struct nn_convdw *j, int out, int v)
{
    struct picks s;

    for (int k = 0; k < v; k++)
        s.at[k] = (out + k * LANES) / j->k_group * j->c;
    for (int i = 0; i < MOST_PICKED; i++)
        for (int l = 0; l < LANES; l++)
            s.lane[i][l] = l / j->k_group * j->c + i;
    return s;
}

/* Tap (t,u) of a strip, for group g of v vectors, whose dy begins at `dy`. */
static void sum_tap(const struct plan *p, const struct strip *s, int t, int u, int g, int v,
                    const float *dy, struct ahead *ahead)
{
    const struct nn_convdw *j = p->j;
    int out = g * group_width(s->k) * LANES, left = s->k - out;
    int64_t tap = t * j->dw_row + u * j->dw_column;
    int64_t blocks = ceil_div(s->c, block_channels(p, v)), c = 0;
    struct part last = left >= v * LANES ? whole() : first_lanes(left - (v - 1) * LANES);
    const float *x = p->x + (p->joined > 1 ? s->c0 : 0);        /* a strip of all of them */
    struct runs r = runs_of(p, s, t, u, v, &x, &dy);

    for (int64_t b = 0; b < blocks && (r.outer || !s->add); b++) {
        int64_t next = s->c * (b + 1) / blocks;
        float *dw[MOST];

        for (int64_t i = c; i < next; i++) {
            int64_t all = s->c0 + i, column = p->joined > 1 ? all / j->c : 0;

            dw[i - c] = (float *)j->dw + tap + column * j->dw_column +
                        (all - column * j->c) * j->dw_channel + s->k0 + out;
        }
        fetch(ahead, &r, dw[0]);
        if (j->k_group) {
            struct picks picks = picks_of(j, out, v);

            any_picked((int)(next - c), v, &r, &picks, x + c, dy, s->add, last, dw);
        } else {
            any_block((int)(next - c), v, &r, x + c, dy, s->add, last, dw);
        }
        c = next;
    }
}

static void sum_strip(const struct plan *p, const struct strip *s, struct ahead *ahead)
{
    const struct nn_convdw *j = p->j;
    int64_t group = (s->i1 - s->i0) * (s->j1 - s->j0) * s->units * LANES;       /* for a vector */
    int width = group_width(s->k), all = vectors(s->k);
    int columns = p->joined > 1 ? 1 : p->w.a.taps;
    const float *dy = p->dy;

    if (!p->x_direct)
        copy_x(p, s);
    if (p->dy_direct) {
        group = LANES;
        dy = (const float *)j->dy + s->n * j->dy_picture + s->i0 * j->dy_row +
             s->j0 * j->dy_pixel + s->k0;
    } else {
        copy_dy(p, s);
    }
    ahead->blocks = ceil_div(all, width) * p->h.a.taps * columns *
                    ceil_div(s->c, block_channels(p, width));
    for (int g = 0; g * width < all; g++)
        for (int t = 0; t < p->h.a.taps; t++)
            for (int u = 0; u < columns; u++)
                sum_tap(p, s, t, u, g, (int)least(width, all - g * width),
                        dy + g * width * group, ahead);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Which channels of x the panel's strips hold. */
static void see(const struct plan *p, struct strip *s)
{
    const struct nn_convdw *j = p->j;

    s->x0 = p->joined > 1 ? 0 : s->c0;
    s->x = p->joined > 1 ? j->c : s->c;
    if (j->k_group) {
        s->x0 = s->k0 / j->k_group * j->c;
        s->x = (int)ceil_div(s->k, j->k_group) * j->c;
    }
}

static int64_t x_cells(const struct plan *p)
{
    if (p->x_direct)
        return 0;
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
    int64_t taps = p->h.a.taps * (int64_t)p->w.a.taps / p->joined, pixels;
    int64_t c = j->c * (int64_t)p->joined, few = taps > 1 ? 16 : 1;

    p->k = (int)even_share(j->k, taps > 1 ? 128 : 256, j->k_group ? LINE : LANES);
    p->c = (int)even_share(c, most(12, least(p->x_direct ? 512 : 256, DW / (p->k * taps))), 4);
    p->c = j->k_group ? j->c : (int)least(p->c, c);
    p->x_pitch = p->joined > 1 ? j->c :
        (ceil_div(j->k_group ? (int64_t)p->k / j->k_group * j->c : p->c, LINE) | 1) * LINE;
    pixels = PIXELS * VECTORS / group_width(p->k);      /* a group of dy stays in the first cache */
    do {
        p->cols = even_share(p->w.a.out, pixels, 1);
        p->rows = even_share(rows, most(1, pixels / p->cols), 1);
        p->units = 1;
        if (p->rows == rows && p->cols == p->w.a.out && p->joined == 1 && !p->x_direct)
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

            see(p, &s);
            place(p, &s, n0, units, rows, 0);
            for (int64_t i = 0, all = strips(p, units, rows); i < all; i++) {
                struct strip next = s;
                struct ahead ahead = { .n = 0 };

                if (i + 1 < all) {
                    place(p, &next, n0, units, rows, i + 1);
                    look_ahead(p, &next, &ahead);
                }
                sum_strip(p, &s, &ahead);
                s = next;
                s.add = true;
            }
        }
}

/* Where one tap goes over whole pictures that follow each other, they are one of many rows. */
static struct nn_convdw as_one(const struct nn_convdw *j)
{
    struct nn_convdw one = *j;
    int64_t rows = j->n * j->h.out;

    if (j->h.start || j->x_picture != (int64_t)j->h.out * j->h.step * j->x_row ||
        j->dy_picture != j->h.out * j->dy_row || rows * j->h.step > INT32_MAX)
        return one;
    one.h.out = (int)rows;
    one.h.in = (int)rows * j->h.step;
    one.n = 1;
    return one;
}

static void convdw(const struct nn_convdw *job, bool round)
{
    bool one_tap = job->h.taps == 1 && job->w.taps == 1;
    bool direct = PAIR == 1 && one_tap && !round && !job->x_half && !job->k_group &&
                  (LANES >= 16 || job->c <= 64);
    struct nn_convdw j = direct ? as_one(job) : *job;
    struct plan p = { .j = &j, .round = round, .x_direct = direct, .h = line_of(&j.h),
                      .w = line_of(&j.w), .joined = 1,
                      .dy_direct = direct && !j.dy_half && j.c <= 32 && j.k % LANES == 0 };
    int64_t even = j.n / PAIR * PAIR, rows = j.h.out, half = rows > 1 ? (rows + 1) / 2 : 0;

    if (j.c < FEW && j.w.taps > 1 && p.w.apart == 1 && !j.k_group)
        p.joined = j.w.taps;
    if (!cut(&p, ceil_div(j.n, PAIR), rows) || !cut(&p, 1, half ? half : rows)) {
        tap_by_tap(job, round);
        return;
    }
    if (even)
        add_pictures(&p, 0, even, 0, j.add);
    if (even < j.n)
        add_pictures(&p, even, j.n, half, j.add || even);
}
