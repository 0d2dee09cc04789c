/*
 * matmul -- products of the matrices that the last two dimensions are
 *
 * y[..., M, N] = a[..., M, K] b[..., K, N], or of b [..., N, K].  The dimensions before are equal,
 * or 1 in one of the two, whose matrix is then used again; a value without a batch is a parameter.
 * A matrix is one GEMM, so its bits are its picture's own.
 */
#include "nn/op/matmul.h"
#include "nn/io/onnx.h"

#include <limits.h>

static const struct field attrs[] = {
    FIELD_BOOL(struct nn_matmul, turned, "b's last two dimensions have changed places"),
    FIELDS_END
};

/* The dimensions before the last two, with two of 1 for strided.h. */
static struct nn_type before(const struct nn_type *x)
{
    struct nn_type t = *x;

    t.dim[t.rank - 1].n = t.dim[t.rank - 2].n = 1;
    return t;
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_matmul *a = attr;
    struct nn_type lead[2];
    int k[2];

    (void)n_in;
    for (int i = 0; i < 2; i++)
        if (in[i].rank < 2 || in[i].dim[in[i].rank - 1].batch || in[i].dim[in[i].rank - 2].batch)
            return err_set(err, ERR_INPUT, "matmul: input %d has no matrix behind its batch", i);
    k[0] = in[0].dim[in[0].rank - 1].n;
    k[1] = in[1].dim[in[1].rank - (a->turned ? 1 : 2)].n;
    if (k[0] != k[1])
        return err_set(err, ERR_INPUT, "matmul: rows of %d and columns of %d", k[0], k[1]);
    lead[0] = before(&in[0]);
    lead[1] = before(&in[1]);
    if (!nn_strided_type(&nn_op_matmul, 2, lead, out, err))
        return false;
    out->dim[out->rank - 2] = in[0].dim[in[0].rank - 2];
    out->dim[out->rank - 1] = in[1].dim[in[1].rank - (a->turned ? 2 : 1)];
    return nn_type_fits(&nn_op_matmul, out, err);
}

struct nn_strided nn_matmul_places(const struct nn_call *c)
{
    const struct shape *y = &c->y.shape;
    struct nn_strided s = { .rank = y->rank - 1, .n_in = 2 };

    for (int d = 0; d < y->rank - 2; d++)
        s.dim[d] = y->dim[d];
    s.dim[y->rank - 2] = 1;
    for (int i = 0; i < 2; i++) {
        const struct shape *x = &c->x[i].shape;
        int64_t step = 1;

        for (int d = x->rank - 3; d >= 0; step *= x->dim[d--])
            s.step[i][y->rank - x->rank + d] = x->dim[d] == 1 ? 0 : step;
    }
    return s;
}

struct form {
    const struct nn_call *c;
    bool turned;
    int m, n, k;
    int64_t matrices;
    struct nn_strided s;        /* of matrices */
};

static struct form form_of(const struct nn_call *c)
{
    const struct shape *y = &c->y.shape;
    struct form f = { .c = c, .turned = ((const struct nn_matmul *)c->attr)->turned,
                      .m = (int)y->dim[y->rank - 2], .n = (int)y->dim[y->rank - 1],
                      .k = (int)c->x[0].shape.dim[c->x[0].shape.rank - 1],
                      .s = nn_matmul_places(c) };

    f.matrices = nn_strided_rows(&f.s);
    return f;
}

static int64_t flops(const struct nn_call *c)
{
    return 2 * shape_count(&c->y.shape) * c->x[0].shape.dim[c->x[0].shape.rank - 1];
}

static void forward_matrix(void *arg, int i, int worker)
{
    const struct form *f = arg;
    const struct nn_call *c = f->c;
    int64_t at[NN_STRIDED_IN];

    (void)worker;
    nn_strided_at(&f->s, i, at);
    c->k->gemm_f32(false, f->turned, f->m, f->n, f->k,
                   (const real *)c->x[0].data + at[0] * f->m * f->k, f->k,
                   (const real *)c->x[1].data + at[1] * f->k * f->n, f->turned ? f->k : f->n,
                   false, (real *)c->y.data + (int64_t)i * f->m * f->n, f->n);
}

static void forward(const struct nn_call *c)
{
    struct form f = form_of(c);

    pool_for(c->pool, (int)f.matrices, forward_matrix, &f);
}

/* da = dy b', db = a' dy; of the other form of b: db = dy' a. */
static void backward_matrix(void *arg, int i, int worker)
{
    const struct form *f = arg;
    const struct nn_call *c = f->c;
    const real *dy = (const real *)c->dy.data + (int64_t)i * f->m * f->n;
    int64_t at[NN_STRIDED_IN];
    int ldb = f->turned ? f->k : f->n;

    (void)worker;
    nn_strided_at(&f->s, i, at);
    at[0] *= (int64_t)f->m * f->k;
    at[1] *= (int64_t)f->k * f->n;
    if (c->dx[0].data)
        c->k->gemm_f32(false, !f->turned, f->m, f->k, f->n, dy, f->n,
                       (const real *)c->x[1].data + at[1], ldb, true,
                       (real *)c->dx[0].data + at[0], f->k);
    if (c->dx[1].data && f->turned)
        c->k->gemm_f32(true, false, f->n, f->k, f->m, dy, f->n,
                       (const real *)c->x[0].data + at[0], f->k, true,
                       (real *)c->dx[1].data + at[1], f->k);
    else if (c->dx[1].data)
        c->k->gemm_f32(true, false, f->k, f->n, f->m, (const real *)c->x[0].data + at[0], f->k, dy,
                       f->n, true, (real *)c->dx[1].data + at[1], f->n);
}

/* A matrix that is used again gets its sum in order, from one thread. */
static void backward(const struct nn_call *c)
{
    struct form f = form_of(c);
    bool again = false;

    for (int i = 0; i < 2; i++)
        for (int d = 0; d < f.s.rank - 1; d++)
            again |= f.s.step[i][d] == 0 && f.s.dim[d] > 1;
    pool_for(again ? NULL : c->pool, (int)f.matrices, backward_matrix, &f);
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_matmul *a = node->attr;
    const struct nn_graph *g = node->graph;
    const struct nn_node *n = &g->node[node->id];
    bool turned = n->type.rank == 4;
    const char *in[2], *y = turned ? nn_onnx_name(o, node->out) : node->out;
    int rank = g->node[n->in[1]].type.rank, perm[SHAPE_MAX_RANK];

    (void)err;
    for (int i = 0; i < 2; i++)
        in[i] = nn_onnx_turned(o, node->in[i], &g->node[n->in[i]].type);
    if (!in[0] || !in[1] || !y)
        return false;
    if (a->turned) {
        const char *other = nn_onnx_name(o, in[1]);

        for (int d = 0; d < rank; d++)
            perm[d] = d < rank - 2 ? d : 2 * rank - 3 - d;
        if (!other || !nn_onnx_begin(o, "Transpose", 1, &in[1], other) ||
            !nn_onnx_ints(o, "perm", rank, perm))
            return false;
        in[1] = other;
    }
    return nn_onnx_begin(o, "MatMul", 2, in, y) &&
           (!turned || nn_onnx_from_nhwc(o, y, &n->type, node->out));
}

const struct nn_op nn_op_matmul = {
    .name = "matmul", .onnx = "MatMul",
    .doc = "products of the matrices that the last two dimensions are",
    .in_min = 2, .in_max = 2, .keep = NN_KEEP_X,
    .attr_size = sizeof(struct nn_matmul), .attrs = attrs,
    .type = type, .flops = flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "2x3x4 2x4x5", NULL }, { "turned=true", "2x3x4 2x5x4", NULL },
        { "", "2x3x2x4 2x3x4x2", NULL }, { "", "2x3x2x4 =4x5", NULL },
        { "turned=true", "2x3x2x4 2x1x5x4", NULL }, { "", "=3x4 2x4x5", NULL },
        { NULL, NULL, NULL }
    },
};
