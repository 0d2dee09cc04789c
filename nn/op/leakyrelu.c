/*
 * leakyrelu -- y = x where x > 0, slope x elsewhere
 *
 * The slope is above 0, so that y has the sign of x.  The gradient at 0 is the slope.
 * Maas et al. 2013, "Rectifier nonlinearities improve neural network acoustic models".
 */
#include "nn/op/leakyrelu.h"
#include "nn/op.h"

static const struct field attrs[] = {
    FIELD_FLOAT(struct nn_leakyrelu, slope, "alpha", 0.01, 1e-4, 1, "what numbers below 0 keep"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    (void)n_in;
    *out = in[0];
    return nn_type_fits(&nn_op_leakyrelu, out, err);
}

static void forward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    const struct nn_leakyrelu *a = c->attr;

    c->k->leaky_f32(n, (real)a->slope, (const real *)c->x[0].data + i, (real *)c->y.data + i);
}

static void forward(const struct nn_call *c)
{
    nn_each_range(c, shape_count(&c->y.shape), forward_range);
}

static void backward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    const struct nn_leakyrelu *a = c->attr;

    c->k->leaky_dx_f32(n, (real)a->slope, (const real *)c->y.data + i,
                       (const real *)c->dy.data + i, (real *)c->dx[0].data + i);
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_range(c, shape_count(&c->y.shape), backward_range);
}

const struct nn_op nn_op_leakyrelu = {
    .name = "leakyrelu", .onnx = "LeakyRelu", .doc = "y = x where x > 0, slope x elsewhere",
    .in_min = 1, .in_max = 1, .keep = NN_KEEP_Y, .flags = NN_OP_INPLACE | NN_OP_HALF,
    .attr_size = sizeof(struct nn_leakyrelu), .attrs = attrs,
    .type = type, .forward = forward, .backward = backward,
    .cases = (const struct nn_case[]){
        { "", "2x5", NULL }, { "slope=0.2", "2x3x3x7", NULL }, { NULL, NULL, NULL }
    },
};
