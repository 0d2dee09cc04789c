/*
 * quant -- whole numbers of 8 and 16 bits with a scale: ops.h
 *
 * In reference form: (x - zero) scale and back in floats, which hold every sum of such products up
 * to 2^24 exactly.  What is rounded is so as ONNX says, halves to even, and cut to its type.
 */
#include "nn/io/onnx_in/ops.h"

#include "nn/op/reduce.h"

#include <string.h>

static bool limits(int type, double *least, double *most)
{
    switch (type) {
    case NN_ONNX_T_UINT8: *least = 0, *most = 255; return true;
    case NN_ONNX_T_INT8: *least = -128, *most = 127; return true;
    case NN_ONNX_T_UINT16: *least = 0, *most = 65535; return true;
    case NN_ONNX_T_INT16: *least = -32768, *most = 32767; return true;
    default: return false;
    }
}

/* A scale or zero point of each place of an axis, so that it goes with x. */
static nn_onnx_val *along(nn_onnx_at *a, nn_onnx_val *p, const nn_onnx_val *x, int axis)
{
    int64_t dim[SHAPE_MAX_RANK];

    if (p->rank == 0 || nn_onnx_count(p->rank, p->dim) == 1)
        return nn_onnx_v_reshape(a->r, p, 0, NULL);
    if (p->rank != 1 || axis < 0 || axis >= x->rank || p->dim[0] != x->dim[axis]) {
        nn_onnx_at_cannot(a, "scales of blocks");
        return NULL;
    }
    for (int d = 0; d < x->rank; d++)
        dim[d] = d == axis ? x->dim[d] : 1;
    return nn_onnx_v_reshape(a->r, p, x->rank, dim);
}

static nn_onnx_val *arith(nn_onnx_at *a, enum nn_arith_kind kind, nn_onnx_val *x, nn_onnx_val *y,
                          int type)
{
    return x && y ? nn_onnx_v_arith(a->r, kind, x, y, type) : NULL;
}

/* (x - zero) scale; scale NULL: without. */
static nn_onnx_val *opened(nn_onnx_at *a, nn_onnx_val *x, nn_onnx_val *scale, nn_onnx_val *zero,
                           int axis)
{
    int type = scale ? scale->type : NN_ONNX_T_FLOAT;

    if (x && zero)
        x = arith(a, NN_ARITH_SUB, x, along(a, zero, x, axis), type);
    return x && scale ? arith(a, NN_ARITH_MUL, x, along(a, scale, x, axis), type) : x;
}

/* round(x / scale) + zero, cut to the type; scale NULL: of 1. */
static nn_onnx_val *closed(nn_onnx_at *a, nn_onnx_val *x, nn_onnx_val *scale, nn_onnx_val *zero,
                           int axis, int type)
{
    struct nn_math m = { .kind = NN_MATH_round };

    if (!limits(type, &m.a, &m.b)) {
        nn_onnx_at_cannot(a, "a type that is not of 8 or 16 bits");
        return NULL;
    }
    if (x && scale)
        x = arith(a, NN_ARITH_DIV, x, along(a, scale, x, axis), NN_ONNX_T_FLOAT);
    x = x ? nn_onnx_v_math(a->r, &m, x, NN_ONNX_T_FLOAT) : NULL;
    if (x && zero)
        x = arith(a, NN_ARITH_ADD, x, along(a, zero, x, axis), NN_ONNX_T_FLOAT);
    m.kind = NN_MATH_clip;
    return x ? nn_onnx_v_math(a->r, &m, x, type) : NULL;
}

/* Where scales of a dimension lie, where there are several. */
static int axis_of(const nn_onnx_at *a, const nn_onnx_val *x)
{
    int64_t axis = nn_onnx_at_int(a, "axis", 1);

    axis += axis < 0 ? x->rank : 0;
    return axis >= 0 && axis < x->rank ? (int)axis : 0;
}

bool nn_onnx_lower_quantize(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *scale = nn_onnx_at_in(a, 1);
    nn_onnx_val *zero = a->n_in > 2 ? a->x[2] : NULL;
    int type = zero ? zero->type : (int)nn_onnx_at_int(a, "output_dtype", NN_ONNX_T_UINT8);

    return x && scale && nn_onnx_at_done(a, closed(a, x, scale, zero, axis_of(a, x), type));
}

bool nn_onnx_lower_dequantize(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *scale = nn_onnx_at_in(a, 1);

    return x && scale && nn_onnx_at_done(a, opened(a, x, scale, a->n_in > 2 ? a->x[2] : NULL,
                                                   axis_of(a, x)));
}

bool nn_onnx_lower_dynamic_quantize(nn_onnx_at *a)
{
    const struct nn_math above = { NN_MATH_clip, 0, 3.4028234663852886e38 },
                         below = { NN_MATH_clip, -3.4028234663852886e38, 0 },
                         share = { NN_MATH_affine, 1.0 / 255, 0 }, turn = { .kind = NN_MATH_neg };
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *least, *most, *scale, *zero;
    unsigned all;

    if (!x)
        return false;
    all = (1u << x->rank) - 1;
    least = nn_onnx_reduced(a->r, NN_REDUCE_MIN, x, all, false);
    most = nn_onnx_reduced(a->r, NN_REDUCE_MAX, x, all, false);
    least = least ? nn_onnx_v_math(a->r, &below, least, x->type) : NULL;
    most = most ? nn_onnx_v_math(a->r, &above, most, x->type) : NULL;
    scale = arith(a, NN_ARITH_SUB, most, least, x->type);
    scale = scale ? nn_onnx_v_math(a->r, &share, scale, x->type) : NULL;
    zero = least ? nn_onnx_v_math(a->r, &turn, least, x->type) : NULL;
    zero = scale ? closed(a, zero, scale, NULL, 0, NN_ONNX_T_UINT8) : NULL;
    if (!zero || !nn_onnx_at_done(a, closed(a, x, scale, zero, 0, NN_ONNX_T_UINT8)))
        return false;
    if (a->n_out > 1)
        a->y[1] = scale;
    if (a->n_out > 2)
        a->y[2] = zero;
    return true;
}

/* A product or convolution of what is opened; bias may be NULL. */
static nn_onnx_val *multiplied(nn_onnx_at *a, nn_onnx_val *x, nn_onnx_val *w, nn_onnx_val *bias)
{
    nn_onnx_val *in[3] = { x, w, bias }, *out[1] = { NULL };
    nn_onnx_at inner = { .r = a->r, .node = a->node, .n_in = bias ? 3 : 2, .n_out = 1, .x = in,
                         .y = out };
    bool conv = strstr(a->node->op_type, "Conv");

    return x && w && (conv ? nn_onnx_lower_conv : nn_onnx_lower_matmul)(&inner) ? out[0] : NULL;
}

/* ConvInteger, MatMulInteger: x, w and their zero points. */
bool nn_onnx_lower_integer(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *w = nn_onnx_at_in(a, 1), *y;
    bool conv = strstr(a->node->op_type, "Conv");

    if (!x || !w)
        return false;
    x = opened(a, x, NULL, a->n_in > 2 ? a->x[2] : NULL, conv ? 1 : x->rank - 2);
    w = opened(a, w, NULL, a->n_in > 3 ? a->x[3] : NULL, conv ? 0 : w->rank - 1);
    y = multiplied(a, x, w, NULL);
    if (y)
        y->type = NN_ONNX_T_INT32;
    return nn_onnx_at_done(a, y);
}

/* QLinearConv, QLinearMatMul: x, w and the result each with scale and zero point; a bias in units
 * of both scales. */
bool nn_onnx_lower_quantized(nn_onnx_at *a)
{
    bool conv = strstr(a->node->op_type, "Conv");
    nn_onnx_val *x, *w, *y, *bias = conv && a->n_in > 8 ? a->x[8] : NULL;
    int rank;

    for (int i = 0; i < 8; i++)
        if (!nn_onnx_at_in(a, i))
            return false;
    rank = a->x[0]->rank;
    x = opened(a, a->x[0], NULL, a->x[2], conv ? 1 : rank - 2);
    w = opened(a, a->x[3], NULL, a->x[5], conv ? 0 : a->x[3]->rank - 1);
    y = multiplied(a, x, w, bias);
    if (y)
        y = arith(a, NN_ARITH_MUL, y, along(a, a->x[1], y, conv ? 1 : y->rank - 2),
                  NN_ONNX_T_FLOAT);
    if (y)
        y = arith(a, NN_ARITH_MUL, y, along(a, a->x[4], y, conv ? 1 : y->rank - 1),
                  NN_ONNX_T_FLOAT);
    return nn_onnx_at_done(a, y ? closed(a, y, a->x[6], a->x[7], 0, a->x[7]->type) : NULL);
}
