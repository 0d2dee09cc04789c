/*
 * softmax -- y_i = exp(x_i) / sum_j exp(x_j) over the last dimension
 *
 * Computed with the largest x taken off, so that nothing overflows.
 */
#include "nn/io/onnx.h"
#include "nn/op.h"

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    (void)n_in;
    if (in[0].rank < 2)
        return err_set(err, ERR_INPUT, "softmax: needs a dimension after the batch");
    *out = in[0];
    return nn_type_fits(&nn_op_softmax, out, err);
}

/* An exponential, a division and the sums: about 20. */
static int64_t flops(const struct nn_call *c)
{
    return 20 * shape_count(&c->y.shape);
}

static int64_t width(const struct nn_call *c)
{
    return c->y.shape.dim[c->y.shape.rank - 1];
}

static void forward_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int64_t n = width(c);

    c->k->softmax_f32(rows, (int)n, (const real *)c->x[0].data + row * n,
                      (real *)c->y.data + row * n);
}

static void forward(const struct nn_call *c)
{
    nn_each_rows(c, shape_count(&c->y.shape) / width(c), width(c), forward_rows);
}

static void backward_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int64_t n = width(c);

    c->k->softmax_dx_f32(rows, (int)n, (const real *)c->y.data + row * n,
                         (const real *)c->dy.data + row * n, (real *)c->dx[0].data + row * n);
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_rows(c, shape_count(&c->y.shape) / width(c), width(c), backward_rows);
}

/* A picture's channels are dimension 1 there. */
static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    bool picture = node->graph->node[node->id].type.rank == 4;

    (void)err;
    return nn_onnx_begin(o, "Softmax", 1, node->in, node->out) &&
           nn_onnx_int(o, "axis", picture ? 1 : -1);
}

const struct nn_op nn_op_softmax = {
    .name = "softmax", .onnx = "Softmax", .doc = "exp(x) / sum of exp(x) over the last dimension",
    .in_min = 1, .in_max = 1, .keep = NN_KEEP_Y, .flags = NN_OP_INPLACE,
    .type = type, .flops = flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "3x7", NULL }, { "", "2x1", NULL }, { "", "2x3x2x5", NULL }, { NULL, NULL, NULL }
    },
};
