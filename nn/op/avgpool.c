/*
 * avgpool -- mean under a window
 *
 * y[n,i,j,c] = mean over r,s of x[n, i*stride-top+r, j*stride-left+s, c]
 * Over the places inside the picture, or, with `whole`, over the window with 0 for padding.  Out
 * size (H + pads - size) / stride + 1, rounded down, as ONNX AveragePool-11
 * (whole = count_include_pad).
 */
#include "nn/op/pool.h"

static const struct field attrs[] = {
    NN_POOL_FIELDS,
    { .name = "whole", .onnx = "count_include_pad", .kind = FIELD_KIND_BOOL, .count = 1,
      .offset = offsetof(struct nn_pool, whole), .doc = "padding counts in the mean" },
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)n_in;
    return nn_pool_type(&nn_op_avgpool, attr, &in[0], out, err);
}

static void forward_band(const struct nn_call *c, const struct nn_window *band, int64_t n,
                         int64_t first)
{
    const struct nn_pool *a = c->attr;
    const void *x = tensor_at(&c->x[0], n * nn_pool_each(&c->x[0]));
    void *y = tensor_at(&c->y, n * nn_pool_each(&c->y) + first);

    if (c->y.dtype == DTYPE_BF16)
        c->k->avgpool_bf16(band, a->whole, x, true, y);
    else
        c->k->avgpool_f32(band, a->whole, x, y);
}

static void forward(const struct nn_call *c)
{
    struct nn_window w = nn_pool_window(c);

    nn_each_band(c, c->y.shape.dim[0], &w, forward_band);
}

static void backward_rows(const struct nn_call *c, int64_t n, int64_t count)
{
    const struct nn_pool *a = c->attr;
    struct nn_window w = nn_pool_window(c);

    for (int64_t i = n; i < n + count; i++) {
        const void *dy = tensor_at(&c->dy, i * nn_pool_each(&c->y));
        void *dx = tensor_at(&c->dx[0], i * nn_pool_each(&c->x[0]));

        if (c->dy.dtype == DTYPE_BF16)
            c->k->avgpool_dx_bf16(&w, a->whole, true, dy, !(c->fresh & 1), dx);
        else
            c->k->avgpool_dx_f32(&w, a->whole, dy, !(c->fresh & 1), dx);
    }
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_rows_as_is(c, c->y.shape.dim[0], nn_pool_each(&c->x[0]), backward_rows);
}

const struct nn_op nn_op_avgpool = {
    .name = "avgpool", .onnx = "AveragePool", .doc = "mean under a window",
    .in_min = 1, .in_max = 1, .flags = NN_OP_HALF | NN_OP_ALIKE, .fresh = 1,
    .attr_size = sizeof(struct nn_pool), .attrs = attrs,
    .type = type, .flops = nn_pool_flops, .forward = forward, .backward = backward,
    .cases = (const struct nn_case[]){
        { "size=2 stride=2", "2x4x6x3", NULL },
        { "size=3 stride=2 pad=1", "2x7x5x4", NULL },
        { "size=3 stride=2 pad=1 whole=true", "2x7x5x4", NULL },
        { "size=3x2 stride=1x3 pad=1x0x2x1", "1x5x6x3", NULL },
        { "size=24 stride=2 pad=11", "2x26x26x1", NULL },           /* several bands */
        { NULL, NULL, NULL }
    },
};
