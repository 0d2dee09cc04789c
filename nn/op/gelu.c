/*
 * gelu -- y = x P(x), P the distribution function of the normal distribution
 *
 * approximate none: P(x) = (1 + erf(x / sqrt 2)) / 2; tanh: (1 + tanh(sqrt(2 / pi) (x + 0.044715
 * x^3))) / 2.  dx = dy (P(x) + x P'(x)).  Hendrycks and Gimpel 2016, arXiv:1606.08415.  The names
 * are PyTorch's.
 */
#include "nn/op/gelu.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

static const char *const forms[] = { "none", "tanh", NULL };

static const struct field attrs[] = {
    FIELD_ENUM(struct nn_gelu, approximate, forms, NN_GELU_NONE, "how P is computed"),
    FIELDS_END
};

static bool near(const struct nn_call *c)
{
    return ((const struct nn_gelu *)c->attr)->approximate == NN_GELU_TANH;
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    (void)n_in;
    *out = in[0];
    return nn_type_fits(&nn_op_gelu, out, err);
}

/* An error function and a product: about 30. */
static int64_t flops(const struct nn_call *c)
{
    return 30 * shape_count(&c->y.shape);
}

static void forward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    c->k->gelu_f32(n, near(c), (const real *)c->x[0].data + i, (real *)c->y.data + i);
}

static void forward(const struct nn_call *c)
{
    nn_each_range(c, shape_count(&c->y.shape), forward_range);
}

static void backward_range(const struct nn_call *c, int64_t i, int64_t n)
{
    c->k->gelu_dx_f32(n, near(c), (const real *)c->x[0].data + i, (const real *)c->dy.data + i,
                      (real *)c->dx[0].data + i);
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_range(c, shape_count(&c->y.shape), backward_range);
}

/* A chain of operators on one running value; each goes into the next. */
struct chain {
    struct nn_onnx_out *o;
    const char *value;          /* NULL when memory is out */
};

static void step(struct chain *c, const char *op, const char *other)
{
    const char *in[2] = { c->value, other }, *out;

    if (!c->value)
        return;
    out = nn_onnx_name(c->o, c->value);
    c->value = out && nn_onnx_begin(c->o, op, other ? 2 : 1, in, out) ? out : NULL;
}

/* Gelu itself came with opset 20. */
static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const char *x = node->in[0], *one = nn_onnx_scalar(o, "one", 1);
    const char *half = nn_onnx_scalar(o, "half", 0.5);
    struct chain c = { o, x };

    (void)err;
    if (!one || !half)
        return false;
    if (((const struct nn_gelu *)node->attr)->approximate == NN_GELU_TANH) {
        const char *cube = nn_onnx_scalar(o, "cube", 0.044715);
        const char *root = nn_onnx_scalar(o, "root", 0.79788456080286535588);

        if (!cube || !root)
            return false;
        step(&c, "Mul", x);
        step(&c, "Mul", cube);
        step(&c, "Add", one);
        step(&c, "Mul", x);
        step(&c, "Mul", root);
        step(&c, "Tanh", NULL);
    } else {
        const char *root = nn_onnx_scalar(o, "root", 0.70710678118654752440);

        if (!root)
            return false;
        step(&c, "Mul", root);
        step(&c, "Erf", NULL);
    }
    step(&c, "Add", one);
    step(&c, "Mul", x);
    return c.value && nn_onnx_begin(o, "Mul", 2, (const char *[]){ c.value, half }, node->out);
}

const struct nn_op nn_op_gelu = {
    .name = "gelu", .doc = "y = x P(x), P the normal distribution",
    .in_min = 1, .in_max = 1, .keep = NN_KEEP_X, .flags = NN_OP_INPLACE | NN_OP_HALF,
    .attr_size = sizeof(struct nn_gelu), .attrs = attrs,
    .type = type, .flops = flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "2x5", NULL }, { "", "2x3x3x7", NULL },
        { "approximate=tanh", "2x5", NULL }, { "approximate=tanh", "2x3x3x7", NULL },
        { NULL, NULL, NULL }
    },
};
