/*
 * transpose -- the dimensions after the batch in another order
 *
 * y[n, i, j, k] = x[n, ...] with dimension d of y being dimension perm[d] of x, counted as ours
 * lie; the batch stays first.
 */
#include "nn/op/transpose.h"
#include "nn/io/onnx.h"

static const struct field attrs[] = {
    FIELD_LIST(struct nn_transpose, perm, SHAPE_MAX_RANK - 1, 0, SHAPE_MAX_RANK - 1,
               "for each dimension after the batch the one of x, from 1"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_transpose *a = attr;
    unsigned seen = 0;

    (void)n_in;
    if (in[0].rank < 1 || !in[0].dim[0].batch)
        return err_set(err, ERR_INPUT, "transpose: needs a batch");
    *out = in[0];
    for (int d = 1; d < SHAPE_MAX_RANK; d++) {
        int from = a->perm[d - 1];

        if (d >= in[0].rank ? from != 0 : from < 1 || from >= in[0].rank || seen >> from & 1)
            return err_set(err, ERR_INPUT,
                           "transpose: perm does not name each of %d dimensions once",
                           in[0].rank - 1);
        seen |= 1u << from;
        if (d < in[0].rank)
            out->dim[d] = in[0].dim[from];
    }
    return nn_type_fits(&nn_op_transpose, out, err);
}

struct nn_strided nn_transpose_places(const struct nn_call *c)
{
    const struct nn_transpose *a = c->attr;
    const struct shape *x = &c->x[0].shape;
    struct nn_strided s = { .rank = x->rank, .n_in = 1 };
    int64_t step[SHAPE_MAX_RANK], count = 1;

    for (int d = x->rank - 1; d >= 0; count *= x->dim[d--])
        step[d] = count;
    for (int d = 0; d < x->rank; d++) {
        s.dim[d] = c->y.shape.dim[d];
        s.step[0][d] = step[d ? a->perm[d - 1] : 0];
    }
    return s;
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t count)
{
    struct nn_strided s = nn_transpose_places(c);

    nn_strided_copy(&s, c, first, count);
}

static void forward(const struct nn_call *c)
{
    struct nn_strided s = nn_transpose_places(c);

    nn_each_rows(c, nn_strided_rows(&s), nn_strided_width(&s), forward_rows);
}

static void backward_rows(const struct nn_call *c, int64_t first, int64_t count)
{
    struct nn_strided s = nn_transpose_places(c);
    int64_t n = nn_strided_width(&s), next = nn_strided_next(&s, 0), at[NN_STRIDED_IN];

    for (int64_t r = first; r < first + count; r++) {
        const real *dy = (const real *)c->dy.data + r * n;
        real *dx;

        nn_strided_at(&s, r, at);
        dx = (real *)c->dx[0].data + at[0];
        for (int64_t i = 0; i < n; i++)
            dx[i * next] += dy[i];
    }
}

static void backward(const struct nn_call *c)
{
    struct nn_strided s = nn_transpose_places(c);

    if (c->dx[0].data)
        nn_each_rows(c, nn_strided_rows(&s), nn_strided_width(&s), backward_rows);
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_transpose *a = node->attr;
    const struct nn_type *t = &node->graph->node[node->id].type;
    int perm[SHAPE_MAX_RANK];

    (void)err;
    for (int d = 0; d < t->rank; d++) {
        int ours = nn_onnx_ours(t->rank, d);

        perm[d] = nn_onnx_axis(t->rank, ours ? a->perm[ours - 1] : 0);
    }
    return nn_onnx_begin(o, "Transpose", 1, node->in, node->out) &&
           nn_onnx_ints(o, "perm", t->rank, perm);
}

const struct nn_op nn_op_transpose = {
    .name = "transpose", .onnx = "Transpose",
    .doc = "the dimensions after the batch in another order",
    .in_min = 1, .in_max = 1,
    .attr_size = sizeof(struct nn_transpose), .attrs = attrs,
    .type = type, .flops = nn_no_flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "perm=2x1", "2x3x5", NULL }, { "perm=3x1x2", "2x3x4x5", NULL },
        { "perm=1x3x2", "1x3x2x4", NULL }, { "perm=4x2x1x3", "2x3x1x2x4", NULL },
        { "perm=1x2", "2x3x4", NULL }, { "perm=2x1", "2x130x90", NULL },    /* several pieces */
        { NULL, NULL, NULL }
    },
};
