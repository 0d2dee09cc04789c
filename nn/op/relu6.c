/*
 * relu6 -- y = min(max(x, 0), 6)
 *
 * NaN stays.  The gradient at 0 and at 6 is 0.  (Howard et al. 2017, MobileNets.)
 */
#include "nn/io/onnx.h"
#include "nn/op.h"

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    (void)n_in;
    *out = in[0];
    return nn_type_fits(&nn_op_relu6, out, err);
}

static void cut(const void *attr, real *lo, real *hi)
{
    (void)attr;
    *lo = 0;
    *hi = 6;
}

static void forward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    c->k->clamp_f32(n, 0, 6, (const real *)c->x[0].data + i, (real *)c->y.data + i);
}

static void forward(const struct nn_call *c)
{
    nn_each_range(c, shape_count(&c->y.shape), forward_range);
}

static void backward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    c->k->clamp_dx_f32(n, 0, 6, (const real *)c->y.data + i, (const real *)c->dy.data + i,
                       (real *)c->dx[0].data + i);
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_range(c, shape_count(&c->y.shape), backward_range);
}

/* The limits are inputs since opset 11. */
static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const char *in[3] = { node->in[0] };

    (void)err;
    in[1] = nn_onnx_scalar(o, "min", 0);
    in[2] = nn_onnx_scalar(o, "max", 6);
    return nn_onnx_begin(o, "Clip", 3, in, node->out);
}

const struct nn_op nn_op_relu6 = {
    .name = "relu6", .onnx = "Clip", .doc = "y = min(max(x, 0), 6)",
    .in_min = 1, .in_max = 1, .keep = NN_KEEP_Y, .flags = NN_OP_INPLACE | NN_OP_HALF,
    .type = type, .cut = cut, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "2x5", NULL }, { "", "2x3x3x7", NULL }, { NULL, NULL, NULL }
    },
};
