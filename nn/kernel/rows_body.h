/*
 * rows_body -- rows of channels, written once for all vectors: sums of columns, what goes channel
 * by channel, and norms and softmax of each row
 *
 * Contracts in kernel.h, formulas as in ref.c and bn_ref.c.
 *
 * Columns: a tile is a few rows by up to BLOCK vectors of channels, whose sums or factors stay in
 * registers.  Narrow rows are taken many at a time; of wide ones a few, and the tile below is asked
 * for meanwhile, as the processor sees no stream in such pieces.  (Row by row it is as fast beyond
 * the caches, but sums in the second cache fall to a third.)  A column's sum goes row by row
 * whatever the tiles.  All of it is one pass over what it reads and writes.
 *
 * Rows: one of numbers in the first cache, read two or three times.  Its sums go in CHAINS vectors
 * side by side, then across the lanes.
 */
#include "nn/kernel/cpu.h"
#include "nn/kernel/vec_loop.h"
#include "nn/kernel/vec_math.h"

#include <math.h>

enum { BLOCK = 4, MANY_ROWS = 64, FEW_ROWS = 8, AHEAD = 1024 };

/* ---- columns --------------------------------------------------------------------------------- */

enum what {
    COLSUM, COLVAR, COLDOT, COLDOT_PLAIN, ROWDOT, STATS, SUMS,      /* sums */
    AFFINE, SCALE, SHIFT, APPLY, NORM_DX, NORM_DX_PLAIN, GRAD,      /* channel by channel */
};

/* What a copy of the code is for: constants, once inlined. */
struct how {
    enum what what;
    bool half_x, half_y, cuts;
    int residual;               /* 0: none, 1: float, 2: bf16 */
    bool again;                 /* cuts are found from x, not y */
    bool around;                /* what is written goes around the caches */
};

/* The factors of one vector of channels; as sums, a and b. */
struct factors {
    vec a, b, c, scale, shift;
};

/* dy, where the cut let it through; x is what lies there. */
VEC_FN vec passed(const struct how h, const struct nn_bn_rows *b, int64_t at, struct part p, vec x,
                  const struct factors *f)
{
    vec g = get(b->dy, h.half_y, at, p), z;

    if (!h.cuts)
        return g;
    z = h.again ? v_fma(x, f->scale, f->shift) : get(b->y, h.half_y, at, p);
    return v_select(m_and(v_less(v_set(b->lo), z), v_less(z, v_set(b->hi))), g, v_zero());
}

VEC_FN vec factor(const float *x, int c, struct part p)
{
    return v_load(x + c, p);
}

VEC_FN struct factors factors(const struct how h, const struct nn_bn_rows *b, int c, struct part p)
{
    struct factors f = { v_zero(), v_zero(), v_zero(), v_zero(), v_zero() };

    switch (h.what) {
    case COLVAR: case COLDOT: case STATS: case SUMS: f.c = factor(b->mean, c, p); break;
    case AFFINE: case APPLY:
        f.a = factor(b->scale, c, p);
        f.b = factor(b->shift, c, p);
        break;
    case SCALE: f.a = factor(b->scale, c, p); break;
    case SHIFT: f.b = b->shift ? factor(b->shift, c, p) : v_zero(); break;
    case NORM_DX: case GRAD:
        f.b = factor(b->q, c, p);
        f.c = factor(b->r, c, p);
        /* fall through */
    case NORM_DX_PLAIN: f.a = factor(b->p, c, p); break;
    default: break;
    }
    if (h.again) {
        f.scale = factor(b->scale, c, p);
        f.shift = factor(b->shift, c, p);
    }
    if (h.what <= SUMS)
        f.a = factor(b->sum, c, p);
    if (h.what == STATS || h.what == SUMS)
        f.b = factor(b->dot, c, p);
    return f;
}

/* What the sums take of the numbers at `at`, in row r. */
VEC_FN void add_up(const struct how h, const struct nn_bn_rows *b, int64_t r, int64_t at,
                   struct part p, struct factors *f)
{
    vec x = get(b->x, h.half_x, at, p), d = v_sub(x, f->c), g;

    switch (h.what) {
    case COLSUM: f->a = v_add(f->a, x); break;
    case COLVAR: f->a = v_fma(d, d, f->a); break;
    case COLDOT: f->a = v_fma(get(b->dy, false, at, p), d, f->a); break;
    case COLDOT_PLAIN: f->a = v_fma(get(b->dy, false, at, p), x, f->a); break;
    case ROWDOT:                /* mean holds the rows' means and 1/s */
        d = v_mul(v_sub(x, v_set(b->mean[2 * r])), v_set(b->mean[2 * r + 1]));
        f->a = v_fma(get(b->dy, false, at, p), d, f->a);
        break;
    case STATS:
        f->a = v_add(f->a, d);
        f->b = v_fma(d, d, f->b);
        break;
    case SUMS:
        g = passed(h, b, at, p, x, f);
        f->a = v_add(f->a, g);
        f->b = v_fma(g, d, f->b);
        break;
    default: break;
    }
}

VEC_FN void grad(const struct how h, const struct nn_bn_rows *b, int64_t at, struct part p,
                 const struct factors *f)
{
    vec x = get(b->x, h.half_x, at, p), g = passed(h, b, at, p, x, f);

    if (b->dx) {
        vec dx = v_fma(f->a, g, v_fma(f->b, x, f->c));

        if (h.around)
            put_around(b->dx, h.half_x, at, dx);
        else
            put(b->dx, h.half_x, at, p, b->fresh ? dx : v_add(get(b->dx, h.half_x, at, p), dx));
    }
    if (b->dresidual) {
        if (!b->fresh_r)
            g = v_add(get(b->dresidual, b->half_r, at, p), g);
        put(b->dresidual, b->half_r, at, p, g);
    }
}

/* The numbers at `at`, with the factors of their channels. */
VEC_FN void each(const struct how h, const struct nn_bn_rows *b, int64_t at, struct part p,
                 const struct factors *f)
{
    vec v;

    switch (h.what) {
    case AFFINE: v = v_fma(get(b->x, false, at, p), f->a, f->b); break;
    case SCALE: v = v_mul(get(b->x, false, at, p), f->a); break;
    case SHIFT: v = v_add(get(b->x, false, at, p), f->b); break;
    case APPLY:
        v = v_fma(get(b->x, h.half_x, at, p), f->a, f->b);
        if (h.residual)
            v = v_add(v, get(b->residual, h.residual == 2, at, p));
        if (h.cuts)
            v = v_min(v_set(b->hi), v_max(v_set(b->lo), v));
        break;
    case NORM_DX:
        v = v_fma(f->a, get(b->dy, false, at, p), get(b->dx, false, at, p));
        v = v_add(v, v_fma(f->b, get(b->x, false, at, p), f->c));
        break;
    case NORM_DX_PLAIN:
        v = v_fma(f->a, get(b->dy, false, at, p), get(b->dx, false, at, p));
        break;
    default: grad(h, b, at, p, f); return;
    }
    if (h.what == NORM_DX || h.what == NORM_DX_PLAIN)
        put(b->dx, false, at, p, v);
    else if (h.around)
        put_around(b->y, h.half_y, at, v);
    else
        put(b->y, h.half_y, at, p, v);
}

/* Asks for number `at` of an array, unless vector k of a tile lies in a line that was asked for. */
VEC_FN void ask(const void *x, bool half, int64_t at, const int k)
{
    const int bytes = half ? 2 : 4;

    if (k * LANES * bytes % 64 == 0)
        v_prefetch_far((const char *)x + at * bytes);
}

/* What the tile below will read and write: the processor sees no stream in short pieces of rows. */
VEC_FN void ask_all(const struct how h, const struct nn_bn_rows *b, int64_t at, const int k)
{
    if (h.what != NORM_DX_PLAIN)
        ask(b->x, h.half_x, at, k);
    if (h.what == COLDOT || h.what == COLDOT_PLAIN || h.what == ROWDOT || h.what == SUMS ||
        h.what >= NORM_DX)
        ask(b->dy, h.half_y, at, k);
    if ((h.cuts && h.what != APPLY && !h.again) ||
        (h.what >= AFFINE && h.what <= APPLY && !h.around))
        ask(b->y, h.half_y, at, k);
    if (h.what == APPLY && h.residual)
        ask(b->residual, h.residual == 2, at, k);
    if (h.what >= NORM_DX && !h.around)
        ask(b->dx, h.half_x, at, k);
    if (h.what == GRAD && b->dresidual)
        ask(b->dresidual, b->half_r, at, k);
}

/* Rows [first,past), `width` vectors of channels from c on. */
VEC_FN void tile(const struct how h, const int width, const struct part p,
                 const struct nn_bn_rows *b, int64_t first, int64_t past, int c, int64_t below)
{
    struct factors f[BLOCK];

    UNROLL for (int k = 0; k < width; k++)
        f[k] = factors(h, b, c + k * LANES, p);
    for (int64_t r = first; r < past; r++)
        UNROLL for (int k = 0; k < width; k++) {
            int64_t at = r * b->n + c + k * LANES;

            if (below)
                ask_all(h, b, at + below, k);
            if (h.what <= SUMS)
                add_up(h, b, r, at, p, &f[k]);
            else
                each(h, b, at, p, &f[k]);
        }
    UNROLL for (int k = 0; k < width; k++) {
        if (h.what <= SUMS)
            v_store(b->sum + c + k * LANES, p, f[k].a);
        if (h.what == STATS || h.what == SUMS)
            v_store(b->dot + c + k * LANES, p, f[k].b);
    }
}

VEC_FN void columns(const struct how h, const struct nn_bn_rows *b)
{
    int64_t step = b->n <= BLOCK * LANES ? MANY_ROWS : FEW_ROWS;
    int64_t below = b->n <= BLOCK * LANES ? 0 : FEW_ROWS * b->n;

    for (int64_t first = 0; first < b->rows; first += step) {
        int64_t past = b->rows - first < step ? b->rows : first + step;
        int c = 0;

        for (; c + BLOCK * LANES <= b->n; c += BLOCK * LANES)
            tile(h, BLOCK, whole(), b, first, past, c, below);
        for (; c + LANES <= b->n; c += LANES)
            tile(h, 1, whole(), b, first, past, c, below);
        if (c < b->n)
            tile(h, 1, first_lanes(b->n - c), b, first, past, c, below);
    }
}

/* Vector by vector as they lie, around the caches, for arrays that these do not hold: a line is
 * written whole, and factors from the first cache cost nothing. */
VEC_FN void in_turn(const struct how h, const struct nn_bn_rows *b)
{
    for (int64_t r = 0; r < b->rows; r++)
        for (int c = 0; c < b->n; c += LANES)
            tile(h, 1, whole(), b, r, r + 1, c, AHEAD);
    v_fence();
}

void KERNEL_FN(colsum_f32)(int64_t rows, int n, const float *x, float *sum)
{
    struct nn_bn_rows b = { .rows = rows, .n = n, .x = x, .sum = sum };

    columns((struct how){ .what = COLSUM }, &b);
}

void KERNEL_FN(colvar_f32)(int64_t rows, int n, const float *x, const float *mean, float *sum)
{
    struct nn_bn_rows b = { .rows = rows, .n = n, .x = x, .mean = mean, .sum = sum };

    columns((struct how){ .what = COLVAR }, &b);
}

void KERNEL_FN(coldot_f32)(int64_t rows, int n, const float *a, const float *x, const float *mean,
                           float *sum)
{
    struct nn_bn_rows b = { .rows = rows, .n = n, .dy = a, .x = x, .mean = mean, .sum = sum };

    if (mean)
        columns((struct how){ .what = COLDOT }, &b);
    else
        columns((struct how){ .what = COLDOT_PLAIN }, &b);
}

void KERNEL_FN(rownorm_dw_f32)(int64_t rows, int n, const float *x, const float *stat,
                               const float *dy, float *sum)
{
    struct nn_bn_rows b = { .rows = rows, .n = n, .dy = dy, .x = x, .mean = stat, .sum = sum };

    columns((struct how){ .what = ROWDOT }, &b);
}

void KERNEL_FN(affine_f32)(int64_t rows, int n, const float *x, const float *scale,
                           const float *shift, float *y)
{
    struct nn_bn_rows b = { .rows = rows, .n = n, .x = x, .scale = scale, .shift = shift, .y = y };

    if (scale && shift)
        columns((struct how){ .what = AFFINE }, &b);
    else if (scale)
        columns((struct how){ .what = SCALE }, &b);
    else
        columns((struct how){ .what = SHIFT }, &b);
}

void KERNEL_FN(norm_dx_f32)(int64_t rows, int n, const float *dy, const float *x, const float *p,
                            const float *q, const float *r, float *dx)
{
    struct nn_bn_rows b = { .rows = rows, .n = n, .dy = dy, .x = x, .p = p, .q = q, .r = r,
                            .dx = dx };

    if (x)
        columns((struct how){ .what = NORM_DX }, &b);
    else
        columns((struct how){ .what = NORM_DX_PLAIN }, &b);
}

/* ---- batch-norm with what follows it --------------------------------------------------------- */

/* May an array of rows of whole vectors be written around the caches? */
static bool fits_around(const struct nn_bn_rows *b, const void *x, bool half)
{
    return b->large && x && b->n % LANES == 0 && (uintptr_t)x % (LANES * (half ? 2 : 4)) == 0;
}

VEC_FN void either(struct how h, const bool around, const struct nn_bn_rows *b)
{
    h.around = around;
    if (around)
        in_turn(h, b);
    else
        columns(h, b);
}

void KERNEL_FN(bn_stats)(const struct nn_bn_rows *b)
{
    if (b->half_x)
        columns((struct how){ .what = STATS, .half_x = true }, b);
    else
        columns((struct how){ .what = STATS }, b);
}

VEC_FN void apply(const bool half_x, const bool half_y, const bool around,
                  const struct nn_bn_rows *b)
{
    struct how h = { .what = APPLY, .half_x = half_x, .half_y = half_y, .cuts = true };

    if (!b->residual) {
        either(h, around, b);
    } else if (!b->half_r) {
        h.residual = 1;
        either(h, around, b);
    } else {
        h.residual = 2;
        either(h, around, b);
    }
}

VEC_FN void apply_any(const bool half_x, const bool half_y, const struct nn_bn_rows *b)
{
    struct nn_bn_rows all = *b;

    if (!b->cuts) {
        all.lo = -INFINITY;
        all.hi = INFINITY;
    }
    if (fits_around(b, b->y, half_y))
        apply(half_x, half_y, true, &all);
    else
        apply(half_x, half_y, false, &all);
}

void KERNEL_FN(bn_apply)(const struct nn_bn_rows *b)
{
    if (b->half_x && b->half_y)
        apply_any(true, true, b);
    else if (b->half_x)
        apply_any(true, false, b);
    else if (b->half_y)
        apply_any(false, true, b);
    else
        apply_any(false, false, b);
}

VEC_FN void passed_columns(const enum what what, const bool half_x, const bool half_y,
                           const bool around, const struct nn_bn_rows *b)
{
    struct how h = { .what = what, .half_x = half_x, .half_y = half_y, .cuts = b->cuts };

    if (!b->cuts) {
        h.cuts = false;
        either(h, around, b);
    } else if (b->y) {
        h.cuts = true;
        either(h, around, b);
    } else {
        h.cuts = h.again = true;
        either(h, around, b);
    }
}

VEC_FN void passed_half(const enum what what, const bool half_x, const bool half_y,
                        const struct nn_bn_rows *b)
{
    if (what == GRAD && b->fresh && fits_around(b, b->dx, half_x))
        passed_columns(what, half_x, half_y, true, b);
    else
        passed_columns(what, half_x, half_y, false, b);
}

VEC_FN void passed_any(const enum what what, const struct nn_bn_rows *b)
{
    if (b->half_x && b->half_y)
        passed_half(what, true, true, b);
    else if (b->half_x)
        passed_half(what, true, false, b);
    else if (b->half_y)
        passed_half(what, false, true, b);
    else
        passed_half(what, false, false, b);
}

void KERNEL_FN(bn_sums)(const struct nn_bn_rows *b)
{
    passed_any(SUMS, b);
}

void KERNEL_FN(bn_grad)(const struct nn_bn_rows *b)
{
    passed_any(GRAD, b);
}

/* ---- each row by itself ---------------------------------------------------------------------- */

enum { CHAINS = 4 };

/* The statement for every vector of a row, as EACH_VEC, with the chain `k` that takes it. */
#define EACH_CHAINED(n, ...)                                                                       \
    do {                                                                                           \
        int64_t at = 0;                                                                            \
                                                                                                   \
        while (at + CHAINS * LANES <= (n))                                                         \
            UNROLL for (int k = 0; k < CHAINS; k++, at += LANES) {                                 \
                const struct part part = whole();                                                  \
                __VA_ARGS__;                                                                       \
            }                                                                                      \
        for (; at < (n); at += LANES) {                                                            \
            const struct part part = at + LANES <= (n) ? whole() : first_lanes((n) - at);          \
            const int k = 0;                                                                       \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)

/* A sum over a row, in chains. */
struct chains {
    vec of[CHAINS];
};

VEC_FN struct chains chains(vec start)
{
    struct chains s;

    UNROLL for (int k = 0; k < CHAINS; k++)
        s.of[k] = start;
    return s;
}

VEC_FN float chains_sum(const struct chains *s)
{
    return v_sum(v_add(v_add(s->of[0], s->of[1]), v_add(s->of[2], s->of[3])));
}

void KERNEL_FN(rownorm_f32)(int64_t rows, int n, float eps, const float *x, const float *scale,
                            const float *shift, float *y, float *stat)
{
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        struct chains sum = chains(v_zero()), square = chains(v_zero());
        float mean, inv;
        vec middle, factor;

        EACH_CHAINED(n, sum.of[k] = v_add(sum.of[k], IN(x)));
        mean = chains_sum(&sum) / (float)n;
        middle = v_set(mean);
        EACH_CHAINED(n, {
            vec d = v_only(part, v_sub(IN(x), middle), v_zero());

            square.of[k] = v_fma(d, d, square.of[k]);
        });
        inv = 1 / sqrtf(chains_sum(&square) / (float)n + eps);
        factor = v_set(inv);
        EACH_VEC(n, {
            vec z = v_mul(v_sub(IN(x), middle), factor);

            OUT(y, v_fma(z, IN(scale), IN(shift)));
        });
        if (stat) {
            stat[2 * r] = mean;
            stat[2 * r + 1] = inv;
        }
    }
}

void KERNEL_FN(rownorm_dx_f32)(int64_t rows, int n, const float *x, const float *stat,
                               const float *scale, const float *dy, float *dx)
{
    for (int64_t r = 0; r < rows; r++, x += n, dy += n, dx += n) {
        const vec middle = v_set(stat[2 * r]), inv = v_set(stat[2 * r + 1]);
        struct chains sum = chains(v_zero()), dot = chains(v_zero());
        vec mean_g, mean_gz;

        EACH_CHAINED(n, {
            vec g = v_mul(IN(dy), IN(scale)), z = v_mul(v_sub(IN(x), middle), inv);

            sum.of[k] = v_add(sum.of[k], g);
            dot.of[k] = v_fma(g, v_only(part, z, v_zero()), dot.of[k]);
        });
        mean_g = v_set(chains_sum(&sum) / (float)n);
        mean_gz = v_set(chains_sum(&dot) / (float)n);
        EACH_VEC(n, {
            vec z = v_mul(v_sub(IN(x), middle), inv);
            vec g = v_sub(v_mul(IN(dy), IN(scale)), mean_g);

            OUT(dx, v_fma(inv, v_fnma(z, mean_gz, g), IN(dx)));
        });
    }
}

void KERNEL_FN(softmax_f32)(int64_t rows, int n, const float *x, float *y)
{
    const vec least = v_set(-INFINITY);

    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        struct chains top = chains(least), sum = chains(v_zero());
        vec max, share;

        EACH_CHAINED(n, top.of[k] = v_max(v_only(part, IN(x), least), top.of[k]));
        max = v_max(v_max(top.of[0], top.of[1]), v_max(top.of[2], top.of[3]));
        max = v_set(v_largest(max));
        EACH_CHAINED(n, {
            vec e = v_exp(v_sub(IN(x), max));

            OUT(y, e);
            sum.of[k] = v_add(sum.of[k], v_only(part, e, v_zero()));
        });
        share = v_set(1 / chains_sum(&sum));
        EACH_VEC(n, OUT(y, v_mul(IN(y), share)));
    }
}

void KERNEL_FN(softmax_dx_f32)(int64_t rows, int n, const float *y, const float *dy, float *dx)
{
    for (int64_t r = 0; r < rows; r++, y += n, dy += n, dx += n) {
        struct chains sum = chains(v_zero());
        vec dot;

        EACH_CHAINED(n, sum.of[k] = v_fma(IN(y), IN(dy), sum.of[k]));
        dot = v_set(chains_sum(&sum));
        EACH_VEC(n, OUT(dx, v_fma(IN(y), v_sub(IN(dy), dot), IN(dx))));
    }
}
