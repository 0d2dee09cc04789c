/*
 * where -- of two values the one or the other, as a third says
 *
 * y = c != 0 ? a : b.  Dimensions are aligned at the last one and equal, or 1 and then repeated; a
 * value without a batch is a parameter.  Gradients of what is repeated are sums in the order of the
 * result.
 */
#include "nn/io/onnx.h"
#include "nn/op/strided.h"

enum { COND, A, B, INPUTS };

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    return nn_strided_type(&nn_op_where, n_in, in, out, err);
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t rows)
{
    struct nn_strided s = nn_strided_broadcast(c);
    int64_t n = nn_strided_width(&s), at[NN_STRIDED_IN];

    for (int64_t r = first; r < first + rows; r++) {
        real *y = (real *)c->y.data + r * n;

        nn_strided_at(&s, r, at);
        for (int64_t i = 0; i < n; i++) {
            int k = ((const real *)c->x[COND].data)[at[COND] + i * nn_strided_next(&s, COND)] != 0
                        ? A : B;

            y[i] = ((const real *)c->x[k].data)[at[k] + i * nn_strided_next(&s, k)];
        }
    }
}

static void forward(const struct nn_call *c)
{
    struct nn_strided s = nn_strided_broadcast(c);

    nn_each_rows(c, nn_strided_rows(&s), nn_strided_width(&s), forward_rows);
}

static void backward(const struct nn_call *c)
{
    struct nn_strided s = nn_strided_broadcast(c);
    int64_t n = nn_strided_width(&s), at[NN_STRIDED_IN];

    for (int64_t r = 0; r < nn_strided_rows(&s); r++) {
        nn_strided_at(&s, r, at);
        for (int64_t i = 0; i < n; i++) {
            int k = ((const real *)c->x[COND].data)[at[COND] + i * nn_strided_next(&s, COND)] != 0
                        ? A : B;

            if (c->dx[k].data)
                ((real *)c->dx[k].data)[at[k] + i * nn_strided_next(&s, k)] +=
                    ((const real *)c->dy.data)[r * n + i];
        }
    }
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_graph *g = node->graph;
    const struct nn_node *n = &g->node[node->id];
    bool turned = n->type.rank == 4;
    const char *in[INPUTS], *truth, *y = turned ? nn_onnx_name(o, node->out) : node->out;

    (void)err;
    for (int i = 0; i < INPUTS; i++)
        in[i] = nn_onnx_turned(o, node->in[i], &g->node[n->in[i]].type);
    truth = nn_onnx_name(o, node->in[COND]);
    if (!in[COND] || !in[A] || !in[B] || !truth || !y ||
        !nn_onnx_cast(o, in[COND], NN_ONNX_TO_BOOL, truth))
        return false;
    in[COND] = truth;
    return nn_onnx_begin(o, "Where", INPUTS, in, y) &&
           (!turned || nn_onnx_from_nhwc(o, y, &n->type, node->out));
}

const struct nn_op nn_op_where = {
    .name = "where", .onnx = "Where", .doc = "of two values the one or the other, as a third says",
    .in_min = INPUTS, .in_max = INPUTS, .keep = NN_KEEP_X, .no_grad = 1 << COND,
    .type = type, .forward = forward, .backward = backward, .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "2x3x4 2x3x4 2x3x4", "tgg" }, { "", "2x3x4 =4 2x3x1", "tgg" },
        { "", "=3x1 2x3x4 =1", "tgg" }, { NULL, NULL, NULL }
    },
};
