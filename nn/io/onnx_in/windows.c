/*
 * windows -- convolutions and pools: ops.h
 *
 * A line [N,C,L] is a picture of one row.  Of [N,C,D,H,W] slices of depth are pictures of their
 * own, D for each of the batch: a convolution is the sum over its depth of those of slices, a pool
 * one of slices and then one along the depth.
 */
#include "nn/io/onnx_in/ops.h"

#include "nn/op/conv2d.h"
#include "nn/op/pad.h"
#include "nn/op/pool.h"

#include <limits.h>
#include <string.h>

static const int8_t nhwc[4] = { 0, 2, 3, 1 };

enum { DEPTH, ROWS, COLUMNS, SIDES };

struct window {
    int64_t in[SIDES], size[SIDES], stride[SIDES], dilation[SIDES], pad[2][SIDES], out[SIDES];
    int64_t more[SIDES];        /* of pad[1]: what ceil_mode adds */
};

/* An attribute's numbers, of the last n sides; `of` numbers a side, the first of all sides before
 * the second. */
static bool get_sides(const nn_onnx_at *a, const char *name, int n, int of, int64_t *out)
{
    int64_t got[2 * SIDES];
    int have = nn_onnx_at_ints(a, name, 2 * SIDES, got);

    if (have == -1)
        return true;
    if (have != n * of)
        return have != -2 && err_set(a->r->err, ERR_INPUT, "\"%s\" has %d numbers", name, have);
    for (int i = 0; i < have; i++)
        out[i / n * SIDES + SIDES - n + i % n] = got[i];
    return true;
}

/* x: [N,C,...] of n sides; size: of the filters, NULL: as the attribute says. */
static bool get_window(const nn_onnx_at *a, const nn_onnx_val *x, const int64_t *size,
                       struct window *w)
{
    bool upper = nn_onnx_at_is(a, "auto_pad", "SAME_UPPER", "NOTSET");
    bool lower = nn_onnx_at_is(a, "auto_pad", "SAME_LOWER", "NOTSET");
    bool valid = nn_onnx_at_is(a, "auto_pad", "VALID", "NOTSET");
    bool ceil_mode = nn_onnx_at_int(a, "ceil_mode", 0);
    int n = x->rank - 2;

    if (nn_onnx_is_const(x) || n < 1 || n > SIDES)
        return err_set(a->r->err, ERR_UNSUPPORTED, "pictures have 4 dimensions, it has %d",
                       x->rank);
    *w = (struct window){ .in = { 1, 1, 1 }, .size = { 1, 1, 1 }, .stride = { 1, 1, 1 },
                          .dilation = { 1, 1, 1 } };
    for (int d = 0; d < n; d++) {
        w->in[SIDES - n + d] = x->dim[2 + d];
        w->size[SIDES - n + d] = size ? size[d] : 0;
    }
    if (!get_sides(a, "kernel_shape", n, 1, w->size) || !get_sides(a, "strides", n, 1, w->stride) ||
        !get_sides(a, "dilations", n, 1, w->dilation) || !get_sides(a, "pads", n, 2, w->pad[0]))
        return false;
    for (int d = 0; d < SIDES; d++) {
        int64_t span, over;

        if (w->size[d] < 1 || w->stride[d] < 1 || w->dilation[d] < 1 || w->size[d] > 1 << 20 ||
            w->stride[d] > 1 << 20 || w->dilation[d] > 1 << 20 || w->pad[0][d] > 1 << 20 ||
            w->pad[1][d] > 1 << 20 || w->pad[0][d] < 0 || w->pad[1][d] < 0)
            return err_set(a->r->err, ERR_INPUT, "a window of %lld places, stride %lld",
                           (long long)w->size[d], (long long)w->stride[d]);
        span = (w->size[d] - 1) * w->dilation[d] + 1;
        if (valid)
            w->pad[0][d] = w->pad[1][d] = 0;
        if (upper || lower) {
            over = ((w->in[d] + w->stride[d] - 1) / w->stride[d] - 1) * w->stride[d] + span -
                   w->in[d];
            over = over < 0 ? 0 : over;
            w->pad[0][d] = upper ? over / 2 : over - over / 2;
            w->pad[1][d] = over - w->pad[0][d];
        }
        over = w->in[d] + w->pad[0][d] + w->pad[1][d] - span;
        if (over < 0)
            return err_set(a->r->err, ERR_INPUT, "a window of %lld places in %lld",
                           (long long)span, (long long)w->in[d]);
        w->out[d] = over / w->stride[d] + 1;
        if (ceil_mode && over % w->stride[d] &&
            w->out[d] * w->stride[d] < w->in[d] + w->pad[0][d]) {
            w->more[d] = w->stride[d] - over % w->stride[d];
            w->out[d]++;
        }
    }
    return true;
}

/* x as pictures [.,C,H,W]: its own, a line, or slices of depth. */
static nn_onnx_val *pictures_of(nn_onnx_reader *r, nn_onnx_val *x)
{
    int64_t dim[4] = { x->dim[0], x->dim[1], 1, x->dim[x->rank - 1] };

    if (x->rank == 4)
        return x;
    if (x->rank == 5) {
        x = nn_onnx_v_transpose(r, x, (const int64_t[]){ 0, 2, 1, 3, 4 });
        if (!x)
            return NULL;
        dim[0] = x->dim[0] * x->dim[1];
        dim[1] = x->dim[2];
        dim[2] = x->dim[3];
    }
    return nn_onnx_v_reshape(r, x, 4, dim);
}

/* And back: what was made of a value of so many dimensions, `depth` slices each. */
static nn_onnx_val *as_before(nn_onnx_reader *r, nn_onnx_val *y, int rank, int64_t depth)
{
    if (!y || rank == 4)
        return y;
    if (rank == 3)
        return nn_onnx_v_reshape(r, y, 3, (int64_t[]){ y->dim[0], y->dim[1], y->dim[3] });
    y = nn_onnx_v_reshape(r, y, 5, (int64_t[]){ y->dim[0] / depth, depth, y->dim[1], y->dim[2],
                                                y->dim[3] });
    return y ? nn_onnx_v_transpose(r, y, (const int64_t[]){ 0, 2, 1, 3, 4 }) : NULL;
}

/* ---- convolutions ---------------------------------------------------------------------------- */

/* Zeros that stand around the picture become the convolution's own. */
static int without_pads(const nn_onnx_reader *r, int x, int *pad)
{
    for (; r->g->node[x].op == &nn_op_pad; x = r->g->node[x].in[0]) {
        const struct nn_pad *p = r->g->node[x].attr;

        if (p->mode != NN_PAD_CONSTANT || p->value != 0 || (p->axis != 1 && p->axis != 2) ||
            p->before > 1000 || p->after > 1000)
            break;
        pad[p->axis - 1] += p->before;
        pad[p->axis + 1] += p->after;
    }
    return x;
}

/* Of pictures, with filters [K,C/groups,H,W]; b may be NULL. */
static nn_onnx_val *convolved(nn_onnx_at *a, nn_onnx_val *x, nn_onnx_val *w, nn_onnx_val *b,
                              int groups, const struct window *win)
{
    struct nn_conv2d c = { .channels = (int)w->dim[0], .groups = groups, .bias = b };
    const char *before = a->r->hint;
    int in[3], node;

    for (int d = 0; d < 2; d++) {
        c.size[d] = (int)win->size[ROWS + d];
        c.stride[d] = (int)win->stride[ROWS + d];
        c.dilation[d] = (int)win->dilation[ROWS + d];
        c.pad[d] = (int)win->pad[0][ROWS + d];
        c.pad[2 + d] = (int)win->pad[1][ROWS + d];
    }
    in[0] = nn_onnx_place(a->r, x, 4, nhwc);
    if (in[0] < 0)
        return NULL;
    in[0] = without_pads(a->r, in[0], c.pad);
    a->r->hint = nn_onnx_at_name(a, w);
    if (!a->r->hint)
        return NULL;
    in[1] = nn_onnx_op_param(a->r, &nn_op_conv2d, &c, in[0], 1, a->r->hint, w);
    in[2] = b && in[1] >= 0 ? nn_onnx_op_param(a->r, &nn_op_conv2d, &c, in[0], 2, a->r->hint, b)
                            : -1;
    node = nn_onnx_emit(a->r, &nn_op_conv2d, &c, b ? 3 : 2, in);
    a->r->hint = before;        /* the next slice is not called after this one */
    return nn_onnx_new_node(a->r, x->type, 4,
                            (int64_t[]){ x->dim[0], c.channels, win->out[ROWS],
                                         win->out[COLUMNS] },
                            node, 4, nhwc);
}

/* The part of a convolution that place `at` of the filters' depth has. */
static nn_onnx_val *slice_convolved(nn_onnx_at *a, nn_onnx_val *x, nn_onnx_val *w, nn_onnx_val *b,
                                    int groups, const struct window *win, int64_t at)
{
    const int64_t shape[4] = { w->dim[0], w->dim[1], win->size[ROWS], win->size[COLUMNS] };

    if (x->rank == 5) {
        w = nn_onnx_v_take(a->r, w, 2, at, 1, 1);
        x = nn_onnx_v_take(a->r, x, 2, at * win->dilation[DEPTH], win->stride[DEPTH],
                           win->out[DEPTH]);
    }
    w = w && w->rank != 4 ? nn_onnx_v_reshape(a->r, w, 4, shape) : w;
    x = x ? pictures_of(a->r, x) : NULL;
    return x && w ? convolved(a, x, w, b, groups, win) : NULL;
}

bool nn_onnx_lower_conv(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *w = nn_onnx_at_in(a, 1), *y = NULL;
    nn_onnx_val *b = a->n_in > 2 ? a->x[2] : NULL;
    int64_t groups = nn_onnx_at_int(a, "group", 1);
    struct window win;

    if (!x || !w)
        return false;
    if (w->rank != x->rank || w->rank < 3 || w->dim[0] > INT_MAX || groups < 1 ||
        groups > INT_MAX || x->dim[1] != w->dim[1] * groups)
        return err_set(a->r->err, ERR_INPUT, "filters for %lld channels, there are %lld",
                       (long long)(w->rank > 1 ? w->dim[1] * groups : 0),
                       (long long)(x->rank > 1 ? x->dim[1] : 0));
    if (!get_window(a, x, w->dim + 2, &win))
        return false;
    if (memcmp(win.size + SIDES - (x->rank - 2), w->dim + 2,
               (size_t)(x->rank - 2) * sizeof *win.size))
        return err_set(a->r->err, ERR_INPUT, "kernel_shape is not that of the filters");
    if (win.pad[0][DEPTH] || win.pad[1][DEPTH])
        x = nn_onnx_padded(a->r, x, 2, &(struct nn_pad){ .before = (int)win.pad[0][DEPTH],
                                                         .after = (int)win.pad[1][DEPTH] });
    for (int64_t at = 0; x && at < win.size[DEPTH]; at++) {
        nn_onnx_val *part = slice_convolved(a, x, w, at ? NULL : b, (int)groups, &win, at);

        y = at && y && part ? nn_onnx_v_arith(a->r, NN_ARITH_ADD, y, part, x->type) : part;
        if (!y)
            return false;
    }
    return nn_onnx_at_done(a, x ? as_before(a->r, y, x->rank, win.out[DEPTH]) : NULL);
}

/* ---- pools ----------------------------------------------------------------------------------- */

/* Of pictures, with the window's sides of these two. */
static nn_onnx_val *pooled(nn_onnx_reader *r, nn_onnx_val *x, const struct nn_op *op, bool whole,
                           const struct window *w, int rows, int columns)
{
    const int side[2] = { rows, columns };
    struct nn_pool p = { .whole = whole };
    int64_t dim[4];
    int in = x ? nn_onnx_place(r, x, 4, nhwc) : -1;

    if (in < 0)
        return NULL;
    memcpy(dim, x->dim, sizeof dim);
    for (int d = 0; d < 2; d++) {
        dim[2 + d] = side[d] < 0 ? x->dim[2 + d] : w->out[side[d]];
        p.size[d] = side[d] < 0 ? 1 : (int)w->size[side[d]];
        p.stride[d] = side[d] < 0 ? 1 : (int)w->stride[side[d]];
        p.pad[d] = side[d] < 0 ? 0 : (int)w->pad[0][side[d]];
        p.pad[2 + d] = side[d] < 0 ? 0 : (int)(w->pad[1][side[d]] + w->more[side[d]]);
    }
    return nn_onnx_new_node(r, x->type, 4, dim, nn_onnx_emit(r, op, &p, 1, &in), 4, nhwc);
}

static bool pool(nn_onnx_at *a, const struct nn_op *op, bool whole)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *y;
    struct window w;

    if (!x || !get_window(a, x, NULL, &w))
        return false;
    for (int d = 0; d < SIDES; d++) {
        if (w.dilation[d] != 1)
            return nn_onnx_at_cannot(a, "a pool with dilations");
        if (whole && w.more[d])
            return nn_onnx_at_cannot(a, "ceil_mode with count_include_pad");
    }
    if (a->n_out > 1 && *a->node->output[1])
        return nn_onnx_at_cannot(a, "the places of the largest are not told");
    y = pooled(a->r, pictures_of(a->r, x), op, whole, &w, ROWS, COLUMNS);
    y = as_before(a->r, y, x->rank, w.in[DEPTH]);
    if (!y || x->rank < 5)
        return nn_onnx_at_done(a, y);
    y = nn_onnx_v_reshape(a->r, y, 4, (int64_t[]){ x->dim[0], x->dim[1], w.in[DEPTH],
                                                   w.out[ROWS] * w.out[COLUMNS] });
    y = pooled(a->r, y, op, whole, &w, DEPTH, -1);
    return nn_onnx_at_done(a, y ? nn_onnx_v_reshape(a->r, y, 5, (int64_t[]){
        x->dim[0], x->dim[1], w.out[DEPTH], w.out[ROWS], w.out[COLUMNS] }) : NULL);
}

bool nn_onnx_lower_max_pool(nn_onnx_at *a)
{
    return pool(a, &nn_op_maxpool, false);
}

bool nn_onnx_lower_average_pool(nn_onnx_at *a)
{
    return pool(a, &nn_op_avgpool, nn_onnx_at_int(a, "count_include_pad", 0));
}

bool nn_onnx_lower_global_pool(nn_onnx_at *a)
{
    static const int8_t rows[2] = { 0, 1 };
    bool mean = !strcmp(a->node->op_type, "GlobalAveragePool");
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *y;
    int64_t dim[SHAPE_MAX_RANK], own[4];
    struct nn_pool p = { .whole = false };
    int rank = x ? x->rank : 0, in;

    if (x && (nn_onnx_is_const(x) || rank < 3))
        return err_set(a->r->err, ERR_UNSUPPORTED, "pictures have 4 dimensions, it has %d", rank);
    for (int d = 0; d < rank; d++)
        dim[d] = d < 2 ? x->dim[d] : 1;
    own[0] = x ? x->dim[0] : 0;
    own[1] = x ? x->dim[1] : 0;
    own[2] = x ? nn_onnx_count(rank - 3, x->dim + 2) : 0;
    own[3] = x ? x->dim[rank - 1] : 0;
    x = x ? nn_onnx_v_reshape(a->r, x, 4, own) : NULL;
    in = x ? nn_onnx_place(a->r, x, 4, nhwc) : -1;
    if (in < 0)
        return false;
    p.size[0] = own[2] > INT_MAX ? 0 : (int)own[2];
    p.size[1] = own[3] > INT_MAX ? 0 : (int)own[3];
    if (mean)
        y = nn_onnx_new_node(a->r, x->type, 2, x->dim,
                             nn_onnx_emit(a->r, &nn_op_meanpool, NULL, 1, &in), 2, rows);
    else
        y = nn_onnx_new_node(a->r, x->type, 4, (int64_t[]){ own[0], own[1], 1, 1 },
                             nn_onnx_emit(a->r, &nn_op_maxpool, &p, 1, &in), 4, nhwc);
    return nn_onnx_at_done(a, y && (mean || rank != 4) ? nn_onnx_v_reshape(a->r, y, rank, dim) : y);
}
