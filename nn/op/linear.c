/*
 * linear -- y = x W + b
 *
 * x [N,in], or tokens [N,T,in] or pixels [N,H,W,in], each by itself; W in memory [in,out], in
 * files [out,in]; b [out].  A block of a result is one GEMM, whole sums.  Where GEMM does not
 * promise that a row's bits are its own (OpenBLAS), INFER goes row by row, so that a picture's bits
 * never depend on its neighbours.  W is read as it lies: a packed copy was no faster for a single
 * picture, and would be as large again.
 */
#include "nn/op/linear.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <string.h>

enum { X, WEIGHT, BIAS };                               /* inputs */

static const struct field attrs[] = {
    FIELD_INT(struct nn_linear, width, NULL, 0, 1, 1 << 24,
              "numbers of the output, for each picture"),
    FIELD_BOOL(struct nn_linear, bias, "adds a number to each output"),
    FIELDS_END
};

static bool is_rows(const struct nn_type *x)
{
    return x->rank >= 2 && x->rank <= 4;
}

static const char *param(const void *attr, const struct nn_type *x, int i, struct nn_param *p)
{
    const struct nn_linear *a = attr;

    if (i == WEIGHT) {
        *p = (struct nn_param){ .shape = { is_rows(x) ? x->dim[x->rank - 1].n : 0, a->width },
                                .perm = { 1, 0 },
                                .init = NN_INIT_LECUN };
        return "weight";
    }
    if (i == BIAS && a->bias) {
        *p = (struct nn_param){ .shape = { a->width } };
        return "bias";
    }
    return NULL;
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_linear *a = attr;

    if (!is_rows(&in[X]) || in[X].dtype != DTYPE_F32 || !in[X].dim[0].batch ||
        in[X].dim[1].batch) {
        struct str s = { 0 };

        nn_type_text(&in[X], &s);
        err_set(err, ERR_INPUT,
                "linear: needs batch x width, tokens or pixels, not %s; flatten it first",
                str_text(&s));
        str_release(&s);
        return false;
    }
    for (int i = WEIGHT; i < n_in || i < 2 + a->bias; i++)
        if (!nn_type_param(&nn_op_linear, attr, n_in, in, i, err))
            return false;
    *out = in[X];
    out->dim[out->rank - 1] = (struct nn_dim){ a->width, 0 };
    return nn_type_fits(&nn_op_linear, out, err);
}

/* Rows and columns of a piece of work. */
enum { ROWS = 256, COLS = 256 };

struct job {
    const struct nn_call *c;
    int64_t batch;
    int in, out, rows, col_blocks;      /* rows: of a piece */
};

static int last(const struct tensor *t)
{
    return (int)t->shape.dim[t->shape.rank - 1];
}

static struct job job_of(const struct nn_call *c)
{
    bool one = c->mode == NN_INFER && !c->k->rows_alone;

    return (struct job){ .c = c, .batch = shape_count(&c->x[X].shape) / last(&c->x[X]),
                         .in = last(&c->x[X]), .out = last(&c->y), .rows = one ? 1 : ROWS };
}

static int pieces(int64_t n, int piece)
{
    return (int)((n + piece - 1) / piece);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t flops(const struct nn_call *c)
{
    return 2 * shape_count(&c->y.shape) * last(&c->x[X]);
}

static void space(const struct nn_call *c, size_t *stash, size_t *scratch)
{
    *stash = 0;
    *scratch = 0;
    if (c->mode == NN_TRAIN && c->n_in > BIAS)
        *scratch = (size_t)(NN_PARTS * last(&c->y)) * sizeof(real);
}

static void forward_piece(void *arg, int i, int worker)
{
    const struct job *j = arg;
    const struct nn_call *c = j->c;
    int col = i % j->col_blocks * COLS, cols = (int)least(COLS, j->out - col);
    int64_t row = (int64_t)(i / j->col_blocks) * j->rows, rows = least(j->rows, j->batch - row);
    const real *bias = c->n_in > BIAS ? c->x[BIAS].data : NULL;
    real *y = (real *)c->y.data + row * j->out + col;

    (void)worker;
    for (int64_t r = 0; r < rows && bias; r++)
        memcpy(y + r * j->out, bias + col, (size_t)cols * sizeof *y);
    c->k->gemm_f32(false, false, (int)rows, cols, j->in, (const real *)c->x[X].data + row * j->in,
                   j->in, (const real *)c->x[WEIGHT].data + col, j->out, bias, y, j->out);
}

static void forward(const struct nn_call *c)
{
    struct job j = job_of(c);

    j.col_blocks = pieces(j.out, COLS);
    pool_for(c->pool, pieces(j.batch, j.rows) * j.col_blocks, forward_piece, &j);
}

static void dx_piece(void *arg, int i, int worker)
{
    const struct job *j = arg;
    const struct nn_call *c = j->c;
    int col = i % j->col_blocks * COLS, cols = (int)least(COLS, j->in - col);
    int64_t row = (int64_t)(i / j->col_blocks) * ROWS, rows = least(ROWS, j->batch - row);

    (void)worker;
    c->k->gemm_f32(false, true, (int)rows, cols, j->out, (const real *)c->dy.data + row * j->out,
                   j->out, (const real *)c->x[WEIGHT].data + (int64_t)col * j->out, j->out,
                   !(c->fresh >> X & 1), (real *)c->dx[X].data + row * j->in + col, j->in);
}

static void dw_piece(void *arg, int i, int worker)
{
    const struct job *j = arg;
    const struct nn_call *c = j->c;
    int col = i % j->col_blocks * COLS, cols = (int)least(COLS, j->out - col);
    int row = i / j->col_blocks * ROWS, rows = (int)least(ROWS, j->in - row);

    (void)worker;
    c->k->gemm_f32(true, false, rows, cols, (int)j->batch, (const real *)c->x[X].data + row, j->in,
                   (const real *)c->dy.data + col, j->out, true,
                   (real *)c->dx[WEIGHT].data + (int64_t)row * j->out + col, j->out);
}

static void db_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    int64_t n = last(&c->y);

    c->k->colsum_f32(rows, (int)n, (const real *)c->dy.data + row * n, sum);
}

static void backward(const struct nn_call *c)
{
    struct job j = job_of(c);

    j.col_blocks = pieces(j.in, COLS);
    if (c->dx[X].data)
        pool_for(c->pool, pieces(j.batch, ROWS) * j.col_blocks, dx_piece, &j);
    j.col_blocks = pieces(j.out, COLS);
    if (c->dx[WEIGHT].data)
        pool_for(c->pool, pieces(j.in, ROWS) * j.col_blocks, dw_piece, &j);
    if (c->n_in > BIAS && c->dx[BIAS].data)
        nn_sum_parts(c, j.batch, j.out, db_part, c->scratch, c->dx[BIAS].data);
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    static const int turned[2] = { 1, 0 };
    const struct nn_graph *g = node->graph;
    const struct nn_type *type = &g->node[node->id].type;
    const char *x, *y = node->out, *w, *product;

    (void)err;
    if (type->rank == 2)
        return nn_onnx_begin(o, "Gemm", node->n_in, node->in, node->out) &&
               nn_onnx_int(o, "transB", 1);
    x = nn_onnx_turned(o, node->in[X], &g->node[g->node[node->id].in[X]].type);
    y = type->rank == 4 ? nn_onnx_name(o, node->out) : node->out;
    w = nn_onnx_name(o, node->in[WEIGHT]);
    product = node->n_in > BIAS ? nn_onnx_name(o, node->out) : y;
    return x && y && w && product && nn_onnx_begin(o, "Transpose", 1, &node->in[WEIGHT], w) &&
           nn_onnx_ints(o, "perm", 2, turned) &&
           nn_onnx_begin(o, "MatMul", 2, (const char *[]){ x, w }, product) &&
           (product == y || nn_onnx_begin(o, "Add", 2,
                                          (const char *[]){ product, node->in[BIAS] }, y)) &&
           (y == node->out || nn_onnx_from_nhwc(o, y, type, node->out));
}

const struct nn_op nn_op_linear = {
    .name = "linear", .onnx = "Gemm", .doc = "y = x W + b",
    .in_min = 2, .in_max = 3, .keep = NN_KEEP_X, .fresh = 1 << X,
    .attr_size = sizeof(struct nn_linear), .attrs = attrs,
    .type = type, .param = param, .flops = flops, .space = space, .forward = forward,
    .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "width=4", "3x5", NULL }, { "width=3 bias=true", "1x7", NULL },
        { "width=1 bias=true", "5x1", NULL },
        { "width=258 bias=true", "2x260", NULL }, { "width=2", "258x3", NULL },
        { "width=4 bias=true", "3x5x6", NULL }, { "width=3", "2x130x2", NULL },    /* tokens, */
        { "width=5 bias=true", "2x3x2x4", NULL },                   /* pixels */
        { "width=17", "5x64", NULL },           /* here OpenBLAS's rows depend on their number */
        { NULL, NULL, NULL }
    },
};
