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
    const struct nn_pool *a = attr;

    (void)n_in;
    for (int i = 0; i < 4; i++)
        if (a->pad[i] >= a->size[i % 2])        /* else a window might hold nothing */
            return err_set(err, ERR_INPUT, "avgpool: pad %d must be smaller than size %d",
                           a->pad[i], a->size[i % 2]);
    return nn_type_window(&nn_op_avgpool, &in[0], a->size, a->stride, NULL, a->pad, out, err);
}

static struct nn_window window(const struct nn_call *c)
{
    const struct nn_pool *a = c->attr;
    const int64_t *dim = c->x[0].shape.dim;

    return nn_window_of(dim[1], dim[2], dim[3], a->size, a->stride, NULL, a->pad);
}

static int64_t flops(const struct nn_call *c)
{
    const struct nn_pool *a = c->attr;

    return shape_count(&c->y.shape) * a->size[0] * a->size[1];
}

/* Numbers of one picture. */
static int64_t each(const struct tensor *t)
{
    return t->shape.dim[1] * t->shape.dim[2] * t->shape.dim[3];
}

static void forward_band(const struct nn_call *c, const struct nn_window *band, int64_t n,
                         int64_t first)
{
    const struct nn_pool *a = c->attr;

    c->k->avgpool_f32(band, a->whole, (const real *)c->x[0].data + n * each(&c->x[0]),
                      (real *)c->y.data + n * each(&c->y) + first);
}

static void forward(const struct nn_call *c)
{
    struct nn_window w = window(c);

    nn_each_band(c, c->y.shape.dim[0], &w, forward_band);
}

static void backward_rows(const struct nn_call *c, int64_t n, int64_t count)
{
    const struct nn_pool *a = c->attr;
    struct nn_window w = window(c);

    for (int64_t i = n; i < n + count; i++)
        c->k->avgpool_dx_f32(&w, a->whole, (const real *)c->dy.data + i * each(&c->y),
                             (real *)c->dx[0].data + i * each(&c->x[0]));
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_rows(c, c->y.shape.dim[0], each(&c->x[0]), backward_rows);
}

const struct nn_op nn_op_avgpool = {
    .name = "avgpool", .onnx = "AveragePool", .doc = "mean under a window",
    .in_min = 1, .in_max = 1,
    .attr_size = sizeof(struct nn_pool), .attrs = attrs,
    .type = type, .flops = flops, .forward = forward, .backward = backward,
    .cases = (const struct nn_case[]){
        { "size=2 stride=2", "2x4x6x3", NULL },
        { "size=3 stride=2 pad=1", "2x7x5x4", NULL },
        { "size=3 stride=2 pad=1 whole=true", "2x7x5x4", NULL },
        { "size=3x2 stride=1x3 pad=1x0x2x1", "1x5x6x3", NULL },
        { "size=24 stride=2 pad=11", "2x26x26x1", NULL },           /* several bands */
        { NULL, NULL, NULL }
    },
};
