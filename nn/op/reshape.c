/*
 * reshape -- other dimensions after the batch, the numbers in the same order
 *
 * With `batch` the first dimension is another one, too: so many of the rest a picture, as windows
 * of a picture or tokens that are looked at one by one.
 */
#include "nn/op/reshape.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <limits.h>

static const struct field attrs[] = {
    FIELD_LIST(struct nn_reshape, shape, SHAPE_MAX_RANK - 1, -1, INT_MAX,
               "dimensions after the batch; -1, at most once, is what the others leave"),
    FIELD_INT(struct nn_reshape, batch, NULL, 0, 0, INT_MAX,
              "first dimension, of a batch of one; 0: as it is"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_reshape *a = attr;
    int64_t have, given = 1;
    int open = 0;

    (void)n_in;
    if (in[0].rank < 1 || !in[0].dim[0].batch)
        return err_set(err, ERR_INPUT, "reshape: needs a batch");
    if (!nn_type_fits(&nn_op_reshape, &in[0], err))
        return false;
    have = a->batch ? in[0].dim[0].n : 1;
    for (int i = 1; i < in[0].rank; i++)
        have *= in[0].dim[i].n;
    *out = (struct nn_type){ .dtype = in[0].dtype, .rank = 1, .dim = { in[0].dim[0] } };
    if (a->batch)
        out->dim[0].n = a->batch;
    given = a->batch ? a->batch : 1;
    for (int i = 0; i < SHAPE_MAX_RANK - 1 && a->shape[i]; i++) {
        out->dim[out->rank++].n = a->shape[i];
        if (a->shape[i] > 0)
            given *= a->shape[i];
        else if (open)
            return err_set(err, ERR_INPUT, "reshape: more than one -1 in shape");
        else
            open = out->rank - 1;
        if (given > INT_MAX)
            break;
    }
    if (open)
        out->dim[open].n = (int32_t)(have / given);
    if (open ? have % given : have != given)
        return err_set(err, ERR_INPUT,
                       "reshape: %lld numbers a picture do not fill a shape of %lld",
                       (long long)have, (long long)given);
    return nn_type_fits(&nn_op_reshape, out, err);
}

/* In our order of the numbers.  0 keeps the batch as it is. */
static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_reshape *a = node->attr;
    const struct nn_graph *g = node->graph;
    const struct nn_type *type = &g->node[node->id].type;
    int64_t shape[SHAPE_MAX_RANK] = { 0 };
    const char *in[2] = { nn_onnx_to_nhwc(o, node->in[0], &g->node[g->node[node->id].in[0]].type) };
    const char *out = type->rank == 4 ? nn_onnx_name(o, node->out) : node->out;

    (void)err;
    shape[0] = a->batch ? -1 : 0;
    for (int i = 1; i < type->rank; i++)
        shape[i] = type->dim[i].n;
    in[1] = nn_onnx_int64s(o, "shape", type->rank, shape);
    return nn_onnx_begin(o, "Reshape", 2, in, out) &&
           (out == node->out || nn_onnx_from_nhwc(o, out, type, node->out));
}

const struct nn_op nn_op_reshape = {
    .name = "reshape", .onnx = "Reshape", .doc = "other dimensions after the batch",
    .in_min = 1, .in_max = 1, .flags = NN_OP_INPLACE | NN_OP_HALF,
    .attr_size = sizeof(struct nn_reshape), .attrs = attrs,
    .type = type, .flops = nn_no_flops, .forward = nn_identity_forward,
    .backward = nn_identity_backward, .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "shape=2x3x5", "2x30", NULL }, { "shape=5x-1", "2x3x2x5", NULL },
        { "shape=-1", "1x2x3x2", NULL }, { "shape=5 batch=6", "2x2x3x5", NULL },
        { "", "3x1", NULL },
        { NULL, NULL, NULL }
    },
};
