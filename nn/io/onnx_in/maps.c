/*
 * maps -- operators on each number, and sums: ops.h
 */
#include "nn/io/onnx_in/ops.h"

#include "nn/op/gelu.h"
#include "nn/op/leakyrelu.h"

#include <math.h>
#include <string.h>

static bool is_called(const nn_onnx_at *a, const char *name)
{
    return !strcmp(a->node->op_type, name);
}

/* ---- one input ------------------------------------------------------------------------------- */

static const struct unary {
    const char *name;
    enum nn_math_kind kind;
    const char *attr_a, *attr_b;
    double a, b;                /* where the attributes are not there */
} unaries[] = {
    { "Abs", NN_MATH_abs, 0, 0, 0, 0 },
    { "Acos", NN_MATH_acos, 0, 0, 0, 0 },
    { "Acosh", NN_MATH_acosh, 0, 0, 0, 0 },
    { "Asin", NN_MATH_asin, 0, 0, 0, 0 },
    { "Asinh", NN_MATH_asinh, 0, 0, 0, 0 },
    { "Atan", NN_MATH_atan, 0, 0, 0, 0 },
    { "Atanh", NN_MATH_atanh, 0, 0, 0, 0 },
    { "Ceil", NN_MATH_ceil, 0, 0, 0, 0 },
    { "Celu", NN_MATH_celu, "alpha", 0, 1, 0 },
    { "Cos", NN_MATH_cos, 0, 0, 0, 0 },
    { "Cosh", NN_MATH_cosh, 0, 0, 0, 0 },
    { "Elu", NN_MATH_elu, "alpha", 0, 1, 0 },
    { "Erf", NN_MATH_erf, 0, 0, 0, 0 },
    { "Exp", NN_MATH_exp, 0, 0, 0, 0 },
    { "Floor", NN_MATH_floor, 0, 0, 0, 0 },
    { "HardSigmoid", NN_MATH_hardsigmoid, "alpha", "beta", 0.2, 0.5 },
    { "IsInf", NN_MATH_isinf, 0, 0, 1, 1 },
    { "IsNaN", NN_MATH_isnan, 0, 0, 0, 0 },
    { "Log", NN_MATH_log, 0, 0, 0, 0 },
    { "Mish", NN_MATH_mish, 0, 0, 0, 0 },
    { "Neg", NN_MATH_neg, 0, 0, 0, 0 },
    { "Not", NN_MATH_not, 0, 0, 0, 0 },
    { "Reciprocal", NN_MATH_reciprocal, 0, 0, 0, 0 },
    { "Round", NN_MATH_round, 0, 0, 0, 0 },
    { "Selu", NN_MATH_selu, "alpha", "gamma", 1.67326319217681884765625,
      1.05070102214813232421875 },
    { "Sign", NN_MATH_sign, 0, 0, 0, 0 },
    { "Sin", NN_MATH_sin, 0, 0, 0, 0 },
    { "Sinh", NN_MATH_sinh, 0, 0, 0, 0 },
    { "Softplus", NN_MATH_softplus, 0, 0, 0, 0 },
    { "Softsign", NN_MATH_softsign, 0, 0, 0, 0 },
    { "Sqrt", NN_MATH_sqrt, 0, 0, 0, 0 },
    { "Tan", NN_MATH_tan, 0, 0, 0, 0 },
    { "ThresholdedRelu", NN_MATH_thresholded, "alpha", 0, 1, 0 },
};

bool nn_onnx_lower_unary(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    struct nn_math m = { 0 };
    bool answers;

    if (!x)
        return false;
    for (size_t i = 0; i < sizeof unaries / sizeof *unaries; i++) {
        const struct unary *u = &unaries[i];

        if (!is_called(a, u->name))
            continue;
        m.kind = u->kind;
        m.a = u->attr_a ? nn_onnx_at_float(a, u->attr_a, u->a) : u->a;
        m.b = u->attr_b ? nn_onnx_at_float(a, u->attr_b, u->b) : u->b;
    }
    if (m.kind == NN_MATH_isinf) {
        m.a = (double)nn_onnx_at_int(a, "detect_negative", 1);
        m.b = (double)nn_onnx_at_int(a, "detect_positive", 1);
    }
    answers = m.kind == NN_MATH_isnan || m.kind == NN_MATH_isinf || m.kind == NN_MATH_not;
    return nn_onnx_at_done(a, nn_onnx_v_math(a->r, &m, x, answers ? NN_ONNX_T_BOOL : x->type));
}

/* Those that we have an operator of our own for. */
bool nn_onnx_lower_activation(nn_onnx_at *a)
{
    static const struct { const char *name; const struct nn_op *op; } known[] = {
        { "Relu", &nn_op_relu }, { "Sigmoid", &nn_op_sigmoid }, { "Tanh", &nn_op_tanh },
        { "HardSwish", &nn_op_hardswish }, { "Gelu", &nn_op_gelu },
        { "LeakyRelu", &nn_op_leakyrelu },
    };
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    const struct nn_gelu gelu = {
        nn_onnx_at_is(a, "approximate", "tanh", "none") ? NN_GELU_TANH : NN_GELU_NONE };
    const struct nn_leakyrelu leaky = { nn_onnx_at_float(a, "alpha", 0.01) };
    const struct nn_math clip = { NN_MATH_clip, 0, 3.4028234663852886e38 };

    if (!x)
        return false;
    if (nn_onnx_is_const(x))
        return is_called(a, "Relu") ? nn_onnx_at_done(a, nn_onnx_v_math(a->r, &clip, x, x->type))
                                    : nn_onnx_at_cannot(a, "of a constant");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (is_called(a, known[i].name)) {
            const struct nn_op *op = known[i].op;

            return nn_onnx_at_done(a, nn_onnx_v_each(a->r, op, op == &nn_op_gelu ? &gelu
                                                     : op == &nn_op_leakyrelu
                                                         ? (const void *)&leaky
                                                         : NULL, x));
        }
    return nn_onnx_at_cannot(a, "not known");
}

/* A limit of Clip: an attribute, then an input; +-3.4e38 where it is not there. */
static bool limit(nn_onnx_at *a, const char *name, int i, double *out)
{
    *out = nn_onnx_at_float(a, name, *out);
    if (i >= a->n_in || !a->x[i])
        return true;
    if (!nn_onnx_is_const(a->x[i]))
        return nn_onnx_at_cannot(a, "a limit that depends on the picture");
    if (!nn_onnx_load(a->r, a->x[i]))
        return false;
    if (nn_onnx_count(a->x[i]->rank, a->x[i]->dim) == 1)
        *out = nn_onnx_num(a->x[i], 0);
    return true;
}

bool nn_onnx_lower_clip(nn_onnx_at *a)
{
    const double most = 3.4028234663852886e38;
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    struct nn_math m = { NN_MATH_clip, -most, most };

    if (!x || !limit(a, "min", 1, &m.a) || !limit(a, "max", 2, &m.b))
        return false;
    m.a = fmin(fmax(m.a, -most), most);
    m.b = fmin(fmax(m.b, -most), most);
    if (!nn_onnx_is_const(x) && m.a == 0 && m.b == 6)
        return nn_onnx_at_done(a, nn_onnx_v_each(a->r, &nn_op_relu6, NULL, x));
    if (!nn_onnx_is_const(x) && m.a == 0 && m.b == most)
        return nn_onnx_at_done(a, nn_onnx_v_each(a->r, &nn_op_relu, NULL, x));
    return nn_onnx_at_done(a, nn_onnx_v_math(a->r, &m, x, x->type));
}

/* Its numbers are 0 and 1 already. */
static bool is_truth(const nn_onnx_reader *r, const nn_onnx_val *x)
{
    const struct nn_node *node = nn_onnx_is_const(x) ? NULL : &r->g->node[x->node];
    const struct nn_arith *a = node && node->op == &nn_op_arith ? node->attr : NULL;

    return x->type == NN_ONNX_T_BOOL ||
           (a && a->kind >= NN_ARITH_LESS && a->kind <= NN_ARITH_XOR);
}

bool nn_onnx_lower_cast(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *y;
    int to = (int)nn_onnx_at_int(a, "to", 0);
    struct nn_math m = { .kind = NN_MATH_trunc };

    if (!x)
        return false;
    if (is_called(a, "CastLike")) {
        if (!nn_onnx_at_in(a, 1))
            return false;
        to = a->x[1]->type;
    }
    if (to < NN_ONNX_T_FLOAT || to > NN_ONNX_T_BFLOAT16 || to == NN_ONNX_T_STRING ||
        to == 14 || to == 15)
        return err_set(a->r->err, ERR_UNSUPPORTED, "data type %d is not known", to);
    if (to == NN_ONNX_T_BOOL && !is_truth(a->r, x))
        m.kind = NN_MATH_truth;
    else if (to == NN_ONNX_T_BOOL || nn_onnx_is_float(to) || !nn_onnx_is_float(x->type))
        m = (struct nn_math){ NN_MATH_affine, 1, 0 };
    if (nn_onnx_is_const(x) || m.kind != NN_MATH_affine)
        return nn_onnx_at_done(a, nn_onnx_v_math(a->r, &m, x, to));
    y = arena_copy(a->r->mem, x, sizeof *x);
    if (!y)
        return err_set(a->r->err, ERR_MEMORY, "no memory");
    y->type = to;
    return nn_onnx_at_done(a, y);
}

/* ---- two inputs, or more --------------------------------------------------------------------- */

static const struct binary {
    const char *name;
    enum nn_arith_kind kind;
    bool turned, answers;       /* the operands change places; what comes out is true or false */
} binaries[] = {
    { "Add", NN_ARITH_ADD, false, false },
    { "And", NN_ARITH_AND, false, true },
    { "Div", NN_ARITH_DIV, false, false },
    { "Equal", NN_ARITH_EQUAL, false, true },
    { "Greater", NN_ARITH_LESS, true, true },
    { "GreaterOrEqual", NN_ARITH_LESS_EQUAL, true, true },
    { "Less", NN_ARITH_LESS, false, true },
    { "LessOrEqual", NN_ARITH_LESS_EQUAL, false, true },
    { "Max", NN_ARITH_MAX, false, false },
    { "Mean", NN_ARITH_ADD, false, false },
    { "Min", NN_ARITH_MIN, false, false },
    { "Mod", NN_ARITH_MOD, false, false },
    { "Mul", NN_ARITH_MUL, false, false },
    { "Or", NN_ARITH_OR, false, true },
    { "PRelu", NN_ARITH_PRELU, false, false },
    { "Pow", NN_ARITH_POW, false, false },
    { "Sub", NN_ARITH_SUB, false, false },
    { "Sum", NN_ARITH_ADD, false, false },
    { "Xor", NN_ARITH_XOR, false, true },
};

/* Up to opset 6 the second operand stood at an axis of the first. */
static nn_onnx_val *aligned(nn_onnx_at *a, const nn_onnx_val *x, nn_onnx_val *y)
{
    int64_t dim[SHAPE_MAX_RANK], axis = nn_onnx_at_int(a, "axis", x->rank);

    if (y && is_called(a, "PRelu") && a->r->opset < 7 && y->rank == 1 && y->dim[0] > 1)
        axis = 1;
    else if (!y || a->r->opset > 6 || !nn_onnx_at_int(a, "broadcast", 0))
        return y;
    if (axis < 0 || axis + y->rank >= x->rank)
        return y;
    for (int d = 0; d < x->rank - axis; d++)
        dim[d] = d < y->rank ? y->dim[d] : 1;
    return nn_onnx_v_reshape(a->r, y, x->rank - (int)axis, dim);
}

bool nn_onnx_lower_binary(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    enum nn_arith_kind kind = NN_ARITH_KINDS;
    const struct binary *b = NULL;

    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
        if (is_called(a, binaries[i].name))
            b = &binaries[i];
    if (!x || !b)
        return false;
    kind = b->kind;
    if (kind == NN_ARITH_DIV && !nn_onnx_is_float(x->type))
        kind = NN_ARITH_WHOLE_DIV;
    if (kind == NN_ARITH_MOD && nn_onnx_at_int(a, "fmod", 0))
        kind = NN_ARITH_FMOD;
    for (int i = 1; x && i < a->n_in; i++) {
        nn_onnx_val *y = aligned(a, x, nn_onnx_at_in(a, i));

        if (!y)
            return false;
        x = nn_onnx_v_arith(a->r, kind, b->turned ? y : x, b->turned ? x : y,
                            b->answers ? NN_ONNX_T_BOOL : x->type);
    }
    if (x && is_called(a, "Mean") && a->n_in > 1) {
        const struct nn_math m = { NN_MATH_affine, 1.0 / a->n_in, 0 };

        x = nn_onnx_v_math(a->r, &m, x, x->type);
    }
    return nn_onnx_at_done(a, x);
}
