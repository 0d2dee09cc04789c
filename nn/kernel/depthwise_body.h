/*
 * depthwise_body -- depthwise convolution, written once for all vectors
 *
 * Contracts in kernel.h, formulas as in ref.c.  Channels lie in the lanes.  Square windows of 3, 5
 * and 7 pixels in steps of 1 and 2 are those of sweep_body.h; this is for all others, and for the
 * channels that are no whole vector.  What is outside of the picture is skipped.
 *
 * Forward: up to PIXELS outputs along a row that meet the same taps are summed side by side in
 * registers, so that a tap's weights, and an input where 3 or 5 taps are neighbours, are loaded
 * once.  Towards the input it is the same sum over the outputs that saw a pixel: of a row's pixels
 * every sw-th meets the same taps, turned around.  The taps that a pixel meets along an axis are an
 * arithmetic progression both ways, so one loop serves any size, step and dilation.  A sum goes tap
 * by tap, rows first, whatever its neighbours are.
 *
 * Weights: for a row of outputs the sums of a block of taps are registers, through which the row's
 * gradients pass once.
 */
#include "nn/kernel/cpu.h"
#include "nn/kernel/span.h"
#include "nn/kernel/vec_loop.h"

#include <math.h>

VEC_FN void ask(const bool half, const void *x, int64_t at)
{
    v_prefetch((const char *)x + at * (half ? 2 : 4));
}

#include "nn/kernel/sweep_body.h"

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
    int from;                           /* the first channel */
    bool add, strided;                  /* strided: forward, in steps of 2 and more */
    float lo, hi;                       /* y is cut to */
    const void *x;                      /* x and y are floats, or bf16 */
    const float *weight, *bias;
    void *y;
};

/* Where a vector of channels of an output reads and writes: numbers of the arrays. */
struct place {
    int64_t x, weight, y;
    int c;
};

/* What the next outputs along the row will be the first to read: of the newest row, or rows. */
VEC_FN void ahead(const int pixels, const bool half, const struct depthwise *d,
                  const struct taps *h, const struct taps *w, const struct place *at)
{
    int64_t row = at->x + pixels * d->x_pixel + (w->step < 0 ? 0 : (w->n - 1) * w->step) +
                  (h->step < 0 ? 0 : (h->n - 1) * h->step);

    UNROLL for (int i = 0; i < pixels; i++) {
        ask(half, d->x, row + i * d->x_pixel);
        if (d->add)
            ask(half, d->y, at->y + (pixels + i) * d->y_pixel);
    }
    if (d->strided)             /* two steps at once: four times as much is new */
        UNROLL for (int i = 0; i < pixels; i++) {
            ask(half, d->x, row - h->step + i * d->x_pixel);
            ask(half, d->x, row - w->step + i * d->x_pixel);
        }
}

/* A row of `columns` taps, each a pixel on (or back) from the last: an input is loaded once. */
VEC_FN void neighbours(const int pixels, const int columns, const bool half, const struct part p,
                       const void *x, int64_t at, int64_t step, const float *weight, int64_t next,
                       vec *sum)
{
    vec factor[5];

    UNROLL for (int s = 0; s < columns; s++)
        factor[s] = v_load(weight + s * next, p);
    UNROLL for (int q = 0; q < pixels + columns - 1; q++) {
        vec v = get(x, half, at + q * step, p);

        UNROLL for (int s = 0; s < columns; s++)
            if (q >= s && q - s < pixels)
                sum[q - s] = v_fma(v, factor[s], sum[q - s]);
    }
}

/* `pixels` outputs that meet the same taps, one vector of channels.  columns: 3 or 5 where these
 * taps are neighbours, else 0. */
VEC_FN void outputs(const int pixels, const int columns, const bool half, const struct part p,
                    const struct depthwise *d, const struct taps *h, const struct taps *w,
                    const struct place *at)
{
    const bool back = columns && w->step < 0;   /* from the last pixel to the first */
    const int64_t x_pixel = d->x_pixel, y_pixel = back ? -d->y_pixel : d->y_pixel;
    int64_t x = at->x, y = at->y;
    const float *weight = d->weight + at->weight;
    vec sum[PIXELS], start = d->bias ? v_load(d->bias + at->c, p) : v_zero();

    ahead(pixels, half, d, h, w, at);
    if (back) {
        x += (pixels - 1) * x_pixel;
        y -= (pixels - 1) * y_pixel;
    }
    UNROLL for (int i = 0; i < pixels; i++)
        sum[i] = d->add ? get(d->y, half, y + i * y_pixel, p) : start;
    for (int r = h->n; r > 0; r--, x += h->step, weight += h->weight_step) {
        const float *f = weight;
        int64_t in = x;

        if (columns)
            neighbours(pixels, columns, half, p, d->x, x, w->step, f, w->weight_step, sum);
        else
            for (int s = w->n; s > 0; s--, in += w->step, f += w->weight_step) {
                vec factor = v_load(f, p);

                UNROLL for (int i = 0; i < pixels; i++)
                    sum[i] = v_fma(get(d->x, half, in + i * x_pixel, p), factor, sum[i]);
            }
    }
    UNROLL for (int i = 0; i < pixels; i++)
        put(d->y, half, y + i * y_pixel, p, v_min(v_set(d->hi), v_max(v_set(d->lo), sum[i])));
}

VEC_FN void all_channels(const int pixels, const int columns, const bool half,
                         const struct depthwise *d, const struct taps *h, const struct taps *w,
                         int64_t y)
{
    const int from = d->from;
    struct place at = { h->from + w->from + from, h->weight + w->weight + from, y + from, from };

    for (; at.c + LANES <= d->c; at.c += LANES) {
        outputs(pixels, columns, half, whole(), d, h, w, &at);
        at.x += LANES;
        at.weight += LANES;
        at.y += LANES;
    }
    if (at.c < d->c)
        outputs(pixels, columns, half, first_lanes(d->c - at.c), d, h, w, &at);
}

VEC_FN void some_pixels(const int pixels, const bool half, const struct depthwise *d,
                        const struct taps *h, const struct taps *w, int64_t y)
{
    bool near = w->step == d->x_pixel || w->step == -d->x_pixel;

    if (near && w->n == 3)
        all_channels(pixels, 3, half, d, h, w, y);
    else if (near && w->n == 5)
        all_channels(pixels, 5, half, d, h, w, y);
    else
        all_channels(pixels, 0, half, d, h, w, y);
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

VEC_FN void depthwise_row(const bool half, const struct depthwise *d, const struct taps *h,
                          int phase, int64_t y)
{
    int step;

    for (int column = phase; column < d->columns; column += step * d->phases) {
        struct taps w = taps_of(&d->w, column);
        int64_t out = y + (int64_t)column * d->c;

        if (alike(d, column, 8, &w))
            some_pixels(step = 8, half, d, h, &w, out);
        else if (alike(d, column, 4, &w))
            some_pixels(step = 4, half, d, h, &w, out);
        else
            some_pixels(step = 1, half, d, h, &w, out);
    }
}

/* Is a row of y one sweep?  Then *how. */
static bool sweeps(const struct depthwise *d, enum direction *how)
{
    const struct axis *h = &d->h, *w = &d->w;
    int taps = w->taps;

    if (h->taps != taps || (taps != 3 && taps != 5 && taps != 7) || w->apart != 1)
        return false;
    *how = w->step == 1 ? PULL : w->back ? PUSH_TWO : PULL_TWO;
    if (w->step > 2 || (w->back && w->pad >= taps))
        return false;
    return !w->back || (h->step == w->step && h->apart == 1);
}

/* The rows that a row of y sees come last, the newest at the end. */
static struct sweep sweep_of(const struct depthwise *d, enum direction how, const struct taps *h,
                             bool half, int64_t y)
{
    const int taps = d->w.taps, rows = how == PUSH_TWO ? (taps + 1) / 2 : taps, size = half ? 2 : 4;
    const bool turned = d->w.back && how == PULL;
    struct sweep s = {
        .in = d->w.in, .out = d->columns, .pad = turned ? taps - 1 - d->w.pad : d->w.pad,
        .x_pixel = d->w.size, .y_pixel = d->c, .next = d->h.size,
        .y_next = (int64_t)d->columns * d->c,
        .add = d->add, .lo = d->lo, .hi = d->hi, .bias = d->bias,
        .weight_step = turned ? -d->w.weight : d->w.weight, .y = (char *)d->y + y * size,
    };

    for (int r = 0; r < rows; r++)
        s.x[r] = (const char *)d->x + (h->n ? h->from : 0) * size;
    for (int r = 0; r < h->n; r++) {
        int at = d->h.back ? rows - 1 - r : rows - h->n + r;

        s.x[at] = (const char *)d->x + (h->from + r * h->step) * size;
        s.weight[at] = d->weight + h->weight + r * h->weight_step;
        if (turned)
            s.weight[at] += (taps - 1) * d->w.weight;
    }
    return s;
}

VEC_FN void depthwise(const bool half, struct depthwise *d)
{
    enum direction how = PULL;
    bool fast = sweeps(d, &how);

    for (int row = 0; row < d->rows; row++) {
        struct taps h = taps_of(&d->h, row);
        int64_t y = (int64_t)row * d->columns * d->c;

        if (fast) {
            struct sweep s = sweep_of(d, how, &h, half, y);

            d->from = (int)sweep_row(how, d->w.taps, half, &s, d->c);
        }
        for (int phase = 0; phase < d->phases && d->from < d->c; phase++)
            depthwise_row(half, d, &h, phase, y);
    }
}

static struct depthwise forward(const struct nn_window *w, const void *x, const float *weight,
                                const float *bias, float lo, float hi, void *y)
{
    return (struct depthwise){
        .h = { false, w->h, w->kh, w->sh, w->dh, w->pt, w->w * w->pixel, (int64_t)w->kw * w->c },
        .w = { false, w->w, w->kw, w->sw, w->dw, w->pl, w->pixel, w->c },
        .rows = w->oh, .columns = w->ow, .c = w->c, .phases = 1,
        .x_pixel = w->sw * w->pixel, .y_pixel = w->c, .strided = w->sw > 1,
        .lo = lo, .hi = hi, .x = x, .weight = weight, .bias = bias, .y = y,
    };
}

static struct depthwise backward(const struct nn_window *w, bool add, const void *dy,
                                 const float *weight, void *dx)
{
    return (struct depthwise){
        .h = { true, w->oh, w->kh, w->sh, w->dh, w->pt, (int64_t)w->ow * w->c,
               (int64_t)w->kw * w->c },
        .w = { true, w->ow, w->kw, w->sw, w->dw, w->pl, w->c, w->c },
        .rows = w->h, .columns = w->w, .c = w->c, .phases = w->sw,
        .x_pixel = w->c, .y_pixel = (int64_t)w->sw * w->c, .add = add,
        .lo = -INFINITY, .hi = INFINITY, .x = dy, .weight = weight, .y = dx,
    };
}

void KERNEL_FN(dwconv_f32)(const struct nn_window *w, const float *x, const float *weight,
                           const float *bias, float *y)
{
    struct depthwise d = forward(w, x, weight, bias, -INFINITY, INFINITY, y);

    depthwise(false, &d);
}

void KERNEL_FN(dwconv_bf16)(const struct nn_window *w, const bf16 *x, const float *weight,
                            const float *bias, float lo, float hi, bf16 *y)
{
    struct depthwise d = forward(w, x, weight, bias, lo, hi, y);

    depthwise(true, &d);
}

void KERNEL_FN(dwconv_dx_f32)(const struct nn_window *w, const float *dy, const float *weight,
                              float *dx)
{
    struct depthwise d = backward(w, true, dy, weight, dx);

    depthwise(false, &d);
}

void KERNEL_FN(dwconv_dx_bf16)(const struct nn_window *w, const bf16 *dy, const float *weight,
                               bool add, bf16 *dx)
{
    struct depthwise d = backward(w, add, dy, weight, dx);

    depthwise(true, &d);
}

/* ---- depthwise, weights ---------------------------------------------------------------------- */

enum { TAP_ROWS = 5, TAP_COLUMNS = 5 };

/* A block of rows x columns taps for a row of outputs: number (0,0) reads x[at + j * step] for
 * output j.  Tap column t of it is seen by the outputs [first,past). */
struct block {
    int rows, columns;
    bool strided;
    int64_t at, step, row, column;      /* row, column: to the next tap's number */
    int start, c;               /* channels from start on */
    int first[TAP_COLUMNS], past[TAP_COLUMNS], from, to;     /* from, to: seen by all columns */
    const void *x, *dy;
    float *dweight;
    int64_t weight_row;
};

/* What only some of the columns see, tap by tap. */
static void edges(const struct block *b, const bool half, const struct part p, int c)
{
    for (int r = 0; r < b->rows; r++)
        for (int t = 0; t < b->columns; t++) {
            float *d = b->dweight + r * b->weight_row + (int64_t)t * b->c + c;
            int64_t at = b->at + r * b->row + t * b->column + c;
            vec sum = v_load(d, p);

            for (int j = b->first[t]; j < b->past[t]; j++) {
                if (j == b->from)
                    j = b->to;
                if (j < b->past[t])
                    sum = v_fma(get(b->x, half, at + j * b->step, p),
                                get(b->dy, half, (int64_t)j * b->c + c, p), sum);
            }
            v_store(d, p, sum);
        }
}

/* The outputs that all taps see, in registers. */
VEC_FN void middle(const int rows, const int columns, const bool half, const struct part p,
                   const struct block *b, int c)
{
    vec sum[TAP_ROWS][TAP_COLUMNS];

    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int t = 0; t < columns; t++)
            sum[r][t] = v_zero();
    for (int j = b->from; j < b->to; j++) {
        vec g = get(b->dy, half, (int64_t)j * b->c + c, p);
        int64_t at = b->at + j * b->step + c;
        int64_t newest = at + (rows - 1) * b->row + (columns - 1) * b->column + LANES;

        ask(half, b->dy, (int64_t)j * b->c + c + LANES);        /* for the next channels */
        ask(half, b->x, newest);
        if (b->strided) {
            ask(half, b->x, newest - b->row);
            ask(half, b->x, newest - b->column);
        }
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int t = 0; t < columns; t++)
                sum[r][t] = v_fma(get(b->x, half, at + r * b->row + t * b->column, p), g,
                                  sum[r][t]);
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int t = 0; t < columns; t++) {
            float *d = b->dweight + r * b->weight_row + (int64_t)t * b->c + c;

            v_store(d, p, v_add(v_load(d, p), sum[r][t]));
        }
}

VEC_FN void tap_block(const int rows, const int columns, const bool half, struct block *b)
{
    int c = b->start;

    b->rows = rows;
    b->columns = columns;
    for (; c + LANES <= b->c; c += LANES) {
        middle(rows, columns, half, whole(), b, c);
        edges(b, half, whole(), c);
    }
    if (c < b->c) {
        middle(rows, columns, half, first_lanes(b->c - c), b, c);
        edges(b, half, first_lanes(b->c - c), c);
    }
}

VEC_FN void tap_columns(const int rows, const int columns, const bool half,
                        const struct nn_window *w, int start, int s, int64_t at, const void *x,
                        const void *dy, float *dweight)
{
    struct block b = { .start = start, .strided = w->sw > 1,
                       .at = at + s * w->dw * w->pixel, .step = w->sw * w->pixel,
                       .row = w->dh * w->w * w->pixel, .column = w->dw * w->pixel, .c = w->c,
                       .from = 0, .to = w->ow, .x = x, .dy = dy,
                       .dweight = dweight + (int64_t)s * w->c,
                       .weight_row = (int64_t)w->kw * w->c };

    for (int t = 0; t < columns; t++) {
        inside((s + t) * w->dw - w->pl, w->sw, w->ow, w->w, &b.first[t], &b.past[t]);
        b.from = b.first[t] > b.from ? b.first[t] : b.from;
        b.to = b.past[t] < b.to ? b.past[t] : b.to;
    }
    b.to = b.to < b.from ? b.from : b.to;
    tap_block(rows, columns, half, &b);
}

VEC_FN void weights(const bool half, const struct nn_window *w, const void *x, const void *dy,
                    float *dweight)
{
    const int many = VEC_REGISTERS >= 32 ? 5 : 2;       /* rows of 5 sums that are registers */
    const bool fast = (w->kw == 3 || w->kw == 5 || w->kw == 7) && w->dw == 1 && w->sw <= 2;
    int start = 0;

    for (int i = 0; i < w->oh; i++) {
        const void *g = (const char *)dy + (int64_t)i * w->ow * w->c * (half ? 2 : 4);
        int y = i * w->sh - w->pt, first, past;

        inside(y, w->dh, w->kh, w->h, &first, &past);
        if (fast)
            start = (int)weigh_row(half, w, y, first, past, x, g, dweight);
        for (int s = 0, columns; s < w->kw && start < w->c; s += columns) {
            columns = w->kw - s >= 5 ? 5 : w->kw - s >= 3 ? 3 : 1;
            for (int r = first, rows; r < past; r += rows) {
                int64_t at = ((int64_t)(y + r * w->dh) * w->w - w->pl) * w->pixel;
                float *d = dweight + (int64_t)r * w->kw * w->c;

                if (columns == 5 && past - r >= many)
                    tap_columns(rows = many, 5, half, w, start, s, at, x, g, d);
                else if (columns == 5)
                    tap_columns(rows = 1, 5, half, w, start, s, at, x, g, d);
                else if (columns == 3 && past - r >= 3)
                    tap_columns(rows = 3, 3, half, w, start, s, at, x, g, d);
                else if (columns == 3)
                    tap_columns(rows = 1, 3, half, w, start, s, at, x, g, d);
                else
                    tap_columns(rows = 1, 1, half, w, start, s, at, x, g, d);
            }
        }
    }
}

void KERNEL_FN(dwconv_dw_f32)(const struct nn_window *w, const float *x, const float *dy,
                              float *dweight)
{
    weights(false, w, x, dy, dweight);
}

void KERNEL_FN(dwconv_dw_bf16)(const struct nn_window *w, const bf16 *x, const bf16 *dy,
                               float *dweight)
{
    weights(true, w, x, dy, dweight);
}

