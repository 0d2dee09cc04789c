/*
 * gate -- y = x g, a factor for each channel of each picture
 *
 * x [N,H,W,C], g [N,1,1,C]: what squeeze-and-excitation ends with (Hu et al. 2018,
 * arXiv:1709.01507, eq. 4).  dx = dy g;  dg = sum over a picture's pixels of dy x.
 * ONNX Mul, which broadcasts.
 */
#include "nn/op.h"

#include <string.h>

enum { X, GATE };

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_type *x = &in[X], *g = &in[GATE];
    struct nn_type want = *x;
    struct str a = { 0 }, b = { 0 };

    (void)attr;
    (void)n_in;
    want.dim[1].n = want.dim[2].n = 1;
    if (x->rank != 4 || x->dtype != DTYPE_F32 || !x->dim[0].batch || !nn_type_equal(g, &want)) {
        nn_type_text(x, &a);
        nn_type_text(g, &b);
        err_set(err, ERR_INPUT, "gate: needs pictures and N x1x1 x their channels, not %s and %s",
                str_text(&a), str_text(&b));
        str_release(&a);
        str_release(&b);
        return false;
    }
    *out = *x;
    return nn_type_fits(&nn_op_gate, out, err);
}

static int64_t pixels(const struct nn_call *c)
{
    return c->x[X].shape.dim[1] * c->x[X].shape.dim[2];
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A run of pixels of one picture, or a part of one pixel's channels, that fits a tile: from number
 * `at` on, where `end` is the first pixel behind. */
struct tile {
    int64_t rows, columns;
};

static struct tile tile_at(int64_t at, int64_t end, int64_t n)
{
    if (at % n || n > NN_TILE)
        return (struct tile){ 1, least(n - at % n, NN_TILE) };
    return (struct tile){ least(end - at / n, NN_TILE / n), n };
}

static void forward_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int64_t n = c->x[X].shape.dim[3], end = row + rows, each = pixels(c);
    real from[NN_TILE], by[NN_TILE], to[NN_TILE];

    for (int64_t at = row * n; at < end * n;) {
        int64_t picture = at / n / each;
        struct tile t = tile_at(at, least(end, (picture + 1) * each), n);
        int64_t count = t.rows * t.columns;
        const real *x = nn_tile_in(c, &c->x[X], at, count, from);
        const real *g = nn_tile_in(c, &c->x[GATE], picture * n + at % n, t.columns, by);
        real *y = nn_tile_out(c, &c->y, at, count, false, to);

        c->k->affine_f32(t.rows, (int)t.columns, x, g, NULL, y);
        nn_tile_put(c, &c->y, at, count, y);
        at += count;
    }
}

static void forward(const struct nn_call *c)
{
    int64_t n = c->x[X].shape.dim[3];

    nn_each_rows_as_is(c, shape_count(&c->y.shape) / n, n, forward_rows);
}

static void dx_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int64_t n = c->x[X].shape.dim[3], end = row + rows, each = pixels(c);
    real from[NN_TILE], by[NN_TILE], to[NN_TILE];

    for (int64_t at = row * n; at < end * n;) {
        int64_t picture = at / n / each;
        struct tile t = tile_at(at, least(end, (picture + 1) * each), n);
        int64_t count = t.rows * t.columns;
        const real *dy = nn_tile_in(c, &c->dy, at, count, from);
        const real *g = nn_tile_in(c, &c->x[GATE], picture * n + at % n, t.columns, by);
        real *dx = nn_tile_out(c, &c->dx[X], at, count, true, to);

        c->k->norm_dx_f32(t.rows, (int)t.columns, dy, NULL, g, NULL, NULL, dx);
        nn_tile_put(c, &c->dx[X], at, count, dx);
        at += count;
    }
}

/* A picture's pixels in order, NN_TILE channels at a time. */
static void dg_pictures(const struct nn_call *c, int64_t first, int64_t count)
{
    int64_t n = c->x[X].shape.dim[3], each = pixels(c);
    real sum[NN_TILE], a[NN_TILE], b[NN_TILE], to[NN_TILE];

    for (int64_t p = first; p < first + count; p++)
        for (int64_t column = 0; column < n; column += NN_TILE) {
            int64_t width = least(n - column, NN_TILE), end = (p + 1) * each * n;
            real *dg;

            memset(sum, 0, (size_t)width * sizeof *sum);
            for (int64_t at = p * each * n + column, rows; at < end; at += rows * n) {
                rows = width == n ? tile_at(at, (p + 1) * each, n).rows : 1;
                c->k->coldot_f32(rows, (int)width, nn_tile_in(c, &c->dy, at, rows * width, a),
                                 nn_tile_in(c, &c->x[X], at, rows * width, b), NULL, sum);
            }
            dg = nn_tile_out(c, &c->dx[GATE], p * n + column, width, true, to);
            c->k->add_f32(width, dg, sum, dg);
            nn_tile_put(c, &c->dx[GATE], p * n + column, width, dg);
        }
}

static void backward(const struct nn_call *c)
{
    int64_t n = c->x[X].shape.dim[3];

    if (c->dx[X].data)
        nn_each_rows_as_is(c, shape_count(&c->y.shape) / n, n, dx_rows);
    if (c->dx[GATE].data)
        nn_each_rows_as_is(c, c->y.shape.dim[0], pixels(c) * n, dg_pictures);
}

const struct nn_op nn_op_gate = {
    .name = "gate", .onnx = "Mul", .doc = "y = x g, a factor for each channel of each picture",
    .in_min = 2, .in_max = 2, .keep = NN_KEEP_X, .flags = NN_OP_INPLACE | NN_OP_HALF,
    .type = type, .forward = forward, .backward = backward,
    .cases = (const struct nn_case[]){
        { "", "2x3x5x4 2x1x1x4", NULL }, { "", "3x1x1x7 3x1x1x7", NULL },
        { "", "2x30x9x70 2x1x1x70", NULL },             /* several tiles */
        { "", "2x1x2x5000 2x1x1x5000", NULL },          /* wider than one */
        { NULL, NULL, NULL }
    },
};
