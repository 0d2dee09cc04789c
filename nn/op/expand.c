/*
 * expand -- repeated to a shape
 *
 * Dimensions are aligned at the last one; those of 1 are repeated.  A parameter, which has no
 * batch, is repeated for every picture of a second input, of which nothing is read but that: the
 * class token of a transformer.  The gradient is a sum in the order of the result.
 */
#include "nn/op/expand.h"
#include "nn/io/onnx.h"
#include "nn/op/strided.h"

#include <limits.h>

static const struct field attrs[] = {
    FIELD_LIST(struct nn_expand, shape, SHAPE_MAX_RANK - 1, 0, INT_MAX,
               "dimensions after the batch"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_expand *a = attr;
    const struct nn_type *with = &in[n_in - 1];
    struct nn_type both[2], same;

    if (with->rank < 1 || !with->dim[0].batch)
        return err_set(err, ERR_INPUT, "expand: needs a batch");
    *out = (struct nn_type){ .dtype = in[0].dtype, .rank = 1, .dim = { with->dim[0] } };
    for (int i = 0; i < SHAPE_MAX_RANK - 1 && a->shape[i]; i++)
        out->dim[out->rank++].n = a->shape[i];
    both[0] = *out;
    both[1] = in[0];
    if (!nn_type_fits(&nn_op_expand, out, err) ||
        !nn_strided_type(&nn_op_expand, 2, both, &same, err))
        return false;
    return nn_type_equal(&same, out) ||
           err_set(err, ERR_INPUT, "expand: the shape has less than what is to be repeated");
}

static struct nn_strided places(const struct nn_call *c)
{
    struct nn_call one = *c;

    one.n_in = 1;
    return nn_strided_broadcast(&one);
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t count)
{
    struct nn_strided s = places(c);

    nn_strided_copy(&s, c, first, count);
}

static void forward(const struct nn_call *c)
{
    struct nn_strided s = places(c);

    nn_each_rows(c, nn_strided_rows(&s), nn_strided_width(&s), forward_rows);
}

/* One thread, in order: several numbers of dy are of one of dx. */
static void backward(const struct nn_call *c)
{
    struct nn_strided s = places(c);
    int64_t n = nn_strided_width(&s), next = nn_strided_next(&s, 0), at[NN_STRIDED_IN];

    for (int64_t r = 0; c->dx[0].data && r < nn_strided_rows(&s); r++) {
        nn_strided_at(&s, r, at);
        for (int64_t i = 0; i < n; i++)
            ((real *)c->dx[0].data)[at[0] + i * next] += ((const real *)c->dy.data)[r * n + i];
    }
}

/* The batch is that of the value in question: 1 leaves it as it is, and a parameter's is taken from
 * the shape of the other. */
static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_graph *g = node->graph;
    const struct nn_node *n = &g->node[node->id];
    int rank = n->type.rank;
    int64_t dim[SHAPE_MAX_RANK] = { 1 }, zero = 0, one = 1;
    const char *x = nn_onnx_turned(o, node->in[0], &g->node[n->in[0]].type), *shape;
    const char *all, *first, *to, *y = rank == 4 ? nn_onnx_name(o, node->out) : node->out;

    (void)err;
    for (int d = 1; d < rank; d++)
        dim[d] = n->type.dim[d].n;
    if (node->n_in == 1) {
        to = nn_onnx_int64s(o, "shape", rank, dim);
    } else {
        all = nn_onnx_name(o, "shape");
        first = nn_onnx_name(o, "batch");
        to = nn_onnx_name(o, "shape");
        shape = nn_onnx_int64s(o, "shape", rank - 1, dim + 1);
        if (!all || !first || !to || !shape ||
            !nn_onnx_begin(o, "Shape", 1, &node->in[1], all) ||
            !nn_onnx_begin(o, "Slice", 3, (const char *[]){ all,
                               nn_onnx_int64s(o, "from", 1, &zero),
                               nn_onnx_int64s(o, "to", 1, &one) }, first) ||
            !nn_onnx_begin(o, "Concat", 2, (const char *[]){ first, shape }, to) ||
            !nn_onnx_int(o, "axis", 0))
            return false;
    }
    return x && to && y && nn_onnx_begin(o, "Expand", 2, (const char *[]){ x, to }, y) &&
           (y == node->out || nn_onnx_from_nhwc(o, y, &n->type, node->out));
}

const struct nn_op nn_op_expand = {
    .name = "expand", .onnx = "Expand", .doc = "repeated to a shape",
    .in_min = 1, .in_max = 2, .no_grad = 2,
    .attr_size = sizeof(struct nn_expand), .attrs = attrs,
    .type = type, .flops = nn_no_flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "shape=3x5", "2x1x5", NULL }, { "shape=4x3x2", "3x4x1x1", NULL },
        { "shape=1x5", "=1x5 2x3x5", NULL }, { "shape=4x5", "=5 3x2", NULL },
        { NULL, NULL, NULL }
    },
};
