/*
 * resize -- part of a picture at another size, antialiased
 *
 * Along each axis, with `in` pixels of which the part [x,x+w) becomes `out` pixels:
 *
 *   x, x+w  in single precision, and so their difference
 *   scale   = w / out, widen = max(1, scale), support = widen * (bilinear 1, bicubic 2)
 *   centre  = x + (i + 0.5) * scale                         of output i, in pixels of the picture
 *   inputs  j from trunc(centre - support + 0.5) up to but without trunc(centre + support + 0.5),
 *           those that the picture has: beside the part too, nothing beyond the edge
 *   v(j)    = f((j + 0.5 - centre) / widen)
 *             bilinear f(t) = 1 - |t| for |t| < 1; bicubic f(t) = 1.5|t|^3 - 2.5|t|^2 + 1 for
 *             |t| < 1, -0.5|t|^3 + 2.5|t|^2 - 4|t| + 2 for |t| < 2 (Keys 1981, a = -0.5); else 0
 *   weight  = 2^22 * v(j) / total of v, rounded to the nearest whole number, halves away from 0
 *   output  = (sum of weight * sample + 2^21) >> 22, held to 0..255
 *
 * Across first, rounded to 8 bits, then down.  That is what Pillow's Image.resize computes with a
 * box, bit by bit (up to version 12: later ones go down first where the height shrinks much more
 * than the width.  To bilinear the order matters by a level at most; bicubic overshoots at edges of
 * full contrast, and what the first pass cuts off of that depends on its direction.  One order for
 * all pictures is the simpler rule).  The weights are doubles summed in one order, all behind them
 * is integers: the same bits on every processor.  Weights sum to 2^22 but for their rounding, so a
 * picture of one colour keeps it up to 16,000 inputs of an output at least.
 */
#include "data/resize.h"

#include "nn/base/cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const data_filter_names[] = { "bilinear", "bicubic", NULL };

/* ---- weights --------------------------------------------------------------------------------- */

struct axis {
    int in, out;
    double from, scale, widen, support;
    enum data_filter filter;
    int span;                   /* inputs of an output, at most */
    struct data_resize_pass pass;
    int32_t *first;             /* pass.first and pass.weight, while they are made */
    int16_t *weight;
};

static inline double filter_at(enum data_filter filter, double t)
{
    t = fabs(t);
    if (filter == DATA_BILINEAR)
        return t < 1 ? 1 - t : 0;
    return t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

static inline double centre_of(const struct axis *a, int i)
{
    return a->from + (i + 0.5) * a->scale;
}

/* The inputs [*lo,*hi) of output i: at least one, since its centre lies inside. */
static inline void window(const struct axis *a, int i, int *lo, int *hi)
{
    double centre = centre_of(a, i);

    *lo = (int)(centre - a->support + 0.5);
    *hi = (int)(centre + a->support + 0.5);
    *lo = *lo < 0 ? 0 : *lo;
    *hi = *hi > a->in ? a->in : *hi;
}

static void axis_of(struct axis *a, int in, double from, double to, int out,
                    enum data_filter filter)
{
    float size = (float)to - (float)from;

    *a = (struct axis){ .in = in, .out = out, .from = (float)from, .scale = (double)size / out,
                        .filter = filter };
    a->widen = a->scale > 1 ? a->scale : 1;
    a->support = a->widen * (filter == DATA_BICUBIC ? 2 : 1);
    if (a->scale == 1 && a->from == floor(a->from))
        a->support = 0.5;       /* one weight is 1, the others 0: leave them out */
    for (int i = 0; i < out; i++) {
        int lo, hi;

        window(a, i, &lo, &hi);
        a->span = hi - lo > a->span ? hi - lo : a->span;
    }
    a->pass.n = out;
    a->pass.taps = a->span + (a->span & 1);
}

static void put_weight(int16_t *w, int taps, double v)
{
    int32_t whole = (int32_t)(v * (1 << DATA_RESIZE_BITS) + (v < 0 ? -0.5 : 0.5));
    int32_t low = whole & ((1 << DATA_RESIZE_LOW) - 1);

    w[0] = (int16_t)low;
    w[taps] = (int16_t)((whole - low) / (1 << DATA_RESIZE_LOW));
}

/* v: room for `span` numbers.  Windows of `taps` inputs lie inside where that is possible. */
static void weigh(struct axis *a, double *v)
{
    int taps = a->pass.taps;
    double narrow = 1 / a->widen;

    memset(a->weight, 0, (size_t)a->out * 2 * (size_t)taps * sizeof *a->weight);
    for (int i = 0; i < a->out; i++) {
        double centre = centre_of(a, i), total = 0;
        int16_t *w = a->weight + (size_t)i * 2 * (size_t)taps;
        int lo, hi, first;

        window(a, i, &lo, &hi);
        for (int j = lo; j < hi; j++) {
            v[j - lo] = filter_at(a->filter, (j - centre + 0.5) * narrow);
            total += v[j - lo];
        }
        first = lo + taps <= a->in ? lo : a->in > taps ? a->in - taps : 0;
        for (int j = lo; j < hi; j++)
            put_weight(w + (j - first), taps, v[j - lo] / total);
        a->first[i] = first;
    }
    a->pass.first = a->first;
    a->pass.weight = a->weight;
}

/* ---- passes ---------------------------------------------------------------------------------- */

struct work {
    const struct data_resize_job *r;
    data_resize_across_fn *across_fn;
    data_resize_down_fn *down_fn;
    struct axis across, down;
    int columns;                /* of the result that are done at a time */
    int slots;                  /* rows of them that are kept, in a ring */
    size_t slot_bytes, tail_bytes;
    uint8_t *ring, *tail;       /* [slots][slot_bytes], [ROWS][tail_bytes] */
    const uint8_t **row;        /* [down.pass.taps] */
    double *v;                  /* of one output's weights */
};

static size_t round_up(size_t n)
{
    return (n + DATA_RESIZE_SLACK - 1) / DATA_RESIZE_SLACK * DATA_RESIZE_SLACK;
}

/* The next `bytes` of the block at *at, aligned; with block NULL it only counts. */
static void *take(uint8_t *block, size_t *at, size_t bytes)
{
    void *p = block ? block + *at : NULL;

    *at += round_up(bytes);
    return p;
}

/* Lays the scratch out in `block`, and returns what it takes.  No overflow: sides are at most 2^20,
 * so weights (4 an input and 4 an output at most) and rows are below 2^32 bytes. */
static size_t lay_out(struct work *k, uint8_t *block)
{
    struct axis *axes[] = { &k->across, &k->down };
    int widest = k->across.span > k->down.span ? k->across.span : k->down.span;
    size_t at = 0;

    for (int i = 0; i < 2; i++) {
        struct axis *a = axes[i];
        size_t n = (size_t)a->out;

        a->first = take(block, &at, n * sizeof *a->first);
        a->weight = take(block, &at, n * 2 * (size_t)a->pass.taps * sizeof *a->weight);
    }
    k->v = take(block, &at, (size_t)widest * sizeof *k->v);
    k->row = take(block, &at, (size_t)k->down.pass.taps * sizeof *k->row);
    k->tail = take(block, &at, DATA_RESIZE_ROWS * k->tail_bytes);
    k->ring = take(block, &at, (size_t)k->slots * k->slot_bytes);
    return at;
}

/* As many columns at a time as keep the ring within 4 MiB: a thread of a picture that becomes wide
 * would want gigabytes. */
static void choose_columns(struct work *k)
{
    enum { LEAST = 16 };
    size_t fit;

    k->slots = k->down.pass.taps + DATA_RESIZE_ROWS;
    fit = ((size_t)4 << 20) / (3 * (size_t)k->slots) / LEAST * LEAST;
    fit = fit < LEAST ? LEAST : fit;
    k->columns = (size_t)k->across.out < fit ? k->across.out : (int)fit;
    k->slot_bytes = round_up(3 * (size_t)k->columns + DATA_RESIZE_SLACK);
    k->tail_bytes = round_up(3 * (size_t)k->across.in + DATA_RESIZE_SLACK);
}

static void choose_kernels(struct work *k)
{
    unsigned can = (cpu_can() & ~k->r->without) | CPU_ref;

#define RESIZE(pass, isa) \
    if (can & CPU_##isa) \
        k->pass##_fn = data_resize_##pass##_##isa;
#include "data/resize.def"
#undef RESIZE
}

/* Row y as the kernels may read it: the last ones, copied to where they may reach behind it. */
static const uint8_t *source_row(struct work *k, int y, int i)
{
    const struct data_resize_job *r = k->r;
    size_t bytes = 3 * (size_t)r->width, left = (size_t)(r->height - 1 - y);
    const uint8_t *s = r->src + (size_t)y * r->stride;
    uint8_t *copy = k->tail + (size_t)i * k->tail_bytes;

    if (left > DATA_RESIZE_SLACK || left * r->stride >= DATA_RESIZE_SLACK)
        return s;
    memcpy(copy, s, bytes);
    memset(copy + bytes, 0, k->tail_bytes - bytes);
    return copy;
}

static uint8_t *slot(const struct work *k, int y)
{
    return k->ring + (size_t)(y % k->slots) * k->slot_bytes;
}

/* Rows y .. of the part's columns into the ring.  Behind the last the last again. */
static void across(struct work *k, const struct data_resize_pass *p, int y)
{
    const uint8_t *rows[DATA_RESIZE_ROWS];
    uint8_t *out[DATA_RESIZE_ROWS];

    for (int i = 0; i < DATA_RESIZE_ROWS; i++) {
        rows[i] = y + i < k->r->height || i == 0 ? source_row(k, y + i, i) : rows[i - 1];
        out[i] = slot(k, y + i);
    }
    k->across_fn(p, rows, out);
}

/* Columns [first,first+n) of the result. */
static void columns(struct work *k, int first, int n, uint8_t *out)
{
    const struct data_resize_pass *down = &k->down.pass;
    struct data_resize_pass p = k->across.pass;
    int next = down->first[0], end = k->r->height;

    p.n = n;
    p.first += first;
    p.weight += (size_t)first * 2 * (size_t)p.taps;
    for (int i = 0; i < down->n; i++) {
        int y = down->first[i];

        for (; next < y + down->taps && next < end; next += DATA_RESIZE_ROWS)
            across(k, &p, next);
        for (int t = 0; t < down->taps; t++)        /* the even tap has weight 0 if it is outside */
            k->row[t] = slot(k, y + t < end ? y + t : end - 1);
        k->down_fn(3 * n, down->taps, down->weight + (size_t)i * 2 * (size_t)down->taps, k->row,
                   out + 3 * ((size_t)i * (size_t)k->r->out_w + (size_t)first));
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* x, or the whole number that it misses by rounding. */
static double snap(double x)
{
    double whole = round(x);

    return fabs(x - whole) < 1e-6 ? whole : x;
}

static bool side_fits(int n)
{
    return n >= 1 && n <= DATA_RESIZE_SIDE;
}

bool data_resize(const struct data_resize_job *r, uint8_t *out, struct err *err)
{
    double x = snap(r->x), y = snap(r->y), right = snap(r->x + r->w), bottom = snap(r->y + r->h);
    double w = right - x, h = bottom - y;
    struct work k = { .r = r };
    uint8_t *block;

    if (!side_fits(r->width) || !side_fits(r->height) || !side_fits(r->out_w) ||
        !side_fits(r->out_h))
        return err_set(err, ERR_INPUT, "%d x %d pixels to %d x %d: a side is 1 to %d", r->width,
                       r->height, r->out_w, r->out_h, DATA_RESIZE_SIDE);
    if (!(x >= 0 && y >= 0 && w > 0 && h > 0 && right <= r->width && bottom <= r->height))
        return err_set(err, ERR_INPUT,
                       "part %g x %g at %g,%g of a picture of %d x %d cannot become %d x %d",
                       w, h, x, y, r->width, r->height, r->out_w, r->out_h);
    if (x == floor(x) && y == floor(y) && w == r->out_w && h == r->out_h) {
        for (int i = 0; i < r->out_h; i++)
            memcpy(out + (size_t)i * (size_t)r->out_w * 3,
                   r->src + ((size_t)y + (size_t)i) * r->stride + 3 * (size_t)x,
                   (size_t)r->out_w * 3);
        return true;
    }
    axis_of(&k.across, r->width, x, right, r->out_w, r->filter);
    axis_of(&k.down, r->height, y, bottom, r->out_h, r->filter);
    choose_columns(&k);
    choose_kernels(&k);
    block = aligned_alloc(DATA_RESIZE_SLACK, lay_out(&k, NULL));
    if (!block)
        return err_set(err, ERR_MEMORY, "cannot resize to %d x %d pixels", r->out_w, r->out_h);
    lay_out(&k, block);
    weigh(&k.across, k.v);
    weigh(&k.down, k.v);
    for (int first = 0; first < r->out_w; first += k.columns) {
        int left = r->out_w - first;

        columns(&k, first, left < k.columns ? left : k.columns, out);
    }
    free(block);
    return true;
}
