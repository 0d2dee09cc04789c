/*
 * add -- y = a + b, of one shape
 */
#include "nn/op.h"

#include <string.h>

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    (void)n_in;
    return nn_type_alike(&nn_op_add, in, out, err);
}

static void forward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    c->k->add_f32(n, (const real *)c->x[0].data + i, (const real *)c->x[1].data + i,
                  (real *)c->y.data + i);
}

static void forward(const struct nn_call *c)
{
    nn_each_range(c, shape_count(&c->y.shape), forward_range);
}

static void backward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    for (int k = 0; k < 2; k++) {
        real *dx = c->dx[k].data;

        if (dx && c->fresh >> k & 1)
            memcpy(dx + i, (const real *)c->dy.data + i, (size_t)n * sizeof *dx);
        else if (dx)
            c->k->add_f32(n, dx + i, (const real *)c->dy.data + i, dx + i);
    }
}

static void backward(const struct nn_call *c)
{
    nn_each_range(c, shape_count(&c->y.shape), backward_range);
}

const struct nn_op nn_op_add = {
    .name = "add", .onnx = "Add", .doc = "y = a + b, of one shape",
    .in_min = 2, .in_max = 2, .fresh = 3, .flags = NN_OP_INPLACE | NN_OP_HALF,
    .type = type, .forward = forward, .backward = backward,
    .cases = (const struct nn_case[]){
        { "", "2x5 2x5", NULL }, { "", "2x3x3x7 2x3x3x7", NULL }, { NULL, NULL, NULL }
    },
};
