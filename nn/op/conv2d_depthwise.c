/*
 * conv2d_depthwise -- conv2d where each channel has its own filter: the dwconv slots
 *
 * Pieces: forward bands of a picture's rows, towards x pictures, towards w parts of the batch that
 * are added in order.  The slots know real, and bf16 on both sides.  Else, and where a residual is
 * to be added before y is rounded, the rows that a piece needs are cast to scratch, and what it
 * wrote is cast back.
 */
#include "nn/op/conv2d_depthwise.h"
#include "nn/op/conv2d.h"

#include <math.h>
#include <string.h>

enum { X, WEIGHT, BIAS };                               /* inputs */

enum {
    BANDS = 32,                 /* about: enough for some cores */
    LEAST = 1 << 16, MOST = 1 << 19,        /* products of a band */
    ROOM = 1 << 16,             /* numbers of a band of dy that is cast, about */
};

struct depthwise {
    const struct nn_call *c;
    struct nn_window w;
    int64_t batch, in, out;     /* pictures; numbers of one of x, of y */
    int rows, bands;            /* forward: output rows a piece, pieces a picture */
    int cast_rows;              /* towards w: output rows at a time */
    bool half, native;          /* some is bf16; both x and y are */
    int64_t room;               /* numbers a worker: to cast in and out */
};

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* Numbers of the rows of x that so many rows of y see. */
static int64_t seen(const struct nn_window *w, int rows)
{
    int64_t n = (int64_t)(rows - 1) * w->sh + (int64_t)(w->kh - 1) * w->dh + 1;

    return clamp(n, 1, w->h) * w->w * w->c;
}

static struct depthwise depthwise_of(const struct nn_call *c)
{
    const struct nn_conv2d *a = c->attr;
    const int64_t *dim = c->x[X].shape.dim;
    struct depthwise d = {
        .c = c, .batch = dim[0], .in = dim[1] * dim[2] * dim[3],
        .w = nn_window_of(dim[1], dim[2], dim[3], a->size, a->stride, a->dilation, a->pad),
        .half = c->x[X].dtype == DTYPE_BF16 || c->y.dtype == DTYPE_BF16,
        .native = c->x[X].dtype == DTYPE_BF16 && c->y.dtype == DTYPE_BF16,
    };
    const struct nn_window *w = &d.w;
    int64_t row = (int64_t)w->ow * w->c, work = row * w->kh * w->kw;

    d.out = w->oh * row;
    d.rows = (int)clamp(clamp(d.batch * w->oh * work / BANDS, LEAST, MOST) / work, 1, w->oh);
    d.bands = (w->oh + d.rows - 1) / d.rows;
    d.cast_rows = (int)clamp(ROOM / row, 1, w->oh);
    if (d.half && !(d.native && c->mode == NN_TRAIN))
        d.room = c->mode == NN_TRAIN ? d.in + d.out : seen(w, d.rows) + d.rows * row;
    return d;
}

/* Numbers of the part sums of w's gradient, and of all that scratch holds. */
static int64_t sums(const struct depthwise *d)
{
    return d->c->mode == NN_TRAIN ? (int64_t)NN_PARTS * d->w.kh * d->w.kw * d->w.c : 0;
}

static int64_t part_room(const struct depthwise *d)
{
    if (!d->half || d->native)
        return 0;
    return seen(&d->w, d->cast_rows) + (int64_t)d->cast_rows * d->w.ow * d->w.c;
}

size_t nn_conv2d_depthwise_scratch(const struct nn_call *c)
{
    struct depthwise d = depthwise_of(c);
    int64_t workers = d.room * c->threads, parts = 0;

    if (c->mode == NN_TRAIN)
        parts = sums(&d) + NN_PARTS * part_room(&d);
    return (size_t)(workers > parts ? workers : parts) * sizeof(real);
}

/* n numbers as real: where they lie, or cast to room. */
static const real *as_real(const struct nn_call *c, const struct tensor *t, int64_t first,
                           int64_t n, real *room)
{
    if (t->dtype != DTYPE_BF16)
        return tensor_at(t, first);
    c->k->from_bf16(n, tensor_at(t, first), room);
    return room;
}

/* The window of `rows` rows of y from `row` on, over what they see of a picture of x: its rows from
 * *first on, *n numbers. */
static struct nn_window band_of(const struct nn_window *w, int row, int rows, int64_t *first,
                                int64_t *n)
{
    struct nn_window band = *w;
    int64_t top = (int64_t)row * w->sh - w->pt, from = clamp(top, 0, w->h - 1);
    int64_t end = top + (int64_t)(rows - 1) * w->sh + (int64_t)(w->kh - 1) * w->dh + 1;

    end = clamp(end, from + 1, w->h);
    band.oh = rows;
    band.h = (int)(end - from);
    band.pt = (int)(from - top);
    *first = from * w->w * w->c;
    *n = (end - from) * w->w * w->c;
    return band;
}

/* Residual and cut, on n numbers of y that are still real. */
static void after(const struct nn_call *c, int64_t first, int64_t n, real *y)
{
    real room[NN_TILE];

    for (int64_t i = 0; i < n && c->after.residual.data; i += NN_TILE) {
        int64_t some = n - i < NN_TILE ? n - i : NN_TILE;

        c->k->add_f32(some, y + i, nn_tile_in(c, &c->after.residual, first + i, some, room), y + i);
    }
    if (c->after.cuts)
        c->k->clamp_f32(n, c->after.lo, c->after.hi, y, y);
}

/* A band of bf16 from bf16. */
static void native_band(const struct depthwise *d, int64_t picture, int row, int rows)
{
    const struct nn_call *c = d->c;
    struct nn_window band = d->w;

    band.oh = rows;
    band.pt -= row * band.sh;
    c->k->dwconv_bf16(&band, tensor_at(&c->x[X], picture * d->in), c->x[WEIGHT].data,
                      c->n_in > BIAS ? c->x[BIAS].data : NULL,
                      c->after.cuts ? c->after.lo : -(real)INFINITY,
                      c->after.cuts ? c->after.hi : (real)INFINITY,
                      tensor_at(&c->y, picture * d->out + (int64_t)row * d->w.ow * d->w.c));
}

/* At most d->rows rows. */
static void run_band(const struct depthwise *d, int64_t picture, int row, int rows, int worker)
{
    const struct nn_call *c = d->c;
    int64_t first, seen_n;
    struct nn_window band = band_of(&d->w, row, rows, &first, &seen_n);
    int64_t at = picture * d->out + (int64_t)row * d->w.ow * d->w.c;
    int64_t n = (int64_t)rows * d->w.ow * d->w.c;
    real *room = (real *)c->scratch + d->room * worker;
    const real *x;
    real *y = c->y.dtype == DTYPE_BF16 ? room + seen(&d->w, d->rows) : tensor_at(&c->y, at);

    if (d->native && !c->after.residual.data) {
        native_band(d, picture, row, rows);
        return;
    }
    x = as_real(c, &c->x[X], picture * d->in + first, seen_n, room);
    c->k->dwconv_f32(&band, x, c->x[WEIGHT].data, c->n_in > BIAS ? c->x[BIAS].data : NULL, y);
    after(c, at, n, y);
    if (c->y.dtype == DTYPE_BF16)
        c->k->to_bf16(n, y, tensor_at(&c->y, at));
}

static void forward_band(void *arg, int i, int worker)
{
    const struct depthwise *d = arg;
    int row = i % d->bands * d->rows;

    run_band(d, i / d->bands, row, (int)clamp(d->w.oh - row, 0, d->rows), worker);
}

void nn_conv2d_depthwise_rows(const struct nn_call *c, int64_t picture, int first, int n,
                              int worker)
{
    struct depthwise d = depthwise_of(c);

    for (int row = first; row < first + n; row += d.rows)
        run_band(&d, picture, row, (int)clamp(first + n - row, 0, d.rows), worker);
}

void nn_conv2d_depthwise(const struct nn_call *c)
{
    struct depthwise d = depthwise_of(c);

    pool_for(c->pool, (int)(d.batch * d.bands), forward_band, &d);
}

static void dx_picture(void *arg, int i, int worker)
{
    const struct depthwise *d = arg;
    const struct nn_call *c = d->c;
    const struct tensor *to = &c->dx[X];
    real *room = (real *)c->scratch + d->room * worker;
    real *dx = to->dtype == DTYPE_BF16 ? room : tensor_at(to, i * d->in);
    bool fresh = c->fresh >> X & 1;
    const real *dy;

    if (d->native) {
        c->k->dwconv_dx_bf16(&d->w, tensor_at(&c->dy, i * d->out), c->x[WEIGHT].data, !fresh,
                             tensor_at(to, i * d->in));
        return;
    }
    dy = as_real(c, &c->dy, i * d->out, d->out, room + d->in);
    if (fresh)
        memset(dx, 0, (size_t)d->in * sizeof *dx);
    else if (to->dtype == DTYPE_BF16)
        c->k->from_bf16(d->in, tensor_at(to, i * d->in), dx);
    c->k->dwconv_dx_f32(&d->w, dy, c->x[WEIGHT].data, dx);
    if (to->dtype == DTYPE_BF16)
        c->k->to_bf16(d->in, dx, tensor_at(to, i * d->in));
}

void nn_conv2d_depthwise_dx(const struct nn_call *c)
{
    struct depthwise d = depthwise_of(c);

    pool_for(c->pool, (int)d.batch, dx_picture, &d);
}

static void dw_pictures(const struct nn_call *c, int64_t n, int64_t count, real *sum)
{
    struct depthwise d = depthwise_of(c);
    int64_t part = (sum - (real *)c->scratch) / ((int64_t)d.w.kh * d.w.kw * d.w.c);
    real *room = (real *)c->scratch + sums(&d) + part * part_room(&d);
    int step = d.half ? d.cast_rows : d.w.oh;

    for (int64_t i = n; i < n + count && d.native; i++)
        c->k->dwconv_dw_bf16(&d.w, tensor_at(&c->x[X], i * d.in), tensor_at(&c->dy, i * d.out),
                             sum);
    for (int64_t i = n; i < n + count && !d.native; i++)
        for (int row = 0; row < d.w.oh; row += step) {
            int rows = (int)clamp(d.w.oh - row, 0, step);
            int64_t first, seen_n, at = i * d.out + (int64_t)row * d.w.ow * d.w.c;
            struct nn_window band = band_of(&d.w, row, rows, &first, &seen_n);
            const real *x = as_real(c, &c->x[X], i * d.in + first, seen_n, room);

            c->k->dwconv_dw_f32(&band, x,
                                as_real(c, &c->dy, at, (int64_t)rows * d.w.ow * d.w.c,
                                        room + seen(&d.w, step)), sum);
        }
}

void nn_conv2d_depthwise_dw(const struct nn_call *c)
{
    struct depthwise d = depthwise_of(c);

    nn_sum_parts_as_is(c, d.batch, (int64_t)d.w.kh * d.w.kw * d.w.c, dw_pictures, c->scratch,
                       c->dx[WEIGHT].data);
}
