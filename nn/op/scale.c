/*
 * scale -- y = x gamma, a factor for each channel (the last dimension)
 *
 * The layer scale at the end of a residual branch: factors begin near 0, so that a deep network
 * begins near the identity.  dgamma = sum dy x;  dx = dy gamma.  Touvron et al. 2021,
 * arXiv:2103.17239; 1e-6 is ConvNeXt's (Liu et al. 2022, arXiv:2201.03545), as is the name gamma.
 */
#include "nn/op/scale.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

enum { X, GAMMA, INPUTS };

static const struct field attrs[] = {
    FIELD_FLOAT(struct nn_scale, first, NULL, 1e-6, 1e-12, 10,
                "value of each factor before training"),
    FIELD_BOOL(struct nn_scale, fixed, "factors are not trained"),
    FIELDS_END
};

static const char *param(const void *attr, const struct nn_type *x, int i, struct nn_param *p)
{
    const struct nn_scale *a = attr;

    if (i != GAMMA)
        return NULL;
    *p = (struct nn_param){ .shape = { x->rank ? x->dim[x->rank - 1].n : 0 },
                            .init = NN_INIT_CONSTANT, .value = a->first, .buffer = a->fixed };
    return "gamma";
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    if (!nn_type_channels(&nn_op_scale, &in[X], err) ||
        !nn_type_param(&nn_op_scale, attr, n_in, in, GAMMA, err))
        return false;
    *out = in[X];
    return nn_type_fits(&nn_op_scale, out, err);
}

static int channels(const struct nn_call *c)
{
    return (int)c->y.shape.dim[c->y.shape.rank - 1];
}

static int64_t rows_in_all(const struct nn_call *c)
{
    return shape_count(&c->y.shape) / channels(c);
}

static void space(const struct nn_call *c, size_t *stash, size_t *scratch)
{
    *stash = 0;
    *scratch = c->mode == NN_TRAIN ? (size_t)(NN_PARTS * channels(c)) * sizeof(real) : 0;
}

static void forward_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int n = channels(c);

    c->k->affine_f32(rows, n, (const real *)c->x[X].data + row * n, c->x[GAMMA].data, NULL,
                     (real *)c->y.data + row * n);
}

static void forward(const struct nn_call *c)
{
    nn_each_rows(c, rows_in_all(c), channels(c), forward_rows);
}

static void dot_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    int n = channels(c);

    c->k->coldot_f32(rows, n, (const real *)c->dy.data + row * n,
                     (const real *)c->x[X].data + row * n, NULL, sum);
}

static void dx_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int n = channels(c);

    c->k->norm_dx_f32(rows, n, (const real *)c->dy.data + row * n, NULL, c->x[GAMMA].data, NULL,
                      NULL, (real *)c->dx[X].data + row * n);
}

static void backward(const struct nn_call *c)
{
    if (c->dx[X].data)
        nn_each_rows(c, rows_in_all(c), channels(c), dx_rows);
    if (c->dx[GAMMA].data)
        nn_sum_parts(c, rows_in_all(c), channels(c), dot_part, c->scratch, c->dx[GAMMA].data);
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const char *gamma = nn_onnx_channels(o, node, GAMMA);

    (void)err;
    return gamma && nn_onnx_begin(o, "Mul", 2, (const char *[]){ node->in[X], gamma }, node->out);
}

const struct nn_op nn_op_scale = {
    .name = "scale", .onnx = "Mul", .doc = "y = x gamma, a factor for each channel",
    .in_min = INPUTS, .in_max = INPUTS, .keep = NN_KEEP_X,
    .flags = NN_OP_INPLACE | NN_OP_HALF | NN_OP_SCALES,
    .attr_size = sizeof(struct nn_scale), .attrs = attrs,
    .type = type, .param = param, .space = space, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "4x3", NULL }, { "first=0.1", "2x3x5x4", NULL },
        { "first=0.1 fixed=true", "5x4", NULL }, { "", "2x3x5", NULL },
        { "", "3x70x9x11", NULL },              /* several pieces */
        { NULL, NULL, NULL }
    },
};
