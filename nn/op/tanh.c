/*
 * tanh -- y = tanh(x)
 */
#include "nn/op.h"

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    (void)n_in;
    *out = in[0];
    return nn_type_fits(&nn_op_tanh, out, err);
}

/* An exponential and a division: about 20. */
static int64_t flops(const struct nn_call *c)
{
    return 20 * shape_count(&c->y.shape);
}

static void forward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    c->k->tanh_f32(n, (const real *)c->x[0].data + i, (real *)c->y.data + i);
}

static void forward(const struct nn_call *c)
{
    nn_each_range(c, shape_count(&c->y.shape), forward_range);
}

static void backward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    c->k->tanh_dx_f32(n, (const real *)c->y.data + i, (const real *)c->dy.data + i,
                      (real *)c->dx[0].data + i);
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_range(c, shape_count(&c->y.shape), backward_range);
}

const struct nn_op nn_op_tanh = {
    .name = "tanh", .onnx = "Tanh", .doc = "y = tanh(x)",
    .in_min = 1, .in_max = 1, .keep = NN_KEEP_Y, .flags = NN_OP_INPLACE | NN_OP_HALF,
    .type = type, .flops = flops, .forward = forward, .backward = backward,
    .cases = (const struct nn_case[]){
        { "", "2x5", NULL }, { "", "2x3x3x7", NULL }, { NULL, NULL, NULL }
    },
};
