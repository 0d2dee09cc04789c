/*
 * meanpool -- mean over all pixels of a picture: [N,H,W,C] -> [N,C]
 *
 * ONNX GlobalAveragePool, which keeps the two dimensions of size 1.
 */
#include "nn/io/onnx.h"
#include "nn/op.h"

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const int one[2] = { 1, 1 }, none[4] = { 0 };

    (void)attr;
    (void)n_in;
    if (!nn_type_window(&nn_op_meanpool, &in[0], one, one, NULL, none, out, err))
        return false;
    out->rank = 2;
    out->dim[1] = in[0].dim[3];
    return nn_type_fits(&nn_op_meanpool, out, err);
}

/* One window, as large as the picture. */
static struct nn_window window(const struct nn_call *c)
{
    const int64_t *dim = c->x[0].shape.dim;
    const int size[2] = { (int)dim[1], (int)dim[2] }, one[2] = { 1, 1 }, none[4] = { 0 };

    return nn_window_of(dim[1], dim[2], dim[3], size, one, NULL, none);
}

static int64_t flops(const struct nn_call *c)
{
    return shape_count(&c->x[0].shape);
}

static void forward_rows(const struct nn_call *c, int64_t n, int64_t count)
{
    struct nn_window w = window(c);
    int64_t in = (int64_t)w.h * w.w * w.c;

    for (int64_t i = n; i < n + count; i++) {
        const void *x = tensor_at(&c->x[0], i * in);
        real *y = (real *)c->y.data + i * w.c;

        if (c->x[0].dtype == DTYPE_BF16)
            c->k->avgpool_bf16(&w, true, x, false, y);
        else
            c->k->avgpool_f32(&w, true, x, y);
    }
}

static void forward(const struct nn_call *c)
{
    int64_t n = c->y.shape.dim[0];

    nn_each_rows_as_is(c, n, shape_count(&c->x[0].shape) / n, forward_rows);
}

static void backward_rows(const struct nn_call *c, int64_t n, int64_t count)
{
    struct nn_window w = window(c);
    int64_t in = (int64_t)w.h * w.w * w.c;

    for (int64_t i = n; i < n + count; i++) {
        const real *dy = (const real *)c->dy.data + i * w.c;
        void *dx = tensor_at(&c->dx[0], i * in);

        if (c->dx[0].dtype == DTYPE_BF16)
            c->k->avgpool_dx_bf16(&w, true, false, dy, !(c->fresh & 1), dx);
        else
            c->k->avgpool_dx_f32(&w, true, dy, !(c->fresh & 1), dx);
    }
}

static void backward(const struct nn_call *c)
{
    int64_t n = c->y.shape.dim[0];

    if (c->dx[0].data)
        nn_each_rows_as_is(c, n, shape_count(&c->x[0].shape) / n, backward_rows);
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const char *pooled = nn_onnx_name(o, node->out);

    (void)err;
    return nn_onnx_begin(o, "GlobalAveragePool", 1, node->in, pooled) &&
           nn_onnx_begin(o, "Flatten", 1, &pooled, node->out) && nn_onnx_int(o, "axis", 1);
}

const struct nn_op nn_op_meanpool = {
    .name = "meanpool", .onnx = "GlobalAveragePool", .doc = "mean over all pixels of a picture",
    .in_min = 1, .in_max = 1, .flags = NN_OP_HALF, .fresh = 1,
    .type = type, .flops = flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "2x3x5x4", NULL }, { "", "3x1x1x7", NULL }, { NULL, NULL, NULL }
    },
};
