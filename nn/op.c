/*
 * op -- the table of operators, and what their hooks share
 */
#include "nn/op.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

static const struct nn_op *const table[] = {
#define NN_OP(name) &nn_op_##name,
#include "nn/op/ops.def"
#undef NN_OP
};

int nn_op_count(void)
{
    return (int)(sizeof table / sizeof *table);
}

const struct nn_op *nn_op_at(int i)
{
    return table[i];
}

static const char *name_at(int i, const void *ctx)
{
    (void)ctx;
    return table[i]->name;
}

const struct nn_op *nn_op_find(const char *name, struct err *err)
{
    const char *near;

    for (int i = 0; i < nn_op_count(); i++)
        if (!strcmp(table[i]->name, name))
            return table[i];
    near = str_nearest(name, nn_op_count(), name_at, NULL);
    if (near)
        err_set(err, ERR_INPUT, "no operator is called \"%.100s\"; did you mean \"%s\"?", name,
                near);
    else
        err_set(err, ERR_INPUT, "no operator is called \"%.100s\"", name);
    return NULL;
}

void nn_op_forward(const struct nn_op *op, const struct nn_call *c)
{
    if (op->pack)
        op->pack(c);
    op->forward(c);
}

/* ---- types ----------------------------------------------------------------------------------- */

bool nn_type_equal(const struct nn_type *a, const struct nn_type *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i].n != b->dim[i].n || !a->dim[i].batch != !b->dim[i].batch)
            return false;
    return true;
}

void nn_type_text(const struct nn_type *t, struct str *out)
{
    if (t->dtype != DTYPE_F32)
        str_printf(out, "%s ", dtype_name(t->dtype));
    if (!t->rank)
        str_add(out, "scalar");
    for (int i = 0; i < t->rank; i++) {
        if (i)
            str_addc(out, 'x');
        if (!t->dim[i].batch || t->dim[i].n != 1)
            str_printf(out, "%d", t->dim[i].n);
        if (t->dim[i].batch)
            str_addc(out, 'N');
    }
}

struct nn_type nn_type_of_param(const struct nn_param *p)
{
    struct nn_type t = { .dtype = DTYPE_F32 };

    while (t.rank < SHAPE_MAX_RANK && p->shape[t.rank]) {
        t.dim[t.rank].n = p->shape[t.rank];
        t.rank++;
    }
    return t;
}

bool nn_type_param(const struct nn_op *op, const void *attr, int n_in, const struct nn_type *in,
                   int i, struct err *err)
{
    struct nn_param p = { .init = 0 };
    const char *suffix = op->param(attr, &in[0], i, &p);
    struct nn_type want;
    struct str a = { 0 }, b = { 0 };

    if (!suffix)
        return err_set(err, ERR_INPUT, "%s: has no input %d with these attributes", op->name, i);
    if (i >= n_in)
        return err_set(err, ERR_INPUT, "%s: input %d, its %s, is missing", op->name, i, suffix);
    want = nn_type_of_param(&p);
    if (nn_type_equal(&in[i], &want))
        return true;
    nn_type_text(&want, &a);
    nn_type_text(&in[i], &b);
    err_set(err, ERR_INPUT, "%s: its %s must be %s, is %s", op->name, suffix, str_text(&a),
            str_text(&b));
    str_release(&a);
    str_release(&b);
    return false;
}

bool nn_type_shape(const struct nn_type *t, int64_t batch, struct shape *out)
{
    int64_t count = 1;

    *out = (struct shape){ .rank = t->rank };
    for (int i = 0; i < t->rank; i++) {
        if (__builtin_mul_overflow((int64_t)t->dim[i].n, t->dim[i].batch ? batch : 1,
                                   &out->dim[i]) ||
            __builtin_mul_overflow(count, out->dim[i], &count) || count >= (int64_t)1 << 40)
            return false;
    }
    return true;
}

bool nn_type_fits(const struct nn_op *op, const struct nn_type *t, struct err *err)
{
    int64_t count = 1;

    for (int i = 0; i < t->rank; i++) {
        count *= t->dim[i].n;       /* both below 2^31 */
        if (t->dim[i].n < 1 || count > INT_MAX) {
            struct str s = { 0 };

            nn_type_text(t, &s);
            err_set(err, ERR_INPUT, "%s: %s is more numbers a picture than %d", op->name,
                    str_text(&s), INT_MAX);
            str_release(&s);
            return false;
        }
    }
    return true;
}

bool nn_type_channels(const struct nn_op *op, const struct nn_type *t, struct err *err)
{
    struct str s = { 0 };

    if (t->rank >= 2 && t->dtype == DTYPE_F32 && t->dim[0].batch && !t->dim[t->rank - 1].batch)
        return true;
    nn_type_text(t, &s);
    err_set(err, ERR_INPUT, "%s: needs a batch with channels as last dimension, not %s", op->name,
            str_text(&s));
    str_release(&s);
    return false;
}

bool nn_type_axis(const struct nn_op *op, int axis, const struct nn_type *x, struct err *err)
{
    int d = nn_op_axis(axis, x->rank);

    if (d < 1 || d >= x->rank || x->dim[d].batch || !x->dim[0].batch)
        return err_set(err, ERR_INPUT, "%s: axis %d is no dimension after the batch of %d",
                       op->name, axis, x->rank);
    return true;
}

int64_t nn_op_behind(const struct shape *s, int axis)
{
    int64_t n = 1;

    for (int d = nn_op_axis(axis, s->rank) + 1; d < s->rank; d++)
        n *= s->dim[d];
    return n;
}

int64_t nn_op_run(const struct shape *s, int axis)
{
    return nn_op_behind(s, axis) * s->dim[nn_op_axis(axis, s->rank)];
}

bool nn_type_alike(const struct nn_op *op, const struct nn_type in[2], struct nn_type *out,
                   struct err *err)
{
    if (!nn_type_equal(&in[0], &in[1])) {
        struct str a = { 0 }, b = { 0 };

        nn_type_text(&in[0], &a);
        nn_type_text(&in[1], &b);
        err_set(err, ERR_INPUT, "%s: inputs are %s and %s, must be alike", op->name, str_text(&a),
                str_text(&b));
        str_release(&a);
        str_release(&b);
        return false;
    }
    *out = in[0];
    return nn_type_fits(op, out, err);
}

int64_t nn_op_flops(const struct nn_op *op, const struct nn_call *c)
{
    return op->flops ? op->flops(c) : shape_count(&c->y.shape);
}

/* ---- windows --------------------------------------------------------------------------------- */

/* Steps of a window of `size` places, `dilation` apart, over n places with padding; < 1: it does
 * not fit. */
static int64_t steps(int64_t n, int size, int stride, int dilation, int before, int after)
{
    int64_t room = n + before + after - ((int64_t)(size - 1) * dilation + 1);

    return room < 0 ? 0 : room / stride + 1;
}

struct nn_window nn_window_of(int64_t h, int64_t w, int64_t c, const int size[2],
                              const int stride[2], const int dilation[2], const int pad[4])
{
    int dh = dilation ? dilation[0] : 1, dw = dilation ? dilation[1] : 1;

    return (struct nn_window){
        .h = (int)h, .w = (int)w, .c = (int)c, .pixel = c,
        .oh = (int)steps(h, size[0], stride[0], dh, pad[0], pad[2]),
        .ow = (int)steps(w, size[1], stride[1], dw, pad[1], pad[3]),
        .kh = size[0], .kw = size[1], .sh = stride[0], .sw = stride[1], .dh = dh, .dw = dw,
        .pt = pad[0], .pl = pad[1],
    };
}

bool nn_type_window(const struct nn_op *op, const struct nn_type *x, const int size[2],
                    const int stride[2], const int dilation[2], const int pad[4],
                    struct nn_type *out, struct err *err)
{
    struct nn_window w;

    if (x->rank != 4 || x->dtype != DTYPE_F32 || !x->dim[0].batch) {
        struct str s = { 0 };

        nn_type_text(x, &s);
        err_set(err, ERR_INPUT, "%s: needs pictures, batch x height x width x channels, not %s",
                op->name, str_text(&s));
        str_release(&s);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        int64_t room = (int64_t)x->dim[1 + i].n + pad[i] + pad[i + 2];
        int64_t span = (int64_t)(size[i] - 1) * (dilation ? dilation[i] : 1) + 1;

        if (span > room)
            return err_set(err, ERR_INPUT, "%s: window %lld does not fit in %lld pixels", op->name,
                           (long long)span, (long long)room);
        if (room > INT_MAX / 2)     /* rows and columns of windows are ints */
            return err_set(err, ERR_INPUT, "%s: %lld pixels with padding are too many", op->name,
                           (long long)room);
    }
    w = nn_window_of(x->dim[1].n, x->dim[2].n, x->dim[3].n, size, stride, dilation, pad);
    *out = *x;
    out->dim[1].n = w.oh;
    out->dim[2].n = w.ow;
    return nn_type_fits(op, out, err);
}

/* ---- tiles ----------------------------------------------------------------------------------- */

const real *nn_tile_in(const struct nn_call *c, const struct tensor *t, int64_t first, int64_t n,
                       real *room)
{
    if (t->dtype != DTYPE_BF16)
        return tensor_at(t, first);
    c->k->from_bf16(n, tensor_at(t, first), room);
    return room;
}

real *nn_tile_out(const struct nn_call *c, const struct tensor *t, int64_t first, int64_t n,
                  bool add, real *room)
{
    if (t->dtype != DTYPE_BF16)
        return tensor_at(t, first);
    if (add)
        c->k->from_bf16(n, tensor_at(t, first), room);
    return room;
}

void nn_tile_put(const struct nn_call *c, const struct tensor *t, int64_t first, int64_t n,
                 const real *tile)
{
    if (t->dtype == DTYPE_BF16)
        c->k->to_bf16(n, tile, tensor_at(t, first));
}

/* ---- pieces of work -------------------------------------------------------------------------- */

enum { PIECE = 16 * 1024 };         /* numbers: a few microseconds of work */

struct rows {
    const struct nn_call *c;
    int64_t rows, width, piece;
    nn_range_fn *fn;
    bool cast;
};

/* The tensors of a call in one order: x, y, the residual, dy; then what backward writes. */
enum { Y = NN_MAX_IN, RESIDUAL, DY, DX, DRESIDUAL = DX + NN_MAX_IN, TENSORS };

static struct tensor *tensor_of(struct nn_call *c, int i)
{
    return i < Y ? &c->x[i] : i == Y ? &c->y : i == RESIDUAL ? &c->after.residual
           : i == DY ? &c->dy : i < DRESIDUAL ? &c->dx[i - DX] : &c->after.dresidual;
}

/* Some tensor of n numbers is bf16: what is cut into pieces is not all real. */
static bool has_half(const struct nn_call *c, int64_t n)
{
    bool half = c->y.dtype == DTYPE_BF16 && shape_count(&c->y.shape) == n;

    for (int i = 0; i < c->n_in; i++)
        half |= c->x[i].dtype == DTYPE_BF16 && shape_count(&c->x[i].shape) == n;
    return half;
}

/* Tensor i is written by this call: forward has no dy. */
static bool is_written(const struct nn_call *c, int i)
{
    return i >= DX || (i == Y && !c->dy.data);
}

static bool is_fresh(const struct nn_call *c, int i)
{
    return i == Y || (i == DRESIDUAL ? c->after.fresh : c->fresh >> (i - DX) & 1);
}

/* Rows [first,first+count) of a call as a call of their own in real, which run() is given; then
 * back what it wrote. */
static void with_tiles(const struct nn_call *whole, int64_t rows, int64_t width, int64_t first,
                       int64_t count, void (*run)(const struct nn_call *, int64_t, void *),
                       void *arg)
{
    enum { MOST = 6 };          /* bf16 tensors of one call */
    _Alignas(64) real room[MOST][NN_TILE];
    struct nn_call c = *whole;
    struct tensor was[TENSORS];
    int used = 0;

    for (int i = 0; i < TENSORS; i++) {
        struct tensor *t = tensor_of(&c, i);
        real *own = room[used < MOST ? used : 0];

        was[i] = *t;
        if (!t->data || shape_count(&t->shape) != rows * width)
            continue;
        assert(t->dtype != DTYPE_BF16 || used < MOST);
        used += t->dtype == DTYPE_BF16;
        t->data = is_written(whole, i)
                      ? nn_tile_out(&c, &was[i], first * width, count * width,
                                    !is_fresh(whole, i), own)
                      : (real *)(uintptr_t)nn_tile_in(&c, &was[i], first * width, count * width,
                                                      own);
        t->dtype = DTYPE_F32;
    }
    run(&c, count, arg);
    for (int i = Y; i < TENSORS; i++) {
        const struct tensor *t = tensor_of(&c, i);

        if (is_written(whole, i) && t->dtype != was[i].dtype)
            nn_tile_put(&c, &was[i], first * width, count * width, t->data);
    }
}

static void run_tile(const struct nn_call *c, int64_t count, void *arg)
{
    const struct rows *r = arg;

    r->fn(c, 0, count);
}

static void run_rows(void *arg, int i, int worker)
{
    struct rows *r = arg;
    int64_t first = i * r->piece, left = r->rows - first, tile;

    (void)worker;
    if (left > r->piece)
        left = r->piece;
    if (!r->cast) {
        r->fn(r->c, first, left);
        return;
    }
    tile = NN_TILE / r->width;
    for (int64_t done = 0; done < left; done += tile)
        with_tiles(r->c, r->rows, r->width, first + done, left - done < tile ? left - done : tile,
                   run_tile, r);
}

static void each_rows(const struct nn_call *c, int64_t rows, int64_t width, nn_range_fn *fn,
                      bool cast)
{
    int64_t piece = width < PIECE && width > 0 ? PIECE / width : 1;
    struct rows r = { c, rows, width, piece, fn, cast };

    pool_for(c->pool, (int)((rows + piece - 1) / piece), run_rows, &r);
}

void nn_each_rows(const struct nn_call *c, int64_t rows, int64_t width, nn_range_fn *fn)
{
    each_rows(c, rows, width, fn, has_half(c, rows * width));
}

void nn_each_rows_as_is(const struct nn_call *c, int64_t rows, int64_t width, nn_range_fn *fn)
{
    each_rows(c, rows, width, fn, false);
}

void nn_each_range(const struct nn_call *c, int64_t n, nn_range_fn *fn)
{
    nn_each_rows(c, n, 1, fn);
}

int64_t nn_no_flops(const struct nn_call *c)
{
    (void)c;
    return 0;
}

static void copy_range(const struct nn_call *c, int64_t i, int64_t n)
{
    memcpy((real *)c->y.data + i, (const real *)c->x[0].data + i, (size_t)n * sizeof(real));
}

void nn_identity_forward(const struct nn_call *c)
{
    if (c->y.data != c->x[0].data)
        nn_each_range(c, shape_count(&c->y.shape), copy_range);
}

static void add_range(const struct nn_call *c, int64_t i, int64_t n)
{
    real *dx = (real *)c->dx[0].data + i;

    c->k->add_f32(n, dx, (const real *)c->dy.data + i, dx);
}

void nn_identity_backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_range(c, shape_count(&c->y.shape), add_range);
}

struct bands {
    const struct nn_call *c;
    const struct nn_window *w;
    int rows, per_picture;          /* output rows a band, bands a picture */
    nn_band_fn *fn;
};

static void run_band(void *arg, int i, int worker)
{
    const struct bands *b = arg;
    struct nn_window band = *b->w;
    int row = i % b->per_picture * b->rows;

    (void)worker;
    band.oh = band.oh - row < b->rows ? band.oh - row : b->rows;
    band.pt -= row * band.sh;
    b->fn(b->c, &band, i / b->per_picture, (int64_t)row * band.ow * band.c);
}

void nn_each_band(const struct nn_call *c, int64_t n, const struct nn_window *w, nn_band_fn *fn)
{
    int64_t work = (int64_t)w->ow * w->c * w->kh * w->kw;       /* of an output row */
    int rows = work >= 4 * PIECE ? 1 : (int)(4 * PIECE / work);
    struct bands b = { c, w, rows, (w->oh + rows - 1) / rows, fn };

    pool_for(c->pool, (int)(n * b.per_picture), run_band, &b);
}

struct parts {
    const struct nn_call *c;
    int64_t rows, width;
    nn_part_fn *fn;
    real *part;
    bool cast;
};

struct part {
    nn_part_fn *fn;
    real *sum;
};

static void run_part_tile(const struct nn_call *c, int64_t count, void *arg)
{
    const struct part *p = arg;

    p->fn(c, 0, count, p->sum);
}

static void run_part(void *arg, int i, int worker)
{
    const struct parts *p = arg;
    int64_t first = p->rows * i / NN_PARTS, end = p->rows * (i + 1) / NN_PARTS, tile;
    struct part part = { p->fn, p->part + i * p->width };

    (void)worker;
    memset(part.sum, 0, (size_t)p->width * sizeof *part.sum);
    if (!p->cast) {
        if (end > first)
            p->fn(p->c, first, end - first, part.sum);
        return;
    }
    tile = NN_TILE / p->width;
    for (int64_t n; first < end; first += n) {
        n = end - first < tile ? end - first : tile;
        with_tiles(p->c, p->rows, p->width, first, n, run_part_tile, &part);
    }
}

static void sum_parts(const struct nn_call *c, int64_t rows, int64_t width, nn_part_fn *fn,
                      real *parts, real *sum, bool cast)
{
    struct parts p = { c, rows, width, fn, parts, cast };

    pool_for(c->pool, NN_PARTS, run_part, &p);
    for (int i = 0; i < NN_PARTS; i++)
        c->k->add_f32(width, sum, parts + i * width, sum);
}

void nn_sum_parts(const struct nn_call *c, int64_t rows, int64_t width, nn_part_fn *fn, real *parts,
                  real *sum)
{
    sum_parts(c, rows, width, fn, parts, sum, has_half(c, rows * width));
}

void nn_sum_parts_as_is(const struct nn_call *c, int64_t rows, int64_t width, nn_part_fn *fn,
                        real *parts, real *sum)
{
    sum_parts(c, rows, width, fn, parts, sum, false);
}
