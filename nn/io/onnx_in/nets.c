/*
 * nets -- layers: norms, products of matrices: ops.h
 */
#include "nn/io/onnx_in/ops.h"

#include "nn/op/batchnorm.h"
#include "nn/op/groupnorm.h"
#include "nn/op/layernorm.h"
#include "nn/op/linear.h"
#include "nn/op/reduce.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* ---- norms ----------------------------------------------------------------------------------- */

/* An operator on x whose channels are last, with n parameters that lie in a->x or p. */
static nn_onnx_val *normed(nn_onnx_reader *r, const struct nn_op *op, const void *attr,
                           nn_onnx_val *x, int n_ax, const int8_t *ax, const char *name, int n,
                           nn_onnx_val **p)
{
    int in[NN_MAX_IN];

    in[0] = nn_onnx_place(r, x, n_ax, ax);
    if (in[0] < 0 || !name)
        return NULL;
    r->hint = name;
    for (int i = 0; i < n; i++) {
        in[1 + i] = nn_onnx_op_param(r, op, attr, in[0], 1 + i, name, p[i]);
        if (in[1 + i] < 0)
            return NULL;
    }
    return nn_onnx_new_node(r, x->type, x->rank, x->dim, nn_onnx_emit(r, op, attr, 1 + n, in),
                            n_ax, ax);
}

/* Rows of channels, or a picture: what is neither as one of a single row. */
static nn_onnx_val *as_pixels(nn_onnx_reader *r, nn_onnx_val *x)
{
    if (x->rank == 2 || x->rank == 4)
        return x;
    return nn_onnx_v_reshape(r, x, 4, (int64_t[]){ x->dim[0], x->dim[1], 1,
                                                   nn_onnx_count(x->rank - 2, x->dim + 2) });
}

/* A batch-norm that trains on a constant: how BiT's filters are standardised. */
static nn_onnx_val *standardized(nn_onnx_at *a, nn_onnx_val *x)
{
    int64_t count = nn_onnx_count(x->rank, x->dim), n = x->dim[1], inner, each;
    double epsilon = nn_onnx_at_float(a, "epsilon", 1e-5), *d;
    nn_onnx_val *y;

    for (int i = 1; i < 3; i++)
        if (!nn_onnx_is_const(a->x[i]) || nn_onnx_count(a->x[i]->rank, a->x[i]->dim) != n ||
            !nn_onnx_load(a->r, a->x[i])) {
            nn_onnx_at_cannot(a, "a batch-norm of constants with parameters that are none");
            return NULL;
        }
    if (!nn_onnx_load(a->r, x) || !(y = nn_onnx_new_const(a->r, x->type, x->rank, x->dim, &d)))
        return NULL;
    y->name = x->name;
    inner = nn_onnx_count(x->rank - 2, x->dim + 2);
    each = n > 0 ? count / n : 0;
    for (int64_t c = 0; c < n; c++) {
        double sum = 0, square = 0, mean, factor;

        for (int64_t i = 0; i < each; i++)
            sum += nn_onnx_num(x, (i / inner * n + c) * inner + i % inner);
        mean = sum / (double)each;
        for (int64_t i = 0; i < each; i++) {
            double v = nn_onnx_num(x, (i / inner * n + c) * inner + i % inner) - mean;

            square += v * v;
        }
        factor = nn_onnx_num(a->x[1], c) / sqrt(square / (double)each + epsilon);
        for (int64_t i = 0; i < each; i++) {
            int64_t at = (i / inner * n + c) * inner + i % inner;

            d[at] = (nn_onnx_num(x, at) - mean) * factor + nn_onnx_num(a->x[2], c);
        }
    }
    return y;
}

bool nn_onnx_lower_batch_norm(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    struct nn_bn bn = { .epsilon = nn_onnx_at_float(a, "epsilon", 1e-5),
                        .momentum = nn_onnx_decimal(
                            (float)(1 - nn_onnx_at_float(a, "momentum", 0.9))) };
    int64_t own[SHAPE_MAX_RANK];
    int8_t ax[SHAPE_MAX_RANK];
    nn_onnx_val *y;
    int n, rank;

    if (!x || a->n_in < 5)
        return x && nn_onnx_at_in(a, 4);
    for (int i = 1; i < 5; i++)
        if (!nn_onnx_at_in(a, i))
            return false;
    if (nn_onnx_is_const(x) && nn_onnx_at_int(a, "training_mode", 0) && x->rank > 1)
        return nn_onnx_at_done(a, standardized(a, x));
    if (nn_onnx_at_int(a, "training_mode", 0) || !nn_onnx_at_int(a, "spatial", 1) ||
        nn_onnx_is_const(x) || x->rank < 2)
        return nn_onnx_at_cannot(a, "a batch-norm that is training, not by channels, or of no "
                                    "picture");
    if (!(bn.momentum > 0 && bn.momentum <= 1))
        bn.momentum = 0.1;
    memcpy(own, x->dim, sizeof own);
    rank = x->rank;
    x = as_pixels(a->r, x);
    if (!x)
        return false;
    n = nn_onnx_last_channels(x->rank, ax);
    y = normed(a->r, &nn_op_batchnorm, &bn, x, n, ax, nn_onnx_at_name(a, a->x[1]), 4, a->x + 1);
    return nn_onnx_at_done(a, y && rank != x->rank ? nn_onnx_v_reshape(a->r, y, rank, own) : y);
}

nn_onnx_val *nn_onnx_group_normed(nn_onnx_reader *r, nn_onnx_val *x, int groups,
                                  nn_onnx_val *gamma, nn_onnx_val *beta, double epsilon)
{
    struct nn_groupnorm g = { .groups = groups, .epsilon = epsilon };
    int64_t own[SHAPE_MAX_RANK];
    int8_t ax[SHAPE_MAX_RANK];
    nn_onnx_val *p[2] = { gamma, beta };
    int rank = x->rank, n;

    memcpy(own, x->dim, sizeof own);
    x = as_pixels(r, x);
    if (!x)
        return NULL;
    n = nn_onnx_last_channels(x->rank, ax);
    x = normed(r, &nn_op_groupnorm, &g, x, n, ax,
               nn_onnx_new_name(r, r->hint ? r->hint : "norm"), 2, p);
    return !x || rank == x->rank ? x : nn_onnx_v_reshape(r, x, rank, own);
}

bool nn_onnx_lower_instance_norm(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *gamma = nn_onnx_at_in(a, 1), *beta = nn_onnx_at_in(a, 2);

    if (!x || !gamma || !beta)
        return false;
    if (nn_onnx_is_const(x) || x->rank < 3 || x->dim[1] > INT_MAX)
        return nn_onnx_at_cannot(a, "an instance norm of no picture");
    return nn_onnx_at_done(a, nn_onnx_group_normed(a->r, x, (int)x->dim[1], gamma, beta,
                                                   nn_onnx_at_float(a, "epsilon", 1e-5)));
}

nn_onnx_val *nn_onnx_layer_normed(nn_onnx_reader *r, nn_onnx_val *x, int axis, nn_onnx_val *gamma,
                                  nn_onnx_val *beta, double epsilon)
{
    struct nn_layernorm l = { .epsilon = epsilon };
    int8_t ax[SHAPE_MAX_RANK];
    nn_onnx_val *p[2] = { gamma, beta };
    int n = 0;

    if (x->ax[0] == axis && !(x = nn_onnx_apart(r, x)))
        return NULL;
    for (int i = 0; i < x->n_ax; i++)
        if (x->ax[i] != axis)
            ax[n++] = x->ax[i];
    ax[n++] = (int8_t)axis;
    return normed(r, &nn_op_layernorm, &l, x, n, ax,
                  nn_onnx_new_name(r, r->hint ? r->hint : "norm"), 2, p);
}

/* The mean and one over the deviation, where somebody wants them. */
static bool tell_moments(nn_onnx_at *a, nn_onnx_val *x, int axis)
{
    const struct nn_math more = { NN_MATH_affine, 1, nn_onnx_at_float(a, "epsilon", 1e-5) },
                         root = { .kind = NN_MATH_sqrt }, one = { .kind = NN_MATH_reciprocal };
    int64_t dim[SHAPE_MAX_RANK];
    unsigned set = 0;
    nn_onnx_val *mean, *v;

    if ((a->n_out < 2 || !*a->node->output[1]) && (a->n_out < 3 || !*a->node->output[2]))
        return true;
    for (int d = 0; d < x->rank; d++) {
        dim[d] = d < axis ? x->dim[d] : 1;
        set |= d < axis ? 0 : 1u << d;
    }
    mean = nn_onnx_reduced(a->r, NN_REDUCE_MEAN, x, set, false);
    mean = mean ? nn_onnx_v_reshape(a->r, mean, x->rank, dim) : NULL;
    v = mean ? nn_onnx_v_arith(a->r, NN_ARITH_SUB, x, mean, x->type) : NULL;
    v = v ? nn_onnx_v_arith(a->r, NN_ARITH_MUL, v, v, x->type) : NULL;
    v = v ? nn_onnx_reduced(a->r, NN_REDUCE_MEAN, v, set, false) : NULL;
    v = v ? nn_onnx_v_math(a->r, &more, v, x->type) : NULL;
    v = v ? nn_onnx_v_math(a->r, &root, v, x->type) : NULL;
    v = v ? nn_onnx_v_math(a->r, &one, v, x->type) : NULL;
    v = v ? nn_onnx_v_reshape(a->r, v, x->rank, dim) : NULL;
    a->y[1] = mean;
    if (a->n_out > 2)
        a->y[2] = v;
    return v;
}

bool nn_onnx_lower_layer_norm(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *gamma = nn_onnx_at_in(a, 1), *y;
    nn_onnx_val *beta = a->n_in > 2 ? a->x[2] : NULL;
    int64_t dim[SHAPE_MAX_RANK], own[SHAPE_MAX_RANK];
    int axis, rank;

    if (!x || !gamma)
        return false;
    axis = nn_onnx_at_axis(a, nn_onnx_at_int(a, "axis", -1), x->rank);
    if (axis < 0)
        return false;
    if (nn_onnx_is_const(x))
        return nn_onnx_at_cannot(a, "a layer norm of a constant");
    if (!tell_moments(a, x, axis))
        return false;
    rank = x->rank;
    memcpy(own, x->dim, sizeof own);
    memcpy(dim, x->dim, sizeof dim);
    dim[axis] = nn_onnx_count(rank - axis, x->dim + axis);
    if (axis != rank - 1 && !(x = nn_onnx_v_reshape(a->r, x, axis + 1, dim)))
        return false;
    if (!beta) {
        double *zeros;

        beta = nn_onnx_new_const(a->r, NN_ONNX_T_FLOAT, 1, &dim[axis], &zeros);
        if (!beta)
            return false;
    }
    y = nn_onnx_layer_normed(a->r, x, axis, gamma, beta, nn_onnx_at_float(a, "epsilon", 1e-5));
    if (y && axis != rank - 1)
        y = nn_onnx_v_reshape(a->r, y, rank, own);
    return nn_onnx_at_done(a, y);
}

/* ---- products -------------------------------------------------------------------------------- */

nn_onnx_val *nn_onnx_linear(nn_onnx_reader *r, nn_onnx_val *x, nn_onnx_val *weight,
                            nn_onnx_val *bias, const char *name)
{
    struct nn_linear l = { .width = (int)weight->dim[0], .bias = bias };
    int64_t dim[SHAPE_MAX_RANK], rows[2], rank = x->rank;
    int8_t ax[SHAPE_MAX_RANK] = { 0, 1 };
    bool as_is = rank > 2 && x->ax[0] == 0;     /* the last dimension of whatever is before it */
    nn_onnx_val *y;
    int in[3], n_ax = as_is ? nn_onnx_natural(x, ax) : 2;

    if (weight->dim[1] != x->dim[rank - 1] || weight->dim[0] > INT_MAX || !name) {
        err_set(r->err, ERR_INPUT, "a matrix for %lld numbers, there are %lld",
                (long long)weight->dim[1], (long long)x->dim[rank - 1]);
        return NULL;
    }
    memcpy(dim, x->dim, sizeof dim);
    rows[0] = nn_onnx_count((int)rank - 1, dim);
    rows[1] = dim[rank - 1];
    if (rank != 2 && !as_is && !(x = nn_onnx_v_reshape(r, x, 2, rows)))
        return NULL;
    in[0] = nn_onnx_place(r, x, n_ax, ax);
    if (in[0] < 0)
        return NULL;
    r->hint = name;
    in[1] = nn_onnx_op_param(r, &nn_op_linear, &l, in[0], 1, name, weight);
    in[2] = bias && in[1] >= 0 ? nn_onnx_op_param(r, &nn_op_linear, &l, in[0], 2, name, bias) : -1;
    rows[1] = dim[rank - 1] = l.width;
    y = nn_onnx_new_node(r, x->type, as_is ? (int)rank : 2, as_is ? dim : rows,
                         nn_onnx_emit(r, &nn_op_linear, &l, bias ? 3 : 2, in), n_ax, ax);
    return y && rank != 2 && !as_is ? nn_onnx_v_reshape(r, y, (int)rank, dim) : y;
}

static nn_onnx_val *turned(nn_onnx_reader *r, nn_onnx_val *x)
{
    const char *name = x->name;

    x = nn_onnx_v_transpose(r, x, (const int64_t[]){ 1, 0 });
    if (x)
        x->name = name;
    return x;
}

/* A constant times a number. */
static nn_onnx_val *times(nn_onnx_reader *r, nn_onnx_val *x, double factor)
{
    const struct nn_math m = { NN_MATH_affine, factor, 0 };
    const char *name = x->name;

    if (factor == 1)
        return x;
    x = nn_onnx_v_math(r, &m, x, x->type);
    if (x)
        x->name = name;
    return x;
}

bool nn_onnx_lower_gemm(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *w = nn_onnx_at_in(a, 1), *y;
    nn_onnx_val *c = a->n_in > 2 ? a->x[2] : NULL;
    double alpha = nn_onnx_at_float(a, "alpha", 1), beta = nn_onnx_at_float(a, "beta", 1);
    bool own = c && nn_onnx_is_const(c) && w && w->rank == 2;

    if (!x || !w)
        return false;
    if (x->rank != 2 || w->rank != 2)
        return err_set(a->r->err, ERR_INPUT, "matrices have 2 dimensions, not %d and %d", x->rank,
                       w->rank);
    if (nn_onnx_at_int(a, "transA", 0) && !(x = turned(a->r, x)))
        return false;
    if (!nn_onnx_at_int(a, "transB", 0) && !(w = turned(a->r, w)))
        return false;
    if (nn_onnx_is_const(x) || !nn_onnx_is_const(w)) {
        if (!(w = turned(a->r, w)))
            return false;
        y = nn_onnx_v_product(a->r, x, w);
        y = y ? times(a->r, y, alpha) : NULL;
        own = false;
    } else {
        own = own && nn_onnx_one_axis(c, 2, 1) && nn_onnx_count(c->rank, c->dim) == w->dim[0];
        w = times(a->r, w, alpha);
        if (own)
            c = times(a->r, c, beta);
        if (!w || (own && !c))
            return false;
        y = nn_onnx_linear(a->r, x, w, own ? c : NULL, nn_onnx_at_name(a, w));
    }
    if (y && c && !own) {
        c = times(a->r, c, beta);
        y = c ? nn_onnx_v_arith(a->r, NN_ARITH_ADD, y, c, y->type) : NULL;
    }
    return nn_onnx_at_done(a, y);
}

bool nn_onnx_lower_matmul(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *w = nn_onnx_at_in(a, 1);

    if (!x || !w)
        return false;
    if (nn_onnx_is_const(w) && !nn_onnx_is_const(x) && w->rank == 2 && x->rank > 1) {
        w = turned(a->r, w);
        return w && nn_onnx_at_done(a, nn_onnx_linear(a->r, x, w, NULL, nn_onnx_at_name(a, w)));
    }
    return nn_onnx_at_done(a, nn_onnx_v_product(a->r, x, w));
}

/* ---- softmax --------------------------------------------------------------------------------- */

static nn_onnx_val *softmax_of(nn_onnx_at *a, nn_onnx_val *x, int axis)
{
    int8_t ax[SHAPE_MAX_RANK];
    int n = 0;

    if (x->ax[0] == axis && !(x = nn_onnx_apart(a->r, x)))
        return NULL;
    for (int i = 0; i < x->n_ax; i++)
        if (x->ax[i] != axis)
            ax[n++] = x->ax[i];
    ax[n++] = (int8_t)axis;
    if (!(x = nn_onnx_placed(a->r, x, n, ax)))
        return NULL;
    return nn_onnx_v_each(a->r, &nn_op_softmax, NULL, x);
}

/* x - log sum exp x, which stays a number where softmax is 0. */
static nn_onnx_val *log_softmax(nn_onnx_at *a, nn_onnx_val *x, int axis)
{
    nn_onnx_val *sum = nn_onnx_log_sum_exp(a->r, x, 1u << axis);
    int64_t dim[SHAPE_MAX_RANK];

    memcpy(dim, x->dim, sizeof dim);
    dim[axis] = 1;
    sum = sum ? nn_onnx_v_reshape(a->r, sum, x->rank, dim) : NULL;
    return sum ? nn_onnx_v_arith(a->r, NN_ARITH_SUB, x, sum, x->type) : NULL;
}

bool nn_onnx_lower_softmax(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *y;
    int64_t dim[SHAPE_MAX_RANK], two[2];
    bool old = a->r->opset < 13;
    int axis, rank;

    if (!x)
        return false;
    if (nn_onnx_is_const(x))
        return nn_onnx_at_cannot(a, "a softmax of constants");
    rank = x->rank;
    axis = nn_onnx_at_axis(a, nn_onnx_at_int(a, "axis", old ? 1 : -1), rank);
    if (axis < 0)
        return false;
    memcpy(dim, x->dim, sizeof dim);
    /* Once all dimensions from the axis on were one. */
    old = old && nn_onnx_count(rank - axis - 1, dim + axis + 1) != 1;
    if (old) {
        two[0] = nn_onnx_count(axis, dim);
        two[1] = nn_onnx_count(rank - axis, dim + axis);
        x = nn_onnx_v_reshape(a->r, x, 2, two);
        axis = 1;
    }
    if (!x)
        return false;
    y = strcmp(a->node->op_type, "LogSoftmax") ? softmax_of(a, x, axis) : log_softmax(a, x, axis);
    if (y && old)
        y = nn_onnx_v_reshape(a->r, y, rank, dim);
    return nn_onnx_at_done(a, y);
}
