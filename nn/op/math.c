/*
 * math -- a function of one number
 *
 * Those that ONNX has an operator for, and a x + b.  True is 1 and false 0; round takes the even
 * one of two.  Computed in double.  https://github.com/onnx/onnx/blob/main/docs/Operators.md
 */
#include "nn/op/math.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <math.h>

#define NN_MATH_NAME(k) #k,
static const char *const kinds[] = { NN_MATH_KINDS(NN_MATH_NAME) NULL };
#undef NN_MATH_NAME

static const struct field attrs[] = {
    FIELD_ENUM(struct nn_math, kind, kinds, NN_MATH_affine, "the function"),
    FIELD_FLOAT(struct nn_math, a, NULL, 0, -3.5e38, 3.5e38,
                "affine: the factor; clip: the least; others: alpha"),
    FIELD_FLOAT(struct nn_math, b, NULL, 0, -3.5e38, 3.5e38,
                "affine: what is added; clip: the most; hardsigmoid: beta; selu: gamma"),
    FIELDS_END
};

static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

double nn_math_of(const struct nn_math *m, double x)
{
    double a = m->a, b = m->b, y;

    switch ((enum nn_math_kind)m->kind) {
    case NN_MATH_affine: return a * x + b;
    case NN_MATH_abs: return fabs(x);
    case NN_MATH_neg: return -x;
    case NN_MATH_exp: return exp(x);
    case NN_MATH_log: return log(x);
    case NN_MATH_sqrt: return sqrt(x);
    case NN_MATH_reciprocal: return 1 / x;
    case NN_MATH_floor: return floor(x);
    case NN_MATH_ceil: return ceil(x);
    case NN_MATH_round: return rint(x);
    case NN_MATH_trunc: return trunc(x);
    case NN_MATH_sign: return x > 0 ? 1 : x < 0 ? -1 : x;
    case NN_MATH_erf: return erf(x);
    case NN_MATH_sin: return sin(x);
    case NN_MATH_cos: return cos(x);
    case NN_MATH_tan: return tan(x);
    case NN_MATH_asin: return asin(x);
    case NN_MATH_acos: return acos(x);
    case NN_MATH_atan: return atan(x);
    case NN_MATH_sinh: return sinh(x);
    case NN_MATH_cosh: return cosh(x);
    case NN_MATH_asinh: return asinh(x);
    case NN_MATH_acosh: return acosh(x);
    case NN_MATH_atanh: return atanh(x);
    case NN_MATH_softplus: return softplus(x);
    case NN_MATH_softsign: return x / (1 + fabs(x));
    case NN_MATH_elu: return x < 0 ? a * expm1(x) : x;
    case NN_MATH_selu: return b * (x > 0 ? x : a * expm1(x));
    case NN_MATH_celu: return x > 0 ? x : a * expm1(x / a);
    case NN_MATH_mish: return x * tanh(softplus(x));
    case NN_MATH_thresholded: return x > a ? x : 0;
    case NN_MATH_hardsigmoid:
        y = a * x + b;
        return y < 0 ? 0 : y > 1 ? 1 : y;
    case NN_MATH_clip:          /* the most counts where it is less than the least */
        y = x < a ? a : x;
        return y > b ? b : y;
    case NN_MATH_isnan: return isnan(x);
    case NN_MATH_isinf: return isinf(x) && (x < 0 ? a : b) != 0;
    case NN_MATH_not: return x == 0;
    case NN_MATH_truth: return x != 0;
    case NN_MATH_KIND_COUNT: break;
    }
    return 0;
}

static double slope(const struct nn_math *m, double x)
{
    double a = m->a, b = m->b, y;

    switch ((enum nn_math_kind)m->kind) {
    case NN_MATH_affine: return a;
    case NN_MATH_abs: return x > 0 ? 1 : x < 0 ? -1 : 0;
    case NN_MATH_neg: return -1;
    case NN_MATH_exp: return exp(x);
    case NN_MATH_log: return 1 / x;
    case NN_MATH_sqrt: return 0.5 / sqrt(x);
    case NN_MATH_reciprocal: return -1 / (x * x);
    case NN_MATH_erf: return 1.12837916709551257390 * exp(-x * x);
    case NN_MATH_sin: return cos(x);
    case NN_MATH_cos: return -sin(x);
    case NN_MATH_tan: return 1 / (cos(x) * cos(x));
    case NN_MATH_asin: return 1 / sqrt(1 - x * x);
    case NN_MATH_acos: return -1 / sqrt(1 - x * x);
    case NN_MATH_atan: return 1 / (1 + x * x);
    case NN_MATH_sinh: return cosh(x);
    case NN_MATH_cosh: return sinh(x);
    case NN_MATH_asinh: return 1 / sqrt(x * x + 1);
    case NN_MATH_acosh: return 1 / sqrt(x * x - 1);
    case NN_MATH_atanh: return 1 / (1 - x * x);
    case NN_MATH_softplus: return sigmoid(x);
    case NN_MATH_softsign:
        y = 1 + fabs(x);
        return 1 / (y * y);
    case NN_MATH_elu: return x < 0 ? a * exp(x) : 1;
    case NN_MATH_selu: return b * (x > 0 ? 1 : a * exp(x));
    case NN_MATH_celu: return x > 0 ? 1 : exp(x / a);
    case NN_MATH_mish:
        y = tanh(softplus(x));
        return y + x * sigmoid(x) * (1 - y * y);
    case NN_MATH_thresholded: return x > a;
    case NN_MATH_hardsigmoid:
        y = a * x + b;
        return y > 0 && y < 1 ? a : 0;
    case NN_MATH_clip: return x > a && x < b;
    default: return 0;
    }
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr, (void)n_in;
    *out = in[0];
    return nn_type_fits(&nn_op_math, out, err);
}

static int64_t flops(const struct nn_call *c)
{
    return 10 * shape_count(&c->y.shape);
}

static void forward_range(const struct nn_call *c, int64_t first, int64_t n)
{
    const struct nn_math m = *(const struct nn_math *)c->attr;
    const real *x = (const real *)c->x[0].data + first;
    real *y = (real *)c->y.data + first;

    if (m.kind == NN_MATH_affine)
        for (int64_t i = 0; i < n; i++)
            y[i] = (real)m.a * x[i] + (real)m.b;
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = (real)nn_math_of(&m, (double)x[i]);
}

static void forward(const struct nn_call *c)
{
    nn_each_range(c, shape_count(&c->y.shape), forward_range);
}

static void backward_range(const struct nn_call *c, int64_t first, int64_t n)
{
    const real *x = c->x[0].data, *dy = c->dy.data;
    real *dx = c->dx[0].data;

    for (int64_t i = first; i < first + n; i++)
        dx[i] += (real)((double)dy[i] * slope(c->attr, (double)x[i]));
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_range(c, shape_count(&c->y.shape), backward_range);
}

/* What ONNX calls it, and its attributes a and b; without a name it is written otherwise.  apart:
 * with Identity behind it, since OpenCV 5.0 takes a HardSigmoid with whatever its result is
 * multiplied with for the hard-swish of what it was of. */
static const struct form {
    const char *name, *a, *b;
    bool apart;
} forms[NN_MATH_KIND_COUNT] = {
    [NN_MATH_abs] = { "Abs" }, [NN_MATH_neg] = { "Neg" }, [NN_MATH_exp] = { "Exp" },
    [NN_MATH_log] = { "Log" }, [NN_MATH_sqrt] = { "Sqrt" },
    [NN_MATH_reciprocal] = { "Reciprocal" }, [NN_MATH_floor] = { "Floor" },
    [NN_MATH_ceil] = { "Ceil" }, [NN_MATH_round] = { "Round" }, [NN_MATH_sign] = { "Sign" },
    [NN_MATH_erf] = { "Erf" }, [NN_MATH_sin] = { "Sin" }, [NN_MATH_cos] = { "Cos" },
    [NN_MATH_tan] = { "Tan" }, [NN_MATH_asin] = { "Asin" }, [NN_MATH_acos] = { "Acos" },
    [NN_MATH_atan] = { "Atan" }, [NN_MATH_sinh] = { "Sinh" }, [NN_MATH_cosh] = { "Cosh" },
    [NN_MATH_asinh] = { "Asinh" }, [NN_MATH_acosh] = { "Acosh" }, [NN_MATH_atanh] = { "Atanh" },
    [NN_MATH_softplus] = { "Softplus" }, [NN_MATH_softsign] = { "Softsign" },
    [NN_MATH_elu] = { "Elu", "alpha" }, [NN_MATH_selu] = { "Selu", "alpha", "gamma" },
    [NN_MATH_celu] = { "Celu", "alpha" }, [NN_MATH_thresholded] = { "ThresholdedRelu", "alpha" },
    [NN_MATH_hardsigmoid] = { "HardSigmoid", "alpha", "beta", .apart = true },
};

/* One number in between: out = op(x, a), or of b. */
static bool with_scalar(struct nn_onnx_out *o, const char *op, const char *x, double number,
                        const char *out)
{
    const char *scalar = nn_onnx_scalar(o, "number", number);

    return scalar && nn_onnx_begin(o, op, 2, (const char *[]){ x, scalar }, out);
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_math *m = node->attr;
    const struct form *f = &forms[m->kind];
    const char *between = nn_onnx_name(o, node->out), *in[3] = { node->in[0] };

    if (!between)
        return false;
    if (f->name)
        return nn_onnx_begin(o, f->name, 1, node->in, f->apart ? between : node->out) &&
               (!f->a || nn_onnx_float(o, f->a, m->a)) &&
               (!f->b || nn_onnx_float(o, f->b, m->b)) &&
               (!f->apart || nn_onnx_begin(o, "Identity", 1, &between, node->out));
    switch (m->kind) {
    case NN_MATH_affine:
        return with_scalar(o, "Mul", node->in[0], m->a, between) &&
               with_scalar(o, "Add", between, m->b, node->out);
    case NN_MATH_clip:
        in[1] = nn_onnx_scalar(o, "min", m->a);
        in[2] = nn_onnx_scalar(o, "max", m->b);
        return nn_onnx_begin(o, "Clip", 3, in, node->out);
    case NN_MATH_trunc:
    case NN_MATH_truth:
        return nn_onnx_cast(o, node->in[0],
                            m->kind == NN_MATH_trunc ? NN_ONNX_TO_INT64 : NN_ONNX_TO_BOOL,
                            between) &&
               nn_onnx_cast(o, between, NN_ONNX_TO_FLOAT, node->out);
    case NN_MATH_not:
        return with_scalar(o, "Equal", node->in[0], 0, between) &&
               nn_onnx_cast(o, between, NN_ONNX_TO_FLOAT, node->out);
    default:
        return err_set(err, ERR_UNSUPPORTED, "math: %s has no form in ONNX", kinds[m->kind]);
    }
}

const struct nn_op nn_op_math = {
    .name = "math", .doc = "a function of one number",
    .in_min = 1, .in_max = 1, .keep = NN_KEEP_X, .flags = NN_OP_INPLACE,
    .attr_size = sizeof(struct nn_math), .attrs = attrs,
    .type = type, .flops = flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "a=2.5 b=-1", "2x3x4x5", NULL }, { "kind=abs", "2x9", NULL }, { "kind=neg", "2x9", NULL },
        { "kind=exp", "2x9", NULL }, { "kind=log", "2x9", "v" }, { "kind=sqrt", "2x9", "v" },
        { "kind=reciprocal", "2x9", "v" }, { "kind=floor", "2x9", NULL },
        { "kind=ceil", "2x9", NULL }, { "kind=round", "2x9", NULL }, { "kind=trunc", "2x9", NULL },
        { "kind=sign", "2x9", NULL }, { "kind=erf", "2x9", NULL }, { "kind=sin", "2x9", NULL },
        { "kind=cos", "2x9", NULL }, { "kind=tan", "2x9", NULL }, { "kind=atan", "2x9", NULL },
        { "kind=sinh", "2x9", NULL }, { "kind=cosh", "2x9", NULL }, { "kind=asinh", "2x9", NULL },
        { "kind=softplus", "2x20", NULL },
        { "kind=softsign", "2x9", NULL }, { "kind=elu a=1.5", "2x9", NULL },
        { "kind=selu a=1.67 b=1.05", "2x9", NULL }, { "kind=celu a=2", "2x9", NULL },
        { "kind=mish", "2x20", NULL }, { "kind=thresholded a=0.3", "2x9", NULL },
        { "kind=hardsigmoid a=0.2 b=0.5", "2x40", NULL }, { "kind=clip a=-0.5 b=0.3", "2x9", NULL },
        { "kind=isnan", "2x9", NULL }, { "kind=isinf a=1 b=1", "2x9", NULL },
        { "kind=not", "2x9", "v" }, { "kind=truth", "2x9", "v" },
        { NULL, NULL, NULL }
    },
};
