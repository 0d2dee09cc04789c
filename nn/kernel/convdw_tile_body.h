/*
 * convdw_tile_body -- the weight gradient of a convolution in tiles
 *
 * The inner dimension is pixels.  What some rows of some pictures contribute is summed at once: x
 * and dy are copied into strips that stay in the second cache, as cells of two bf16
 * (convdw_strip.h).  A step is 16 cells of a row: two tiles of dy, whose rows are 16 outputs each,
 * by two of x, whose columns are 16 channels each:
 *   sum[output][channel] += dy[cell][output] x[cell under the tap][channel]
 * It is dy that is transposed on its way into the strip, since a tap moves x: so every tile is full
 * lines at any tap and step.  Sums wait in scratch, in blocks of 32 outputs x 32 channels, until
 * all strips of a panel are done; then they are transposed and added to dw.
 *
 * A row of the strip has all cells of a picture's row, pictures innermost, as many of these as fill
 * whole steps best.  What is missing to the last step is zero.  Rows of which a tap meets nothing
 * are left out, and steps at the ends of a row; within a step, the padding of x is zero.  Under
 * steps of the convolution, columns of x with the same remainder lie together, so that the cells
 * of a tile are neighbours.
 *
 * With few channels the taps of a row are joined: positions of x are dense, and a row of a tile
 * goes over the taps' channels.
 *
 * Included once, behind the words of vec_ISA.h and tile_amx.h; PAIR is 2, cell_load is there, and
 * BY_VECTORS(job): the slot's implementation for small groups.
 */
#include "nn/kernel/convdw_strip.h"

#define UNROLL _Pragma("GCC unroll 16")

enum {
    SIDE = 2 * TILE_ROWS,       /* outputs and channels of a block */
    TILE = TILE_ROWS * TILE_ROWS,       /* cells, or sums */
    STEP = TILE_ROWS,           /* cells of a step */
    CELLS = 256,                /* of a strip, about: dy of a block stays in the first cache */
    SUMS = 128,                 /* blocks of sums in scratch: half of it */
};

/* One job's tiles and sums; and how the strip lies, in cells. */
struct work {
    struct plan p;
    struct tiles tiles;
    float *sum;                 /* [tap][block of channels][of outputs][SIDE][SIDE] */
    int64_t steps;              /* of a row */
    int64_t dy_block;           /* from 32 outputs to the next */
    int64_t x_cell;             /* from a row of a tile to the next */
    int64_t line;               /* cells of columns with one remainder */
    int64_t x_row, x_block;     /* from a row, from 32 channels to the next */
};

static int taps_across(const struct plan *p)
{
    return p->joined > 1 ? 1 : p->w.a.taps;
}

/* The lines of a strip of so many rows, columns and units. */
static void lay_out(struct work *w, int64_t rows, int64_t cols, int64_t units)
{
    const struct plan *p = &w->p;
    int64_t x_rows = (rows - 1) * p->h.step + p->h.span;

    w->steps = ceil_div(cols * units, STEP);
    w->dy_block = rows * w->steps * 2 * TILE;
    if (p->joined > 1) {
        w->x_cell = p->w.step * p->j->c;
        w->line = (w->steps * STEP - 1) * w->x_cell + ceil_div(p->j->c * (int64_t)p->joined, SIDE) *
                  SIDE;
        w->x_row = ceil_div(w->line, LINE) * LINE;
        w->x_block = SIDE;
    } else {
        w->x_cell = SIDE;
        w->line = w->steps * STEP + (p->w.span - 1) / p->w.step * units;
        w->x_row = p->w.step * w->line * SIDE;
        w->x_block = x_rows * w->x_row;
    }
}

/* ---- copies ---------------------------------------------------------------------------------- */

static const struct from nothing;

/* A row of x, all its channels, as it lies but for zeros around it. */
static void copy_joined(const struct work *w, const struct strip *s, const struct from *f,
                        float *to)
{
    const struct nn_convdw *j = w->p.j;
    const struct line *l = &w->p.w;
    int64_t left = l->a.start + s->j0 * l->a.step, apart = l->gap * j->x_pixel, c = j->c;
    int64_t in0 = most(0, least(w->line / c, ceil_div(-left, l->gap)));
    int64_t in1 = most(in0, least(w->line / c, ceil_div(l->a.in - left, l->gap)));
    struct from pixel = later(f, left * j->x_pixel + in0 * apart);

    copy(to, &nothing, 0, in0 * c);
    copy(to + in1 * c, &nothing, 0, w->line - in1 * c);
    to += in0 * c;
    if (apart == c)
        copy(to, &pixel, (in1 - in0) * c, 0);           /* one run */
    for (int64_t q = in0; q < in1 && apart != c; q++, to += c) {
        copy(to, &pixel, c, 0);
        pixel = later(&pixel, apart);
    }
}

/* A row of one unit of x; columns with the same remainder, then the next remainder. */
static void copy_columns(const struct work *w, const struct strip *s, const struct from *f,
                         int64_t unit, float *to)
{
    const struct line *l = &w->p.w;
    int64_t ends = (s->j1 - s->j0 + (l->span - 1) / l->step) * s->units;

    for (int64_t phase = 0; phase < l->step; phase++, to += w->line * SIDE) {
        int64_t q = s->j0 * l->step + l->low + phase;

        for (int64_t i = unit; i < ends; i += s->units, q += l->step) {
            int64_t at = l->a.start + q * l->gap;
            bool in = at >= 0 && at < l->a.in;
            struct from pixel = in ? later(f, at * w->p.j->x_pixel) : nothing;

            for (int c = 0; c < s->x; c += SIDE) {
                struct from part = later(&pixel, c);

                copy(to + c / SIDE * w->x_block + i * SIDE, &part, least(SIDE, s->x - c), 0);
            }
        }
        for (int c = 0; c < s->x && unit == 0; c += SIDE)
            copy(to + c / SIDE * w->x_block + ends * SIDE, &nothing, 0, (w->line - ends) * SIDE);
    }
}

static void copy_x(const struct work *w, const struct strip *s)
{
    const struct plan *p = &w->p;
    const struct nn_convdw *j = p->j;
    int64_t rows = (s->i1 - s->i0 - 1) * p->h.step + p->h.span;
    int64_t top = s->i0 * p->h.step + p->h.low;

    for (int64_t u = 0; u < s->units; u++)
        for (int64_t r = 0; r < rows; r++) {
            int64_t y = p->h.a.start + (top + r) * p->h.gap, y2 = y + s->half * p->h.a.step;
            int64_t n = s->n + u * (s->half ? 1 : PAIR);
            bool in = y >= 0 && y < p->h.a.in;
            bool in2 = s->half ? y2 >= 0 && y2 < p->h.a.in : in && n + 1 < j->n;
            struct from f = row_of(j->x, j->x_half, p->round, n * j->x_picture + y * j->x_row +
                                   s->x0,
                                   s->half ? (y2 - y) * j->x_row : j->x_picture, in, in2);

            if (!in && !in2 && !s->half)
                continue;
            if (p->joined > 1)
                copy_joined(w, s, &f, p->x + r * w->x_row);
            else
                copy_columns(w, s, &f, u, p->x + r * w->x_row);
        }
}

/* Where the cells of a step of dy come from. */
static void step_of_dy(const struct work *w, const struct strip *s, int64_t row, int64_t step,
                       struct from from[STEP])
{
    const struct nn_convdw *j = w->p.j;
    int64_t column = step * STEP / s->units, u = step * STEP % s->units;

    for (int i = 0; i < STEP; i++) {
        int64_t n = s->n + u * (s->half ? 1 : PAIR);
        bool second = s->half ? row + s->half < w->p.h.a.out : n + 1 < j->n;

        from[i] = nothing;
        if (column < s->j1 - s->j0)
            from[i] = row_of(j->dy, j->dy_half, w->p.round, n * j->dy_picture + row * j->dy_row +
                             (s->j0 + column) * j->dy_pixel + s->k0,
                             s->half ? s->half * j->dy_row : j->dy_picture, true, second);
        if (++u == s->units) {
            u = 0;
            column++;
        }
    }
}

/* LANES cells of LANES outputs, of which `left` are there, become rows of a tile. */
VEC_FN void turn(const struct from *from, int64_t k, int64_t left, float *to)
{
    struct part p = left >= LANES ? whole() : first_lanes(left);
    vec v[LANES];

    UNROLL for (int i = 0; i < LANES; i++)
        v[i] = cell_load(&from[i], k, p);
    v_transpose(v);
    UNROLL for (int i = 0; i < LANES; i++)
        v_store(to + i * STEP, whole(), v[i]);
}

static void copy_dy(const struct work *w, const struct strip *s)
{
    for (int64_t row = s->i0; row < s->i1; row++)
        for (int64_t step = 0; step < w->steps; step++) {
            float *to = w->p.dy + ((row - s->i0) * w->steps + step) * 2 * TILE;
            struct from from[STEP];

            step_of_dy(w, s, row, step, from);
            for (int64_t k = 0; k < s->k; k += LANES)
                for (int i = 0; i < STEP; i += LANES)
                    turn(from + i, k, s->k - k,
                         to + k / SIDE * w->dy_block + k % SIDE * STEP + i);
        }
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* What a tap meets: rows of steps; bytes from one to the next. */
struct runs {
    const char *dy, *x;
    int64_t rows, steps;
    int64_t dy_row, x_row, x_step, x_cell;
};

/* k and c: tiles of outputs and of channels, 1 or 2. */
VEC_FN void products(const int k, const int c, struct tiles *t, const struct runs *r, bool begin,
                     float (*sum)[SIDE])
{
    const int64_t row = sizeof *sum, steps = r->steps, x_step = r->x_step, x_cell = r->x_cell;

    if (begin) {
        tile_zero(t, 0);
        tile_zero(t, 1);
        tile_zero(t, 2);
        tile_zero(t, 3);
    } else {
        tile_load(t, 0, sum[0], row);
        if (c > 1)
            tile_load(t, 1, sum[0] + TILE_ROWS, row);
        if (k > 1)
            tile_load(t, 2, sum[TILE_ROWS], row);
        if (k > 1 && c > 1)
            tile_load(t, 3, sum[TILE_ROWS] + TILE_ROWS, row);
    }
    for (int64_t i = 0; i < r->rows; i++) {
        const char *dy = r->dy + i * r->dy_row, *x = r->x + i * r->x_row;

        for (int64_t s = 0; s < steps; s++) {
            tile_load(t, 4, dy, TILE_BYTES);
            tile_load(t, 6, x, x_cell);
            tile_mac(t, 0, 4, 6);
            if (c > 1) {
                tile_load(t, 7, x + TILE_BYTES, x_cell);
                tile_mac(t, 1, 4, 7);
            }
            if (k > 1) {
                tile_load(t, 5, dy + TILE * sizeof(float), TILE_BYTES);
                tile_mac(t, 2, 5, 6);
            }
            if (k > 1 && c > 1)
                tile_mac(t, 3, 5, 7);
            dy += 2 * TILE * sizeof(float);
            x += x_step;
        }
    }
    tile_store(t, 0, sum[0], row);
    if (c > 1)
        tile_store(t, 1, sum[0] + TILE_ROWS, row);
    if (k > 1)
        tile_store(t, 2, sum[TILE_ROWS], row);
    if (k > 1 && c > 1)
        tile_store(t, 3, sum[TILE_ROWS] + TILE_ROWS, row);
}

#define PRODUCTS(k, c) \
    static void products_##k##_##c(struct tiles *t, const struct runs *r, bool begin, \
                                   float (*sum)[SIDE]) \
    { \
        products(k, c, t, r, begin, sum); \
    }
PRODUCTS(1, 1)
PRODUCTS(1, 2)
PRODUCTS(2, 1)
PRODUCTS(2, 2)

/* Where the sums of a block of tap (t,u) are. */
static float (*sums(const struct work *w, const struct strip *s, int t, int u, int k, int c))[SIDE]
{
    int64_t tap = t * taps_across(&w->p) + u, across = ceil_div(s->k, SIDE);
    int64_t block = (tap * ceil_div(s->c, SIDE) + c / SIDE) * across + k / SIDE;

    return (float (*)[SIDE])(w->sum + block * SIDE * SIDE);
}

/* Tap (t,u) of the strip, for the blocks that begin with output k and channel c. */
static void sum_tap(struct work *w, const struct strip *s, int t, int u, int k, int c)
{
    const struct plan *p = &w->p;
    int64_t i0 = s->i0, i1 = s->i1, j0 = s->j0, j1 = s->j1, q = u * p->w.apart - p->w.low;
    int64_t first, end, x = c / SIDE * w->x_block + (p->joined > 1 ? s->c0 : 0);
    float (*sum)[SIDE] = sums(w, s, t, u, k, c);
    struct runs r = { .dy_row = w->steps * 2 * TILE * (int)sizeof(float),
                      .x_row = p->h.step * w->x_row * (int)sizeof(float),
                      .x_step = STEP * w->x_cell * (int)sizeof(float),
                      .x_cell = w->x_cell * (int)sizeof(float) };

    meets_either(p, s, t, &i0, &i1);
    if (p->joined == 1) {
        meets(&p->w.a, u, &j0, &j1);
        x += (q % p->w.step * w->line + q / p->w.step * s->units) * SIDE;
    }
    if (j1 > j0) {
        first = (j0 - s->j0) * s->units / STEP;
        end = ceil_div((j1 - s->j0) * s->units, STEP);
        r.rows = i1 - i0;
        r.steps = end - first;
        r.dy = (const char *)(p->dy + k / SIDE * w->dy_block +
                              ((i0 - s->i0) * w->steps + first) * 2 * TILE);
        x += ((i0 - s->i0) * p->h.step + t * p->h.apart - p->h.low) * w->x_row;
        r.x = (const char *)(p->x + x + first * STEP * w->x_cell);
    }
    if (r.rows <= 0 && s->add)
        return;
    if (s->k - k <= TILE_ROWS)
        (s->c - c <= TILE_ROWS ? products_1_1 : products_1_2)(&w->tiles, &r, !s->add, sum);
    else
        (s->c - c <= TILE_ROWS ? products_2_1 : products_2_2)(&w->tiles, &r, !s->add, sum);
}

static void sum_strip(struct work *w, const struct strip *s)
{
    lay_out(w, s->i1 - s->i0, s->j1 - s->j0, s->units);
    copy_x(w, s);
    copy_dy(w, s);
    for (int c = 0; c < s->c; c += SIDE)
        for (int k = 0; k < s->k; k += SIDE)
            for (int t = 0; t < w->p.h.a.taps; t++)
                for (int u = 0; u < taps_across(&w->p); u++)
                    sum_tap(w, s, t, u, k, c);
}

/* Gives dw the block of tap (t,u) that begins with output k and channel c. */
static void give_block(const struct work *w, const struct strip *s, int t, int u, int k, int c,
                       bool adds)
{
    const struct nn_convdw *j = w->p.j;
    const float (*sum)[SIDE] = sums(w, s, t, u, k, c);
    int64_t all = s->c0 + c, n = least(LANES, s->c - c);
    struct part p = s->k - k >= LANES ? whole() : first_lanes(s->k - k);
    vec v[LANES];

    UNROLL for (int i = 0; i < LANES; i++)
        v[i] = v_load(sum[k % SIDE + i] + c % SIDE, whole());
    v_transpose(v);
    for (int64_t i = 0; i < n; i++) {
        int64_t column = w->p.joined > 1 ? (all + i) / j->c : 0;
        float *dw = (float *)j->dw + t * j->dw_row + (u + column) * j->dw_column +
                    (all + i - column * j->c) * j->dw_channel + s->k0 + k;

        v_store(dw, p, adds ? v_add(v_load(dw, p), v[i]) : v[i]);
    }
}

static void give_panel(const struct work *w, const struct strip *s, bool adds)
{
    for (int t = 0; t < w->p.h.a.taps; t++)
        for (int u = 0; u < taps_across(&w->p); u++)
            for (int c = 0; c < s->c; c += LANES)
                for (int k = 0; k < s->k; k += LANES)
                    give_block(w, s, t, u, k, c, adds);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool fits(struct work *w)
{
    struct plan *p = &w->p;
    int64_t blocks = ceil_div(p->c, SIDE), outputs = ceil_div(p->k, SIDE);
    int64_t x_rows = (p->rows - 1) * p->h.step + p->h.span;
    int64_t sums = p->h.a.taps * taps_across(p) * blocks * outputs * SIDE * SIDE;

    lay_out(w, p->rows, p->cols, p->units);
    p->dy = w->sum + sums;
    p->x = p->dy + outputs * w->dy_block;
    return sums + outputs * w->dy_block + (p->joined > 1 ? 1 : blocks) * x_rows * w->x_row <=
           NN_CONVDW_SCRATCH / (int64_t)sizeof(float);
}

/* How many units of `cols` columns, at most n, leave the least of their steps empty. */
static int64_t units_that_fill(int64_t cols, int64_t n)
{
    int64_t best = 1;

    for (int64_t u = 2; u <= n; u++)
        if (ceil_div(u * cols, STEP) * best < ceil_div(best * cols, STEP) * u)
            best = u;
    return best;
}

/* Panels and strips for `units` pairs of pictures, or halves, of `rows` rows.  False: too much of
 * the picture lies under one output, or too many taps are to be summed. */
static bool cut(struct work *w, int64_t units, int64_t rows)
{
    struct plan *p = &w->p;
    int64_t taps = p->h.a.taps * (int64_t)taps_across(p), cells = CELLS, blocks;
    int64_t c = p->j->c * (int64_t)p->joined;

    if (taps > SUMS)
        return false;
    blocks = SUMS / taps;
    p->k = (int)even_share(p->j->k, SIDE * least(taps > 1 ? 4 : 8, blocks), SIDE);
    p->c = (int)even_share(c, SIDE * least(8, blocks / (p->k / SIDE)), SIDE);
    p->k = (int)least(p->k, p->j->k);
    p->c = (int)least(p->c, c);
    do {
        p->cols = even_share(p->w.a.out, cells, 1);
        p->units = 1;
        if (p->cols == p->w.a.out && p->joined == 1)
            p->units = units_that_fill(p->cols, least(units, cells / p->cols));
        p->rows = even_share(rows, most(1, cells / (p->cols * p->units)), 1);
        if (p->rows == rows && p->cols == p->w.a.out && p->joined == 1)
            p->units *= most(1, least(cells / (rows * p->cols), units) / p->units);
        cells /= 2;
    } while (!fits(w) && cells >= STEP);
    return fits(w);
}

/* Adds pictures [n0,n1): pairs of them, or with `half` the two halves of each. */
static void add_pictures(struct work *w, int64_t n0, int64_t n1, int64_t half, bool adds)
{
    const struct plan *p = &w->p;
    const struct nn_convdw *j = p->j;
    int64_t units = ceil_div(n1 - n0, half ? 1 : PAIR), rows = half ? half : p->h.a.out;
    int channels = j->c * p->joined;

    cut(w, units, rows);
    for (int k0 = 0; k0 < j->k; k0 += p->k)
        for (int c0 = 0; c0 < channels; c0 += p->c) {
            struct strip s = { .half = half, .c0 = c0, .c = (int)least(p->c, channels - c0),
                               .k0 = k0, .k = (int)least(p->k, j->k - k0) };

            s.x0 = p->joined > 1 ? 0 : c0;
            s.x = p->joined > 1 ? j->c : s.c;
            for (int64_t i = 0, all = strips(p, units, rows); i < all; i++) {
                place(p, &s, n0, units, rows, i);
                s.add = i > 0;
                sum_strip(w, &s);
            }
            give_panel(w, &s, adds);
        }
}

static void convdw(const struct nn_convdw *j, bool round)
{
    int64_t even = j->n / PAIR * PAIR, rows = j->h.out, half = rows > 1 ? (rows + 1) / 2 : 0;
    struct work w = { .p = { .j = j, .round = round, .h = line_of(&j->h), .w = line_of(&j->w),
                             .joined = 1 }, .sum = j->scratch };

    if (j->k_group) {
        BY_VECTORS(j);
        return;
    }
    if (j->c < FEW && j->w.taps > 1 && w.p.w.apart == 1)
        w.p.joined = j->w.taps;
    if (!cut(&w, j->n / PAIR, rows) || !cut(&w, 1, half ? half : rows)) {
        tap_by_tap(j, round);
        return;
    }
    tile_begin(&w.tiles);
    if (even)
        add_pictures(&w, 0, even, 0, j->add);
    if (even < j->n)
        add_pictures(&w, even, j->n, half, j->add || even);
    tile_end(&w.tiles);
}
