/*
 * dropout -- TRAIN: y = 0 with probability rate, else x / (1 - rate); INFER: y = x
 *
 * Number i is dropped where rng(seed, stream, counter + i) < rate.  Backward draws the same numbers
 * again, so that nothing is kept.  Srivastava et al. 2014, with the scale in training ("inverted").
 */
#include "nn/op/dropout.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <string.h>

static const struct field attrs[] = {
    FIELD_FLOAT(struct nn_dropout, rate, NULL, 0, 0, 0.99, "share of the numbers that is dropped"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    (void)n_in;
    *out = in[0];
    return nn_type_fits(&nn_op_dropout, out, err);
}

/* The generator is about 40 integer operations a number. */
static int64_t flops(const struct nn_call *c)
{
    return c->mode == NN_TRAIN ? 40 * shape_count(&c->y.shape) : 0;
}

/* What number i is multiplied by. */
static real factor(const struct nn_call *c, int64_t i)
{
    double rate = ((const struct nn_dropout *)c->attr)->rate;

    return rng_f32(c->seed, c->stream, c->counter + (uint64_t)i) < (float)rate
               ? 0
               : (real)(1 / (1 - rate));
}

static void forward_range(const struct nn_call *c, int64_t first, int64_t n)
{
    const real *x = c->x[0].data;
    real *y = c->y.data;

    if (c->mode == NN_TRAIN)
        for (int64_t i = first; i < first + n; i++)
            y[i] = x[i] * factor(c, i);
    else if (x != y)
        memcpy(y + first, x + first, (size_t)n * sizeof *y);
}

static void forward(const struct nn_call *c)
{
    nn_each_range(c, shape_count(&c->y.shape), forward_range);
}

static void backward_range(const struct nn_call *c, int64_t first, int64_t n)
{
    const real *dy = c->dy.data;
    real *dx = c->dx[0].data;

    for (int64_t i = first; i < first + n; i++)
        dx[i] += dy[i] * factor(c, i);
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_range(c, shape_count(&c->y.shape), backward_range);
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    (void)err;
    return nn_onnx_begin(o, "Identity", 1, node->in, node->out);
}

const struct nn_op nn_op_dropout = {
    .name = "dropout", .onnx = "Dropout", .doc = "while training, drops numbers at random",
    .in_min = 1, .in_max = 1, .flags = NN_OP_INPLACE | NN_OP_RANDOM | NN_OP_TRAIN_ONLY,
    .attr_size = sizeof(struct nn_dropout), .attrs = attrs,
    .type = type, .flops = flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "rate=0.5", "3x7", NULL },
        { "rate=0.2", "2x3x3x5", NULL }, { "", "2x3", NULL },
        { "rate=0.3", "2x9001", NULL },         /* several pieces */
        { NULL, NULL, NULL }
    },
};
