/*
 * op -- the table of operators, and what their hooks share
 */
#include "nn/op.h"

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

/* ---- pieces of work -------------------------------------------------------------------------- */

enum { PIECE = 16 * 1024 };         /* numbers: a few microseconds of work */

struct rows {
    const struct nn_call *c;
    int64_t rows, piece;
    nn_range_fn *fn;
};

static void run_rows(void *arg, int i, int worker)
{
    const struct rows *r = arg;
    int64_t first = i * r->piece, left = r->rows - first;

    (void)worker;
    r->fn(r->c, first, left < r->piece ? left : r->piece);
}

void nn_each_rows(const struct nn_call *c, int64_t rows, int64_t width, nn_range_fn *fn)
{
    struct rows r = { c, rows, width < PIECE && width > 0 ? PIECE / width : 1, fn };

    pool_for(c->pool, (int)((rows + r.piece - 1) / r.piece), run_rows, &r);
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
};

static void run_part(void *arg, int i, int worker)
{
    const struct parts *p = arg;
    int64_t first = p->rows * i / NN_PARTS, end = p->rows * (i + 1) / NN_PARTS;
    real *sum = p->part + i * p->width;

    (void)worker;
    memset(sum, 0, (size_t)p->width * sizeof *sum);
    if (end > first)
        p->fn(p->c, first, end - first, sum);
}

void nn_sum_parts(const struct nn_call *c, int64_t rows, int64_t width, nn_part_fn *fn, real *parts,
                  real *sum)
{
    struct parts p = { c, rows, width, fn, parts };

    pool_for(c->pool, NN_PARTS, run_part, &p);
    for (int i = 0; i < NN_PARTS; i++)
        c->k->add_f32(width, sum, parts + i * width, sum);
}
