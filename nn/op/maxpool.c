/*
 * maxpool -- largest value under a window
 *
 * y[n,i,j,c] = max over r,s of x[n, i*stride-top+r, j*stride-left+s, c]
 * Padding never wins; NaN does.  Out size (H + pads - size) / stride + 1, rounded down, as ONNX
 * MaxPool-12.  The gradient goes to the first of equals in row order.
 */
#include "nn/op/pool.h"

static const struct field attrs[] = {
    NN_POOL_FIELDS,
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)n_in;
    return nn_pool_type(&nn_op_maxpool, attr, &in[0], out, err);
}

static void space(const struct nn_call *c, size_t *stash, size_t *scratch)
{
    *stash = c->mode == NN_TRAIN ? (size_t)shape_count(&c->y.shape) * sizeof(int32_t) : 0;
    *scratch = 0;
}

static void forward_band(const struct nn_call *c, const struct nn_window *band, int64_t n,
                         int64_t first)
{
    int64_t at = n * nn_pool_each(&c->y) + first;
    const void *x = tensor_at(&c->x[0], n * nn_pool_each(&c->x[0]));
    void *y = tensor_at(&c->y, at);
    int32_t *where = c->stash ? (int32_t *)c->stash + at : NULL;

    if (c->y.dtype == DTYPE_BF16)
        c->k->maxpool_bf16(band, x, y, where);
    else
        c->k->maxpool_f32(band, x, y, where);
}

static void forward(const struct nn_call *c)
{
    struct nn_window w = nn_pool_window(c);

    nn_each_band(c, c->y.shape.dim[0], &w, forward_band);
}

static void forward_rows(const struct nn_call *c, int64_t picture, int first, int n, int worker)
{
    struct nn_window w = nn_pool_window(c);

    (void)worker;
    w.oh = n;
    w.pt -= first * w.sh;
    forward_band(c, &w, picture, (int64_t)first * w.ow * w.c);
}

static bool sees(const struct nn_call *c, int first, int n, int64_t *from, int64_t *end)
{
    const struct nn_pool *a = c->attr;

    *from = (int64_t)first * a->stride[0] - a->pad[0];
    *end = *from + (int64_t)(n - 1) * a->stride[0] + a->size[0];
    return true;
}

static void backward_rows(const struct nn_call *c, int64_t n, int64_t count)
{
    int64_t in = nn_pool_each(&c->x[0]), out = nn_pool_each(&c->y);
    struct nn_window w = nn_pool_window(c);

    for (int64_t i = n; i < n + count; i++) {
        const int32_t *where = (const int32_t *)c->stash + i * out;
        const void *dy = tensor_at(&c->dy, i * out);
        void *dx = tensor_at(&c->dx[0], i * in);

        if (c->dy.dtype == DTYPE_BF16)
            c->k->maxpool_dx_bf16(&w, where, dy, !(c->fresh & 1), dx);
        else
            c->k->maxpool_dx_f32(&w, where, dy, !(c->fresh & 1), dx);
    }
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_rows_as_is(c, c->y.shape.dim[0], nn_pool_each(&c->y), backward_rows);
}

const struct nn_op nn_op_maxpool = {
    .name = "maxpool", .onnx = "MaxPool", .doc = "largest value under a window",
    .in_min = 1, .in_max = 1, .keep = NN_KEEP_STASH, .flags = NN_OP_HALF | NN_OP_ALIKE,
    .fresh = 1,
    .attr_size = sizeof(struct nn_pool), .attrs = attrs,
    .type = type, .flops = nn_pool_flops, .space = space, .forward = forward, .rows = forward_rows,
    .sees = sees, .backward = backward,
    .cases = (const struct nn_case[]){
        { "size=2 stride=2", "2x4x6x3", NULL },
        { "size=3 stride=2 pad=1", "2x7x5x4", NULL },
        { "size=3x2 stride=1x3 pad=1x0x2x1", "1x5x6x3", NULL },
        { "size=24 stride=2 pad=11", "2x26x26x1", NULL },           /* several bands */
        { "size=1", "2x3x3x2", NULL },
        { NULL, NULL, NULL }
    },
};
