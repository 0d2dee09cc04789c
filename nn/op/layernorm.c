/*
 * layernorm -- each row with mean 0 and variance 1, then scaled and shifted
 *
 * y = (x - mean) / sqrt(var + epsilon) * gamma + beta; mean and variance (divided by C) over the C
 * numbers of the last dimension, each row by itself; gamma and beta [C].
 *   dbeta = sum dy;  dgamma = sum dy x^;  dx = (g - mean(g) - x^ mean(g x^)) / s,  g = dy gamma
 * with s = sqrt(var + epsilon), x^ = (x - mean) / s.  Ba et al. 2016, arXiv:1607.06450.
 */
#include "nn/op/layernorm.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

enum { X, GAMMA, BETA, INPUTS };

static const struct field attrs[] = {
    FIELD_FLOAT(struct nn_layernorm, epsilon, NULL, 1e-5, 1e-12, 1, "added to the variance"),
    FIELDS_END
};

static const char *param(const void *attr, const struct nn_type *x, int i, struct nn_param *p)
{
    (void)attr;
    if (i < GAMMA || i >= INPUTS)
        return NULL;
    *p = (struct nn_param){ .shape = { x->rank ? x->dim[x->rank - 1].n : 0 },
                            .init = i == GAMMA ? NN_INIT_ONES : NN_INIT_ZEROS };
    return i == GAMMA ? "weight" : "bias";
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    if (!nn_type_channels(&nn_op_layernorm, &in[X], err))
        return false;
    for (int i = GAMMA; i < INPUTS; i++)
        if (!nn_type_param(&nn_op_layernorm, attr, n_in, in, i, err))
            return false;
    *out = in[X];
    return nn_type_fits(&nn_op_layernorm, out, err);
}

static int width(const struct nn_call *c)
{
    return (int)c->y.shape.dim[c->y.shape.rank - 1];
}

static int64_t rows_in_all(const struct nn_call *c)
{
    return shape_count(&c->y.shape) / width(c);
}

/* Means, variances and the map: about 10. */
static int64_t flops(const struct nn_call *c)
{
    return 10 * shape_count(&c->y.shape);
}

/* stash: mean and 1/s of each row. */
static void space(const struct nn_call *c, size_t *stash, size_t *scratch)
{
    bool train = c->mode == NN_TRAIN;

    *stash = train ? 2 * (size_t)rows_in_all(c) * sizeof(real) : 0;
    *scratch = train ? (size_t)(NN_PARTS * width(c)) * sizeof(real) : 0;
}

static void forward_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int n = width(c);
    real *stat = c->stash ? (real *)c->stash + 2 * row : NULL;

    c->k->rownorm_f32(rows, n, (real)((const struct nn_layernorm *)c->attr)->epsilon,
                      (const real *)c->x[X].data + row * n, c->x[GAMMA].data, c->x[BETA].data,
                      (real *)c->y.data + row * n, stat);
}

static void forward(const struct nn_call *c)
{
    nn_each_rows(c, rows_in_all(c), width(c), forward_rows);
}

static void dx_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int n = width(c);

    c->k->rownorm_dx_f32(rows, n, (const real *)c->x[X].data + row * n,
                         (const real *)c->stash + 2 * row, c->x[GAMMA].data,
                         (const real *)c->dy.data + row * n, (real *)c->dx[X].data + row * n);
}

static void dgamma_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    int n = width(c);

    c->k->rownorm_dw_f32(rows, n, (const real *)c->x[X].data + row * n,
                         (const real *)c->stash + 2 * row, (const real *)c->dy.data + row * n, sum);
}

static void dbeta_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    int n = width(c);

    c->k->colsum_f32(rows, n, (const real *)c->dy.data + row * n, sum);
}

static void backward(const struct nn_call *c)
{
    int n = width(c);

    if (c->dx[X].data)
        nn_each_rows(c, rows_in_all(c), n, dx_rows);
    if (c->dx[GAMMA].data)
        nn_sum_parts(c, rows_in_all(c), n, dgamma_part, c->scratch, c->dx[GAMMA].data);
    if (c->dx[BETA].data)
        nn_sum_parts(c, rows_in_all(c), n, dbeta_part, c->scratch, c->dx[BETA].data);
}

/* LayerNormalization itself came with opset 17.  Channels are dimension 1 of a picture there. */
static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_layernorm *a = node->attr;
    int axis = node->graph->node[node->id].type.rank == 4 ? 1 : -1;
    const char *gamma = nn_onnx_channels(o, node, GAMMA), *beta = nn_onnx_channels(o, node, BETA);
    const char *eps = nn_onnx_scalar(o, "epsilon", a->epsilon), *v[7];

    (void)err;
    for (int i = 0; i < 7; i++)
        if (!(v[i] = nn_onnx_name(o, node->out)))
            return false;
    return gamma && beta && eps && nn_onnx_begin(o, "ReduceMean", 1, node->in, v[0]) &&
           nn_onnx_ints(o, "axes", 1, &axis) &&
           nn_onnx_begin(o, "Sub", 2, (const char *[]){ node->in[X], v[0] }, v[1]) &&
           nn_onnx_begin(o, "Mul", 2, (const char *[]){ v[1], v[1] }, v[2]) &&
           nn_onnx_begin(o, "ReduceMean", 1, &v[2], v[3]) && nn_onnx_ints(o, "axes", 1, &axis) &&
           nn_onnx_begin(o, "Add", 2, (const char *[]){ v[3], eps }, v[4]) &&
           nn_onnx_begin(o, "Sqrt", 1, &v[4], v[5]) &&
           nn_onnx_begin(o, "Div", 2, (const char *[]){ v[1], v[5] }, v[6]) &&
           nn_onnx_affine(o, v[6], gamma, beta, node->out);
}

const struct nn_op nn_op_layernorm = {
    .name = "layernorm", .doc = "each row with mean 0 and variance 1, then scaled",
    .in_min = INPUTS, .in_max = INPUTS, .keep = NN_KEEP_X | NN_KEEP_STASH,
    .flags = NN_OP_INPLACE | NN_OP_SCALES,
    .attr_size = sizeof(struct nn_layernorm), .attrs = attrs,
    .type = type, .param = param, .flops = flops, .space = space, .forward = forward,
    .backward = backward, .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "4x3", NULL }, { "", "2x3x5x4", NULL }, { "epsilon=0.01", "2x3x7", NULL },
        { "epsilon=0.1", "3x1", NULL }, { "", "3x70x9x11", NULL },      /* several pieces */
        { NULL, NULL, NULL }
    },
};
