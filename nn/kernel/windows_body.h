/*
 * windows_body -- pools and depthwise convolution, written once for all vectors
 *
 * Contracts in kernel.h, formulas as in ref.c.  Channels lie in the lanes; what is outside of the
 * picture is skipped.
 *
 * Depthwise, forward: up to PIXELS outputs along a row that meet the same taps are summed side by
 * side in registers, so that a tap's weights, and an input where 3 or 5 taps are neighbours, are
 * loaded once.  Towards the input it is the same sum over the outputs that saw a pixel: of a row's
 * pixels every sw-th meets the same taps, turned around.  The taps that a pixel meets along an axis
 * are an arithmetic progression both ways, so one loop serves any size, step and dilation.  A sum
 * goes tap by tap, rows first, whatever its neighbours are.
 *
 * Depthwise, weights: for a row of outputs the sums of a block of taps are registers, through which
 * the row's gradients pass once.
 */
#include "nn/kernel/cpu.h"
#include "nn/kernel/vec_loop.h"

/* first and past of { t in [0,n) : 0 <= at + t step < size } */
static void inside(int at, int step, int n, int size, int *first, int *past)
{
    *first = at >= 0 ? 0 : (-at + step - 1) / step;
    *past = at >= size ? 0 : (size - at + step - 1) / step;
    if (*past > n)
        *past = n;
    if (*first > *past)
        *first = *past;
}

/* ---- depthwise ------------------------------------------------------------------------------- */

enum { PIXELS = 8 };

/* The taps of an output along one axis: where the first reads, and how much further each next one;
 * the same of the weights.  In numbers. */
struct taps {
    int n;
    int64_t from, step, weight, weight_step;
};

/* An axis of the sum: `n` outputs in `in` inputs, or the other way around. */
struct axis {
    bool back;
    int in, taps, step, apart, pad;
    int64_t size, weight;       /* numbers from an input to the next, from a tap's weights */
};

/* Forward: output `i` sees under tap t the input at i * step - pad + t * apart. */
static struct taps taps_forward(const struct axis *a, int i)
{
    int at = i * a->step - a->pad, first, past;

    inside(at, a->apart, a->taps, a->in, &first, &past);
    return (struct taps){ past - first, (at + first * a->apart) * a->size, a->apart * a->size,
                          first * a->weight, a->weight };
}

static int common(int a, int b)
{
    return b ? common(b, a % b) : a;
}

/* Back: pixel i was seen under tap t by the output at (i + pad - t * apart) / step, where that is a
 * whole number in [0,in): every `every`th tap from the first on, each `down` outputs before. */
static struct taps taps_back(const struct axis *a, int i)
{
    int every = a->step / common(a->step, a->apart), down = a->apart * every / a->step;
    int t = 0, at, skip, last;

    while (t < every && (i + a->pad - t * a->apart) % a->step)
        t++;
    if (t == every)
        return (struct taps){ 0 };
    at = (i + a->pad - t * a->apart) / a->step;
    skip = at < a->in ? 0 : (at - a->in + down) / down;
    last = at < 0 || t >= a->taps ? -1 : (a->taps - 1 - t) / every;
    if (at >= 0 && last > at / down)
        last = at / down;
    if (skip > last)
        return (struct taps){ 0 };
    return (struct taps){ last - skip + 1, (at - skip * down) * a->size, -down * a->size,
                          (t + skip * every) * a->weight, every * a->weight };
}

static struct taps taps_of(const struct axis *a, int i)
{
    return a->back ? taps_back(a, i) : taps_forward(a, i);
}

/* One sum of products: y[...] = start + sum over taps.  start: bias, or nothing, or y as it was. */
struct depthwise {
    struct axis h, w;
    int rows, columns, c, phases;       /* of y; phases: every so many-th column is alike */
    int64_t x_pixel, y_pixel;           /* numbers from a pixel to the next that is alike */
    bool add, strided;                  /* strided: forward, in steps of 2 and more */
    const float *x, *weight, *bias;
    float *y;
};

/* What the next outputs along the row will be the first to read: of the newest row, or rows. */
VEC_FN void ahead(const int pixels, const struct depthwise *d, const struct taps *h,
                  const struct taps *w, const float *x, const float *y)
{
    const float *next = x + (w->step < 0 ? 0 : (w->n - 1) * w->step) + pixels * d->x_pixel;
    const float *row = next + (h->step < 0 ? 0 : (h->n - 1) * h->step);

    UNROLL for (int i = 0; i < pixels; i++)
        v_prefetch(row + i * d->x_pixel);
    if (d->add)
        UNROLL for (int i = 0; i < pixels; i++)
            v_prefetch(y + (pixels + i) * d->y_pixel);
    for (int r = 0; r < d->strided; r++)        /* two steps at once: four times as much is new */
        UNROLL for (int i = 0; i < pixels; i++) {
            v_prefetch(row - (r + 1) * h->step + i * d->x_pixel);
            v_prefetch(row - r * h->step + i * d->x_pixel - w->step);
        }
}

/* A row of `columns` taps, each a pixel on (or back) from the last: an input is loaded once. */
VEC_FN void neighbours(const int pixels, const int columns, const struct part p, const float *in,
                       int64_t step, const float *weight, int64_t next, vec *sum)
{
    vec factor[5];

    UNROLL for (int s = 0; s < columns; s++)
        factor[s] = v_load(weight + s * next, p);
    UNROLL for (int q = 0; q < pixels + columns - 1; q++) {
        vec v = v_load(in + q * step, p);

        UNROLL for (int s = 0; s < columns; s++)
            if (q >= s && q - s < pixels)
                sum[q - s] = v_fma(v, factor[s], sum[q - s]);
    }
}

/* `pixels` outputs that meet the same taps, one vector of channels.  columns: 3 or 5 where these
 * taps are neighbours, else 0. */
VEC_FN void outputs(const int pixels, const int columns, const struct part p,
                    const struct depthwise *d, const struct taps *h, const struct taps *w,
                    const float *x, const float *weight, const float *bias, float *y)
{
    const int64_t x_pixel = d->x_pixel, step = w->step, next = w->weight_step;
    const bool back = step < 0;         /* towards the input: from the last pixel to the first */
    const int64_t y_pixel = columns && back ? -d->y_pixel : d->y_pixel;
    vec sum[PIXELS], start = bias ? v_load(bias, p) : v_zero();

    ahead(pixels, d, h, w, x, y);
    if (columns && back) {
        x += (pixels - 1) * x_pixel;
        y -= (pixels - 1) * y_pixel;
    }
    UNROLL for (int i = 0; i < pixels; i++)
        sum[i] = d->add ? v_load(y + i * y_pixel, p) : start;
    for (int r = h->n; r > 0; r--, x += h->step, weight += h->weight_step) {
        const float *in = x, *f = weight;

        if (columns)
            neighbours(pixels, columns, p, x, step, f, next, sum);
        else
            for (int s = w->n; s > 0; s--, in += step, f += next) {
                vec factor = v_load(f, p);

                UNROLL for (int i = 0; i < pixels; i++)
                    sum[i] = v_fma(v_load(in + i * x_pixel, p), factor, sum[i]);
            }
    }
    UNROLL for (int i = 0; i < pixels; i++)
        v_store(y + i * y_pixel, p, sum[i]);
}

VEC_FN void all_channels(const int pixels, const int columns, const struct depthwise *d,
                         const struct taps *h, const struct taps *w, float *y)
{
    const float *x = d->x + h->from + w->from, *f = d->weight + h->weight + w->weight;
    const float *b = d->bias;
    int c = 0;

    for (; c + LANES <= d->c; c += LANES)
        outputs(pixels, columns, whole(), d, h, w, x + c, f + c, b ? b + c : NULL, y + c);
    if (c < d->c)
        outputs(pixels, columns, first_lanes(d->c - c), d, h, w, x + c, f + c, b ? b + c : NULL,
                y + c);
}

VEC_FN void some_pixels(const int pixels, const struct depthwise *d, const struct taps *h,
                        const struct taps *w, float *y)
{
    bool near = w->step == d->x_pixel || w->step == -d->x_pixel;

    if (near && w->n == 3)
        all_channels(pixels, 3, d, h, w, y);
    else if (near && w->n == 5)
        all_channels(pixels, 5, d, h, w, y);
    else
        all_channels(pixels, 0, d, h, w, y);
}

/* Do n outputs from k on, every phases-th column, meet the taps t?  Then those between do. */
static bool alike(const struct depthwise *d, int column, int n, const struct taps *t)
{
    int64_t last = column + (int64_t)(n - 1) * d->phases;
    struct taps other;

    if (last >= d->columns)
        return false;
    other = taps_of(&d->w, (int)last);
    return other.n == t->n && other.weight == t->weight;
}

static void depthwise_row(const struct depthwise *d, const struct taps *h, int phase, float *y)
{
    int step;

    for (int column = phase; column < d->columns; column += step * d->phases) {
        struct taps w = taps_of(&d->w, column);
        float *out = y + (int64_t)column * d->c;

        if (alike(d, column, 8, &w))
            some_pixels(step = 8, d, h, &w, out);
        else if (alike(d, column, 4, &w))
            some_pixels(step = 4, d, h, &w, out);
        else if (alike(d, column, 2, &w))
            some_pixels(step = 2, d, h, &w, out);
        else
            some_pixels(step = 1, d, h, &w, out);
    }
}

static void depthwise(const struct depthwise *d)
{
    for (int row = 0; row < d->rows; row++) {
        struct taps h = taps_of(&d->h, row);

        for (int phase = 0; phase < d->phases; phase++)
            depthwise_row(d, &h, phase, d->y + (int64_t)row * d->columns * d->c);
    }
}

void KERNEL_FN(dwconv_f32)(const struct nn_window *w, const float *x, const float *weight,
                           const float *bias, float *y)
{
    depthwise(&(struct depthwise){
        .h = { false, w->h, w->kh, w->sh, w->dh, w->pt, w->w * w->pixel, (int64_t)w->kw * w->c },
        .w = { false, w->w, w->kw, w->sw, w->dw, w->pl, w->pixel, w->c },
        .rows = w->oh, .columns = w->ow, .c = w->c, .phases = 1,
        .x_pixel = w->sw * w->pixel, .y_pixel = w->c, .strided = w->sw > 1,
        .x = x, .weight = weight, .bias = bias, .y = y,
    });
}

void KERNEL_FN(dwconv_dx_f32)(const struct nn_window *w, const float *dy, const float *weight,
                              float *dx)
{
    depthwise(&(struct depthwise){
        .h = { true, w->oh, w->kh, w->sh, w->dh, w->pt, (int64_t)w->ow * w->c,
               (int64_t)w->kw * w->c },
        .w = { true, w->ow, w->kw, w->sw, w->dw, w->pl, w->c, w->c },
        .rows = w->h, .columns = w->w, .c = w->c, .phases = w->sw,
        .x_pixel = w->c, .y_pixel = (int64_t)w->sw * w->c,
        .add = true, .x = dy, .weight = weight, .y = dx,
    });
}

/* ---- depthwise, weights ---------------------------------------------------------------------- */

enum { TAP_ROWS = 5, TAP_COLUMNS = 5 };

/* The sums of a block of taps, of which number (0,0) reads x[at + j * step] for output j. */
struct block {
    int64_t at, step, row, column;      /* row, column: to the next tap's number */
    int first[TAP_COLUMNS], past[TAP_COLUMNS];
    vec sum[TAP_ROWS][TAP_COLUMNS];
};

/* One tap column alone, or all of them, for outputs [j,past). */
VEC_FN void tap_sums(const int rows, const int t0, const int t1, const struct part p,
                     struct block *b, int c, int j, int past, const float *x, const float *dy)
{
    for (; j < past; j++) {
        vec g = v_load(dy + (int64_t)j * c, p);
        const float *in = x + b->at + j * b->step + t0 * b->column;

        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int t = t0; t < t1; t++)
                b->sum[r][t] = v_fma(v_load(in + r * b->row + (t - t0) * b->column, p), g,
                                     b->sum[r][t]);
    }
}

/* Adds to the weights of rows x columns taps, column s the first, what a row of outputs says. */
VEC_FN void tap_block(const int rows, const int columns, const struct part p,
                      const struct nn_window *w, int s, int64_t at, const float *x,
                      const float *dy, float *dweight)
{
    struct block b = { .at = at, .step = w->sw * w->pixel, .row = w->dh * w->w * w->pixel,
                       .column = w->dw * w->pixel };
    int from = 0, to = w->ow;           /* outputs that all of the taps see */

    UNROLL for (int t = 0; t < columns; t++) {
        inside((s + t) * w->dw - w->pl, w->sw, w->ow, w->w, &b.first[t], &b.past[t]);
        from = b.first[t] > from ? b.first[t] : from;
        to = b.past[t] < to ? b.past[t] : to;
        UNROLL for (int r = 0; r < rows; r++)
            b.sum[r][t] = v_zero();
    }
    to = to < from ? from : to;
    UNROLL for (int t = 0; t < columns; t++)
        tap_sums(rows, t, t + 1, p, &b, w->c, b.first[t], b.past[t] < from ? b.past[t] : from, x,
                 dy);
    tap_sums(rows, 0, columns, p, &b, w->c, from, to, x, dy);
    UNROLL for (int t = 0; t < columns; t++)
        tap_sums(rows, t, t + 1, p, &b, w->c, b.first[t] > to ? b.first[t] : to, b.past[t], x, dy);
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int t = 0; t < columns; t++) {
            float *d = dweight + (int64_t)(r * w->kw + t) * w->c;

            v_store(d, p, v_add(v_load(d, p), b.sum[r][t]));
        }
}

VEC_FN void block_channels(const int rows, const int columns, const struct nn_window *w, int s,
                           int64_t at, const float *x, const float *dy, float *dweight)
{
    int c = 0;

    for (; c + LANES <= w->c; c += LANES)
        tap_block(rows, columns, whole(), w, s, at + c, x, dy + c, dweight + c);
    if (c < w->c)
        tap_block(rows, columns, first_lanes(w->c - c), w, s, at + c, x, dy + c, dweight + c);
}

/* All columns of so many rows of taps. */
VEC_FN void tap_rows(const int rows, const struct nn_window *w, int64_t at, const float *x,
                     const float *dy, float *dweight)
{
    for (int s = 0, n; s < w->kw; s += n) {
        int left = w->kw - s;
        float *d = dweight + (int64_t)s * w->c;
        int64_t first = at + s * w->dw * w->pixel;

        if (left >= 5)
            block_channels(rows, n = 5, w, s, first, x, dy, d);
        else if (left >= 3)
            block_channels(rows, n = 3, w, s, first, x, dy, d);
        else
            block_channels(rows, n = 1, w, s, first, x, dy, d);
    }
}

void KERNEL_FN(dwconv_dw_f32)(const struct nn_window *w, const float *x, const float *dy,
                              float *dweight)
{
    const bool many = VEC_REGISTERS >= 32;      /* 5 x 5 sums are registers */

    for (int i = 0; i < w->oh; i++, dy += (int64_t)w->ow * w->c) {
        int y = i * w->sh - w->pt, r, past;

        inside(y, w->dh, w->kh, w->h, &r, &past);
        for (int n; r < past; r += n) {
            int64_t at = ((int64_t)(y + r * w->dh) * w->w - w->pl) * w->pixel;
            float *d = dweight + (int64_t)r * w->kw * w->c;

            if (many && past - r >= 5 && w->kw >= 5)
                tap_rows(n = 5, w, at, x, dy, d);
            else if (past - r >= 3 && (many || w->kw < 5))
                tap_rows(n = 3, w, at, x, dy, d);
            else if (past - r >= 2)
                tap_rows(n = 2, w, at, x, dy, d);
            else
                tap_rows(n = 1, w, at, x, dy, d);
        }
    }
}

/* ---- pools ----------------------------------------------------------------------------------- */

enum { BLOCK = 4 };             /* vectors of channels side by side */

/* The taps [r0,r1) x [s0,s1) of an output that lie in the picture, and the number of its first;
 * what is read `ahead` of it is on its way from memory until then. */
struct span {
    int r0, r1, s0, s1;
    int64_t at, ahead;
};

static struct span span(const struct nn_window *w, int i, int j)
{
    int y = i * w->sh - w->pt, x = j * w->sw - w->pl;
    struct span s;

    inside(y, w->dh, w->kh, w->h, &s.r0, &s.r1);
    inside(x, w->dw, w->kw, w->w, &s.s0, &s.s1);
    s.at = ((int64_t)(y + s.r0 * w->dh) * w->w + x + s.s0 * w->dw) * w->pixel;
    s.ahead = w->sw * w->pixel;
    s.ahead *= 1 + 1024 / s.ahead;
    return s;
}

/* The statement for every tap of span s, with its number `at`. */
#define EACH_TAP(w, s, c, ...)                                                                     \
    for (int r = (s)->r0; r < (s)->r1; r++) {                                                      \
        int64_t at = (s)->at + (int64_t)(r - (s)->r0) * (w)->dh * (w)->w * (w)->pixel + (c);       \
                                                                                                   \
        for (int t = (s)->s0; t < (s)->s1; t++, at += (w)->dw * (w)->pixel) {                      \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    }

/* The largest of `width` vectors of channels; at y[out]. */
VEC_FN void largest(const int width, const struct part p, const struct nn_window *w,
                    const struct span *s, int c, const float *x, float *y, int32_t *where)
{
    vec best[BLOCK];
    vint arg[BLOCK];

    UNROLL for (int k = 0; k < width; k++) {
        best[k] = v_load(x + s->at + c + k * LANES, p);
        arg[k] = v_count_from((int32_t)s->at + c + k * LANES);
    }
    if (where) {
        EACH_TAP(w, s, c, UNROLL for (int k = 0; k < width; k++) {
            vec v = v_load(x + at + k * LANES, p);
            vmask better = v_beats(v, best[k]);

            best[k] = v_select(better, v, best[k]);
            arg[k] = v_select_int(better, v_count_from((int32_t)at + k * LANES), arg[k]);
        })
        UNROLL for (int k = 0; k < width; k++)
            v_store_int(where + c + k * LANES, p, arg[k]);
    } else {
        EACH_TAP(w, s, c, UNROLL for (int k = 0; k < width; k++) {
            vec v = v_load(x + at + k * LANES, p);

            best[k] = v_select(v_beats(v, best[k]), v, best[k]);
        })
    }
    UNROLL for (int k = 0; k < width; k++)
        v_store(y + c + k * LANES, p, best[k]);
}

/* call(width, part, channel) for all channels */
#define EACH_CHANNELS(w, call, ...)                                                                \
    do {                                                                                           \
        int at = 0;                                                                                \
                                                                                                   \
        for (; at + BLOCK * LANES <= (w)->c; at += BLOCK * LANES)                                  \
            call(BLOCK, whole(), w, &s, at, __VA_ARGS__);                                          \
        for (; at + LANES <= (w)->c; at += LANES)                                                  \
            call(1, whole(), w, &s, at, __VA_ARGS__);                                              \
        if (at < (w)->c)                                                                           \
            call(1, first_lanes((w)->c - at), w, &s, at, __VA_ARGS__);                             \
    } while (0)

void KERNEL_FN(maxpool_f32)(const struct nn_window *w, const float *x, float *y, int32_t *where)
{
    for (int i = 0; i < w->oh; i++)
        for (int j = 0; j < w->ow; j++, y += w->c) {
            struct span s = span(w, i, j);

            EACH_CHANNELS(w, largest, x, y, where);
            where = where ? where + w->c : NULL;
        }
}

/* What the sum under a window is divided by. */
static float places(const struct nn_window *w, const struct span *s, bool all)
{
    int n = all ? w->kh * w->kw : (s->r1 - s->r0) * (s->s1 - s->s0);

    return (float)(n ? n : 1);
}

VEC_FN void mean(const int width, const struct part p, const struct nn_window *w,
                 const struct span *s, int c, float n, const float *x, float *y)
{
    vec sum[BLOCK];

    UNROLL for (int k = 0; k < width; k++)
        sum[k] = v_zero();
    EACH_TAP(w, s, c, UNROLL for (int k = 0; k < width; k++)
        sum[k] = v_add(sum[k], v_load(x + at + k * LANES, p)))
    UNROLL for (int k = 0; k < width; k++)
        v_store(y + c + k * LANES, p, v_div(sum[k], v_set(n)));
}

void KERNEL_FN(avgpool_f32)(const struct nn_window *w, bool all, const float *x, float *y)
{
    for (int i = 0; i < w->oh; i++)
        for (int j = 0; j < w->ow; j++, y += w->c) {
            struct span s = span(w, i, j);

            EACH_CHANNELS(w, mean, places(w, &s, all), x, y);
        }
}

VEC_FN void spread(const int width, const struct part p, const struct nn_window *w,
                   const struct span *s, int c, float n, const float *dy, float *dx)
{
    vec g[BLOCK];

    UNROLL for (int k = 0; k < width; k++)
        g[k] = v_div(v_load(dy + c + k * LANES, p), v_set(n));
    EACH_TAP(w, s, c, UNROLL for (int k = 0; k < width; k++) {
        float *d = dx + at + k * LANES;

        v_store(d, p, v_add(v_load(d, p), g[k]));
    })
}

void KERNEL_FN(avgpool_dx_f32)(const struct nn_window *w, bool all, const float *dy, float *dx)
{
    for (int i = 0; i < w->oh; i++)
        for (int j = 0; j < w->ow; j++, dy += w->c) {
            struct span s = span(w, i, j);

            EACH_CHANNELS(w, spread, places(w, &s, all), dy, dx);
        }
}
