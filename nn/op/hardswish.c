/*
 * hardswish -- y = x min(max(x + 3, 0), 6) / 6
 *
 * The gradient is 0 at -3 and 1 at 3.  Howard et al. 2019, MobileNetV3, arXiv:1905.02244.
 */
#include "nn/io/onnx.h"
#include "nn/op.h"

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    (void)n_in;
    *out = in[0];
    return nn_type_fits(&nn_op_hardswish, out, err);
}

/* Sum, limits, product, division. */
static int64_t flops(const struct nn_call *c)
{
    return 5 * shape_count(&c->y.shape);
}

static void forward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    c->k->hardswish_f32(n, (const real *)c->x[0].data + i, (real *)c->y.data + i);
}

static void forward(const struct nn_call *c)
{
    nn_each_range(c, shape_count(&c->y.shape), forward_range);
}

static void backward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    c->k->hardswish_dx_f32(n, (const real *)c->x[0].data + i, (const real *)c->dy.data + i,
                           (real *)c->dx[0].data + i);
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_range(c, shape_count(&c->y.shape), backward_range);
}

/* HardSwish itself came with opset 14. */
static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const char *share = nn_onnx_name(o, node->out);

    (void)err;
    return nn_onnx_begin(o, "HardSigmoid", 1, node->in, share) &&
           nn_onnx_float(o, "alpha", 1.0 / 6) && nn_onnx_float(o, "beta", 0.5) &&
           nn_onnx_begin(o, "Mul", 2, (const char *[]){ node->in[0], share }, node->out);
}

const struct nn_op nn_op_hardswish = {
    .name = "hardswish", .doc = "y = x min(max(x + 3, 0), 6) / 6",
    .in_min = 1, .in_max = 1, .keep = NN_KEEP_X, .flags = NN_OP_INPLACE | NN_OP_HALF,
    .type = type, .flops = flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "2x5", NULL }, { "", "2x3x3x7", NULL }, { NULL, NULL, NULL }
    },
};
