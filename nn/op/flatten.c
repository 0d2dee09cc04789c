/*
 * flatten -- [N, a, b, ...] -> [N, a*b*...], in our order: a picture's channels are the fastest
 */
#include "nn/io/onnx.h"
#include "nn/op.h"

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    int64_t n = 1;

    (void)attr;
    (void)n_in;
    if (in[0].rank < 1 || !in[0].dim[0].batch)
        return err_set(err, ERR_INPUT, "flatten: needs a batch");
    if (!nn_type_fits(&nn_op_flatten, &in[0], err))
        return false;
    for (int i = 1; i < in[0].rank; i++)
        n *= in[0].dim[i].n;
    *out = (struct nn_type){ .dtype = in[0].dtype, .rank = 2, .dim = { in[0].dim[0] } };
    out->dim[1].n = (int32_t)n;
    return true;
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_graph *g = node->graph;
    const char *x = nn_onnx_to_nhwc(o, node->in[0], &g->node[g->node[node->id].in[0]].type);

    (void)err;
    return nn_onnx_begin(o, "Flatten", 1, &x, node->out) && nn_onnx_int(o, "axis", 1);
}

const struct nn_op nn_op_flatten = {
    .name = "flatten", .onnx = "Flatten", .doc = "all dimensions after the batch become one",
    .in_min = 1, .in_max = 1, .flags = NN_OP_INPLACE | NN_OP_HALF,
    .type = type, .flops = nn_no_flops, .forward = nn_identity_forward,
    .backward = nn_identity_backward, .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "2x3x2x5", NULL }, { "", "3x4", NULL }, { NULL, NULL, NULL }
    },
};
