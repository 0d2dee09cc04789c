/*
 * ops -- which operators of ONNX files are known, and their attributes: ops.h
 */
#include "nn/io/onnx_in/ops.h"

#include <string.h>

static const struct known {
    const char *name;
    nn_onnx_lower_fn *lower;
} ops[] = {
    { "Abs", nn_onnx_lower_unary },
    { "Acos", nn_onnx_lower_unary },
    { "Acosh", nn_onnx_lower_unary },
    { "Add", nn_onnx_lower_binary },
    { "And", nn_onnx_lower_binary },
    { "ArgMax", nn_onnx_lower_arg },
    { "ArgMin", nn_onnx_lower_arg },
    { "Asin", nn_onnx_lower_unary },
    { "Asinh", nn_onnx_lower_unary },
    { "Atan", nn_onnx_lower_unary },
    { "Atanh", nn_onnx_lower_unary },
    { "AveragePool", nn_onnx_lower_average_pool },
    { "BatchNormalization", nn_onnx_lower_batch_norm },
    { "Cast", nn_onnx_lower_cast },
    { "CastLike", nn_onnx_lower_cast },
    { "Ceil", nn_onnx_lower_unary },
    { "Celu", nn_onnx_lower_unary },
    { "Clip", nn_onnx_lower_clip },
    { "Concat", nn_onnx_lower_concat },
    { "Constant", nn_onnx_lower_constant },
    { "ConstantOfShape", nn_onnx_lower_constant_of_shape },
    { "Conv", nn_onnx_lower_conv },
    { "ConvInteger", nn_onnx_lower_integer },
    { "Cos", nn_onnx_lower_unary },
    { "Cosh", nn_onnx_lower_unary },
    { "CumSum", nn_onnx_lower_cumsum },
    { "DepthToSpace", nn_onnx_lower_space },
    { "DequantizeLinear", nn_onnx_lower_dequantize },
    { "Div", nn_onnx_lower_binary },
    { "Dropout", nn_onnx_lower_identity },
    { "DynamicQuantizeLinear", nn_onnx_lower_dynamic_quantize },
    { "Elu", nn_onnx_lower_unary },
    { "Equal", nn_onnx_lower_binary },
    { "Erf", nn_onnx_lower_unary },
    { "Exp", nn_onnx_lower_unary },
    { "Expand", nn_onnx_lower_expand },
    { "Flatten", nn_onnx_lower_flatten },
    { "Floor", nn_onnx_lower_unary },
    { "Gather", nn_onnx_lower_gather },
    { "GatherElements", nn_onnx_lower_gather_elements },
    { "GatherND", nn_onnx_lower_gather_nd },
    { "Gelu", nn_onnx_lower_activation },
    { "Gemm", nn_onnx_lower_gemm },
    { "GlobalAveragePool", nn_onnx_lower_global_pool },
    { "GlobalMaxPool", nn_onnx_lower_global_pool },
    { "Greater", nn_onnx_lower_binary },
    { "GreaterOrEqual", nn_onnx_lower_binary },
    { "GroupNormalization", nn_onnx_lower_group_norm },
    { "HardSigmoid", nn_onnx_lower_unary },
    { "HardSwish", nn_onnx_lower_activation },
    { "Identity", nn_onnx_lower_identity },
    { "InstanceNormalization", nn_onnx_lower_instance_norm },
    { "IsInf", nn_onnx_lower_unary },
    { "IsNaN", nn_onnx_lower_unary },
    { "LRN", nn_onnx_lower_lrn },
    { "LayerNormalization", nn_onnx_lower_layer_norm },
    { "LeakyRelu", nn_onnx_lower_activation },
    { "Less", nn_onnx_lower_binary },
    { "LessOrEqual", nn_onnx_lower_binary },
    { "Log", nn_onnx_lower_unary },
    { "LogSoftmax", nn_onnx_lower_softmax },
    { "MatMul", nn_onnx_lower_matmul },
    { "MatMulInteger", nn_onnx_lower_integer },
    { "Max", nn_onnx_lower_binary },
    { "MaxPool", nn_onnx_lower_max_pool },
    { "Mean", nn_onnx_lower_binary },
    { "Min", nn_onnx_lower_binary },
    { "Mish", nn_onnx_lower_unary },
    { "Mod", nn_onnx_lower_binary },
    { "Mul", nn_onnx_lower_binary },
    { "Neg", nn_onnx_lower_unary },
    { "Not", nn_onnx_lower_unary },
    { "Or", nn_onnx_lower_binary },
    { "PRelu", nn_onnx_lower_binary },
    { "Pad", nn_onnx_lower_pad },
    { "Pow", nn_onnx_lower_binary },
    { "QLinearConv", nn_onnx_lower_quantized },
    { "QLinearMatMul", nn_onnx_lower_quantized },
    { "QuantizeLinear", nn_onnx_lower_quantize },
    { "Range", nn_onnx_lower_range },
    { "Reciprocal", nn_onnx_lower_unary },
    { "ReduceL1", nn_onnx_lower_reduce },
    { "ReduceL2", nn_onnx_lower_reduce },
    { "ReduceLogSum", nn_onnx_lower_reduce },
    { "ReduceLogSumExp", nn_onnx_lower_reduce },
    { "ReduceMax", nn_onnx_lower_reduce },
    { "ReduceMean", nn_onnx_lower_reduce },
    { "ReduceMin", nn_onnx_lower_reduce },
    { "ReduceProd", nn_onnx_lower_reduce },
    { "ReduceSum", nn_onnx_lower_reduce },
    { "ReduceSumSquare", nn_onnx_lower_reduce },
    { "Relu", nn_onnx_lower_activation },
    { "Reshape", nn_onnx_lower_reshape },
    { "Resize", nn_onnx_lower_resize },
    { "Round", nn_onnx_lower_unary },
    { "ScatterND", nn_onnx_lower_scatter_nd },
    { "Selu", nn_onnx_lower_unary },
    { "Shape", nn_onnx_lower_shape },
    { "Sigmoid", nn_onnx_lower_activation },
    { "Sign", nn_onnx_lower_unary },
    { "Sin", nn_onnx_lower_unary },
    { "Sinh", nn_onnx_lower_unary },
    { "Size", nn_onnx_lower_size },
    { "Slice", nn_onnx_lower_slice },
    { "Softmax", nn_onnx_lower_softmax },
    { "Softplus", nn_onnx_lower_unary },
    { "Softsign", nn_onnx_lower_unary },
    { "SpaceToDepth", nn_onnx_lower_space },
    { "Split", nn_onnx_lower_split },
    { "Sqrt", nn_onnx_lower_unary },
    { "Squeeze", nn_onnx_lower_squeeze },
    { "Sub", nn_onnx_lower_binary },
    { "Sum", nn_onnx_lower_binary },
    { "Tan", nn_onnx_lower_unary },
    { "Tanh", nn_onnx_lower_activation },
    { "ThresholdedRelu", nn_onnx_lower_unary },
    { "Tile", nn_onnx_lower_tile },
    { "Transpose", nn_onnx_lower_transpose },
    { "Trilu", nn_onnx_lower_trilu },
    { "Unsqueeze", nn_onnx_lower_unsqueeze },
    { "Upsample", nn_onnx_lower_resize },
    { "Where", nn_onnx_lower_where },
    { "Xor", nn_onnx_lower_binary },
};

nn_onnx_lower_fn *nn_onnx_lower_find(const Onnx__NodeProto *node)
{
    const char *domain = nn_onnx_text(node->domain);

    if (*domain && strcmp(domain, "ai.onnx") != 0)
        return NULL;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(ops[i].name, nn_onnx_text(node->op_type)))
            return ops[i].lower;
    return NULL;
}

const Onnx__AttributeProto *nn_onnx_attribute(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (!strcmp(nn_onnx_text(node->attribute[i]->name), name))
            return node->attribute[i];
    return NULL;
}

int64_t nn_onnx_at_int(const nn_onnx_at *a, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *p = nn_onnx_attribute(a->node, name);

    return p && p->has_i ? p->i : otherwise;
}

double nn_onnx_decimal(float x)
{
    struct str text = { 0 };
    double out = (double)x;

    str_float(&text, x);
    if (!text.failed && str_to_double(str_text(&text), &out) && (float)out != x)
        out = (double)x;
    str_release(&text);
    return out;
}

double nn_onnx_at_float(const nn_onnx_at *a, const char *name, double otherwise)
{
    const Onnx__AttributeProto *p = nn_onnx_attribute(a->node, name);

    return p && p->has_f ? nn_onnx_decimal(p->f) : otherwise;
}

bool nn_onnx_at_is(const nn_onnx_at *a, const char *name, const char *word, const char *otherwise)
{
    const Onnx__AttributeProto *p = nn_onnx_attribute(a->node, name);
    size_t n = strlen(word);

    if (!p || !p->has_s)
        return !strcmp(word, otherwise);
    return p->s.len == n && !memcmp(p->s.data, word, n);
}

int nn_onnx_at_ints(const nn_onnx_at *a, const char *name, int most, int64_t *out)
{
    const Onnx__AttributeProto *p = nn_onnx_attribute(a->node, name);

    if (!p)
        return -1;
    if (p->n_ints > (size_t)most) {
        err_set(a->r->err, ERR_INPUT, "\"%s\" has %zu numbers, more than %d", name, p->n_ints,
                most);
        return -2;
    }
    for (size_t i = 0; i < p->n_ints; i++)
        out[i] = p->ints[i];
    return (int)p->n_ints;
}

int nn_onnx_at_ints_or(nn_onnx_at *a, const char *name, int i, int most, int64_t *out)
{
    int n;

    if (i >= a->n_in || !a->x[i])
        return nn_onnx_at_ints(a, name, most, out);
    n = nn_onnx_ints_of(a->r, a->x[i], most, out);
    return n < 0 ? -2 : n;
}

int nn_onnx_at_axis(const nn_onnx_at *a, int64_t axis, int rank)
{
    if (axis < -rank || axis >= rank) {
        err_set(a->r->err, ERR_INPUT, "axis %lld of %d dimensions", (long long)axis, rank);
        return -1;
    }
    return (int)(axis < 0 ? axis + rank : axis);
}

nn_onnx_val *nn_onnx_at_in(const nn_onnx_at *a, int i)
{
    if (i < a->n_in && a->x[i])
        return a->x[i];
    err_set(a->r->err, ERR_INPUT, "its input %d is missing", i);
    return NULL;
}

bool nn_onnx_at_done(nn_onnx_at *a, nn_onnx_val *v)
{
    a->y[0] = v;
    return v;
}

bool nn_onnx_at_cannot(const nn_onnx_at *a, const char *what)
{
    return err_set(a->r->err, ERR_UNSUPPORTED, "%s", what);
}

const char *nn_onnx_at_name(const nn_onnx_at *a, const nn_onnx_val *weight)
{
    static const char *const tails[] = { ".weight", ".bias" };
    const char *own = weight && weight->name ? weight->name : "";
    size_t n = strlen(own), tail = 0;

    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        if (n > strlen(tails[i]) && !strcmp(own + n - strlen(tails[i]), tails[i]))
            tail = strlen(tails[i]);
    if (tail)
        own = arena_printf(a->r->mem, "%.*s", (int)(n - tail), own);
    else if (a->r->hint)
        own = a->r->hint;
    else
        own = nn_onnx_text(a->node->op_type);
    if (!own) {
        err_set(a->r->err, ERR_MEMORY, "no memory");
        return NULL;
    }
    return nn_onnx_new_name(a->r, own);
}
