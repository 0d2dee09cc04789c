/*
 * calc -- functions of values that compute: val.h
 *
 * Constants are computed in double, at once.  Whole numbers are rounded as their type does.
 */
#include "nn/io/onnx_in/val.h"

#include "nn/op/matmul.h"
#include "nn/op/scale.h"

#include <math.h>
#include <string.h>

/* What a type can hold of a number that was computed. */
static double fit(int type, double x)
{
    switch (type) {
    case NN_ONNX_T_FLOAT: return (double)(float)x;
    case NN_ONNX_T_UINT8: return (double)(uint8_t)nn_onnx_whole(x);
    case NN_ONNX_T_INT8: return (double)(int8_t)nn_onnx_whole(x);
    case NN_ONNX_T_UINT16: return (double)(uint16_t)nn_onnx_whole(x);
    case NN_ONNX_T_INT16: return (double)(int16_t)nn_onnx_whole(x);
    case NN_ONNX_T_BOOL: return x != 0;
    default: return x;
    }
}

nn_onnx_val *nn_onnx_v_each(nn_onnx_reader *r, const struct nn_op *op, const void *attr,
                            nn_onnx_val *x)
{
    if (nn_onnx_is_const(x)) {
        err_set(r->err, ERR_UNSUPPORTED, "%s of a constant", op->name);
        return NULL;
    }
    return nn_onnx_new_node(r, x->type, x->rank, x->dim,
                            nn_onnx_emit(r, op, attr, 1, &x->node), x->n_ax, x->ax);
}

nn_onnx_val *nn_onnx_v_math(nn_onnx_reader *r, const struct nn_math *m, nn_onnx_val *x, int type)
{
    nn_onnx_val *v;
    double *d;

    if (!nn_onnx_is_const(x)) {
        v = nn_onnx_v_each(r, &nn_op_math, m, x);
        if (v)
            v->type = type;
        return v;
    }
    if (!nn_onnx_load(r, x) || !(v = nn_onnx_new_const(r, type, x->rank, x->dim, &d)))
        return NULL;
    for (int64_t i = 0; i < nn_onnx_count(x->rank, x->dim); i++)
        d[i] = fit(type, nn_math_of(m, nn_onnx_num(x, i)));
    return v;
}

int nn_onnx_v_shape(nn_onnx_reader *r, const nn_onnx_val *x, const nn_onnx_val *y, int64_t *dim)
{
    int rank = x->rank > y->rank ? x->rank : y->rank;

    for (int d = 0; d < rank; d++) {
        int a = d - (rank - x->rank), b = d - (rank - y->rank);
        int64_t p = a < 0 ? 1 : x->dim[a], q = b < 0 ? 1 : y->dim[b];

        if (p != q && p != 1 && q != 1) {
            err_set(r->err, ERR_INPUT, "dimensions of %lld and %lld do not go together",
                    (long long)p, (long long)q);
            return -1;
        }
        dim[d] = p == 1 ? q : p;
    }
    return rank;
}

static nn_onnx_val *arith_consts(nn_onnx_reader *r, enum nn_arith_kind kind, nn_onnx_val *x,
                                 nn_onnx_val *y, int type)
{
    int64_t dim[SHAPE_MAX_RANK];
    int rank = nn_onnx_v_shape(r, x, y, dim);
    nn_onnx_val *v, *in[2] = { x, y };
    double *d;

    if (rank < 0 || !nn_onnx_load(r, x) || !nn_onnx_load(r, y) ||
        !(v = nn_onnx_new_const(r, type, rank, dim, &d)))
        return NULL;
    for (int64_t i = 0; i < nn_onnx_count(rank, dim); i++) {
        int64_t at[2] = { 0 }, left = i, step[2] = { 1, 1 };

        for (int k = rank - 1; k >= 0; left /= dim[k--])
            for (int s = 0; s < 2; s++) {
                int own = k - (rank - in[s]->rank);

                if (own < 0 || in[s]->dim[own] == 1)
                    continue;
                at[s] += left % dim[k] * step[s];
                step[s] *= in[s]->dim[own];
            }
        d[i] = fit(type, nn_arith_of(kind, nn_onnx_num(x, at[0]), nn_onnx_num(y, at[1])));
    }
    return v;
}

bool nn_onnx_one_axis(const nn_onnx_val *v, int rank, int axis)
{
    for (int d = 0; d < v->rank; d++)
        if (v->dim[d] != 1 && d + rank - v->rank != axis)
            return false;
    return v->rank <= rank;
}

/* A function of x and one number, y's on its right or (turned) on its left; NULL without an error
 * in *m->kind < 0: there is none. */
static bool with_number(enum nn_arith_kind kind, double y, bool turned, struct nn_math *m)
{
    *m = (struct nn_math){ .kind = NN_MATH_affine, .a = 1 };
    switch (kind) {
    case NN_ARITH_ADD:
        m->b = y;
        return true;
    case NN_ARITH_SUB:
        m->a = turned ? -1 : 1;
        m->b = turned ? y : -y;
        return true;
    case NN_ARITH_MUL:
        m->a = y;
        return true;
    case NN_ARITH_DIV:
        m->a = 1 / y;
        return !turned && y != 0;
    case NN_ARITH_MIN:
    case NN_ARITH_MAX:
        *m = (struct nn_math){ NN_MATH_clip, -3.4028234663852886e38, 3.4028234663852886e38 };
        *(kind == NN_ARITH_MIN ? &m->b : &m->a) = y;
        return true;
    default:
        return false;
    }
}

int nn_onnx_const_operand(nn_onnx_reader *r, nn_onnx_val *y, const nn_onnx_val *x)
{
    int64_t dim[SHAPE_MAX_RANK], perm[SHAPE_MAX_RANK], n = 1;
    struct nn_param p = { .init = 0 };
    nn_onnx_val *v;
    int k = 0, lead = 0;

    for (int d = 0; d < x->rank; d++)
        dim[d] = d < x->rank - y->rank ? 1 : y->dim[d - (x->rank - y->rank)];
    if (x->ax[0] >= 0 && dim[x->ax[0]] != 1) {
        err_set(r->err, ERR_UNSUPPORTED, "it has a constant for each picture of the batch");
        return -1;
    }
    v = nn_onnx_v_reshape(r, y, x->rank, dim);
    if (!v)
        return -1;
    v->name = y->name;
    if (x->ax[0] >= 0)
        perm[k++] = x->ax[0];
    for (int i = 1; i < x->n_ax; i++)
        perm[k++] = x->ax[i];
    v = nn_onnx_v_transpose(r, v, perm);
    if (!v)
        return -1;
    v->name = y->name;
    for (int i = x->ax[0] >= 0; i < v->rank; i++) {     /* dimensions of 1 in front go unsaid */
        if (!lead && v->dim[i] == 1 && i + 1 < v->rank)
            continue;
        if (v->dim[i] < 1 || v->dim[i] > INT32_MAX) {
            err_set(r->err, ERR_UNSUPPORTED, "a dimension of %lld", (long long)v->dim[i]);
            return -1;
        }
        p.shape[lead++] = (int)v->dim[i];
        n *= v->dim[i];
    }
    if (!lead) {
        p.shape[0] = 1;
        n = 1;
    }
    return nn_onnx_const_node(r, v, &p, n);
}

/* x times a constant for each of its last dimension. */
static nn_onnx_val *scaled(nn_onnx_reader *r, nn_onnx_val *x, nn_onnx_val *y)
{
    const char *name = nn_onnx_new_name(r, r->hint ? r->hint : "scale");
    struct nn_scale a = { .first = 1 };
    int in[2] = { x->node };

    if (!name)
        return NULL;
    in[1] = nn_onnx_op_param(r, &nn_op_scale, &a, x->node, 1, name, y);
    return nn_onnx_new_node(r, x->type, x->rank, x->dim, nn_onnx_emit(r, &nn_op_scale, &a, 2, in),
                            x->n_ax, x->ax);
}

bool nn_onnx_same_order(nn_onnx_reader *r, nn_onnx_val **x, nn_onnx_val **y)
{
    nn_onnx_val **lead = (*x)->ax[0] < 0 && (*y)->ax[0] >= 0 ? y : x, **other = lead == x ? y : x;
    int first = (*lead)->ax[0];

    if (r->batch == 1 && ((*x)->ax[0] != (*y)->ax[0] ||
                          (first >= 0 && (*x)->dim[first] != (*y)->dim[first]))) {
        *x = nn_onnx_apart(r, *x);
        *y = *x ? nn_onnx_apart(r, *y) : NULL;
        if (!*y)
            return false;
    }
    *other = nn_onnx_placed(r, *other, (*lead)->n_ax, (*lead)->ax);
    return *other;
}

nn_onnx_val *nn_onnx_widened(nn_onnx_reader *r, nn_onnx_val *x, int rank)
{
    int64_t dim[SHAPE_MAX_RANK];

    for (int d = 0; d < rank; d++)
        dim[d] = d < rank - x->rank ? 1 : x->dim[d - (rank - x->rank)];
    return x->rank == rank ? x : nn_onnx_v_reshape(r, x, rank, dim);
}

static nn_onnx_val *arith_const(nn_onnx_reader *r, enum nn_arith_kind kind, nn_onnx_val *x,
                                nn_onnx_val *y, bool turned, int rank, int type,
                                const int64_t *dim)
{
    struct nn_arith a = { kind };
    struct nn_math m;
    int in[2], last;

    if (!nn_onnx_load(r, y) || !(x = nn_onnx_widened(r, x, rank)))
        return NULL;
    if (nn_onnx_count(y->rank, y->dim) == 1 && with_number(kind, nn_onnx_num(y, 0), turned, &m) &&
        type == x->type && fabs(m.a) <= 3.5e38 && fabs(m.b) <= 3.5e38)
        return m.kind == NN_MATH_affine && m.a == 1 && m.b == 0 ? x
                                                                : nn_onnx_v_math(r, &m, x, type);
    last = x->ax[x->n_ax - 1];
    if (kind == NN_ARITH_MUL && x->n_ax > 1 && nn_onnx_one_axis(y, rank, last) &&
        nn_onnx_count(y->rank, y->dim) == x->dim[last] && y->type == NN_ONNX_T_FLOAT)
        return scaled(r, x, y);
    if (x->ax[0] >= 0 && y->rank == rank && y->dim[x->ax[0]] != 1 && !(x = nn_onnx_apart(r, x)))
        return NULL;
    if (x->ax[0] >= 0 && x->ax[0] >= rank - y->rank &&
        y->dim[x->ax[0] - (rank - y->rank)] != 1 && !(x = nn_onnx_apart(r, x)))
        return NULL;
    in[turned] = x->node;
    in[!turned] = nn_onnx_const_operand(r, y, x);
    return nn_onnx_new_node(r, type, rank, dim, nn_onnx_emit(r, &nn_op_arith, &a, 2, in), x->n_ax,
                            x->ax);
}

nn_onnx_val *nn_onnx_v_arith(nn_onnx_reader *r, enum nn_arith_kind kind, nn_onnx_val *x,
                             nn_onnx_val *y, int type)
{
    struct nn_arith a = { kind };
    const struct nn_op *op = &nn_op_arith;
    int64_t dim[SHAPE_MAX_RANK];
    int rank = nn_onnx_v_shape(r, x, y, dim), in[2];
    bool same;

    if (rank < 0)
        return NULL;
    if (nn_onnx_is_const(x) && nn_onnx_is_const(y))
        return arith_consts(r, kind, x, y, type);
    if (nn_onnx_is_const(y))
        return arith_const(r, kind, x, y, false, rank, type, dim);
    if (nn_onnx_is_const(x))
        return arith_const(r, kind, y, x, true, rank, type, dim);
    same = x->rank == y->rank && !memcmp(x->dim, y->dim, (size_t)rank * sizeof *dim);
    if (!(x = nn_onnx_widened(r, x, rank)) || !(y = nn_onnx_widened(r, y, rank)) ||
        !nn_onnx_same_order(r, &x, &y))
        return NULL;
    in[0] = x->node;
    in[1] = y->node;
    if (same && kind == NN_ARITH_ADD)
        op = &nn_op_add;
    if (same && kind == NN_ARITH_MUL)
        op = &nn_op_mul;
    return nn_onnx_new_node(r, type, rank, dim,
                            nn_onnx_emit(r, op, op == &nn_op_arith ? &a : NULL, 2, in), x->n_ax,
                            x->ax);
}

static nn_onnx_val *where_consts(nn_onnx_reader *r, nn_onnx_val **in, int rank, const int64_t *dim)
{
    nn_onnx_val *wide[3], *v;
    double *d;

    for (int i = 0; i < 3; i++)
        if (!(wide[i] = nn_onnx_v_expand(r, in[i], rank, dim)) || !nn_onnx_load(r, wide[i]))
            return NULL;
    v = nn_onnx_new_const(r, in[1]->type, rank, dim, &d);
    for (int64_t i = 0; v && i < nn_onnx_count(rank, dim); i++)
        d[i] = nn_onnx_num(wide[nn_onnx_num(wide[0], i) != 0 ? 1 : 2], i);
    return v;
}

nn_onnx_val *nn_onnx_v_where(nn_onnx_reader *r, nn_onnx_val *cond, nn_onnx_val *a, nn_onnx_val *b)
{
    nn_onnx_val *in[3] = { cond, a, b }, *lead = NULL, shape = { .node = -1 };
    int64_t dim[SHAPE_MAX_RANK];
    int rank = nn_onnx_v_shape(r, cond, a, dim), node[3];

    if (rank < 0)
        return NULL;
    shape.rank = rank;
    memcpy(shape.dim, dim, sizeof dim);
    rank = nn_onnx_v_shape(r, &shape, b, dim);
    if (rank < 0)
        return NULL;
    for (int i = 0; i < 3; i++)
        if (!nn_onnx_is_const(in[i])) {
            if (!(in[i] = nn_onnx_widened(r, in[i], rank)))
                return NULL;
            if (r->batch == 1 && !(in[i] = nn_onnx_apart(r, in[i])))
                return NULL;
            if (!lead || (lead->ax[0] < 0 && in[i]->ax[0] >= 0))
                lead = in[i];
        }
    if (!lead)
        return where_consts(r, in, rank, dim);
    for (int i = 0; i < 3; i++) {
        node[i] = nn_onnx_is_const(in[i]) ? nn_onnx_const_operand(r, in[i], lead)
                                          : nn_onnx_place(r, in[i], lead->n_ax, lead->ax);
        if (node[i] < 0)
            return NULL;
    }
    return nn_onnx_new_node(r, a->type, rank, dim, nn_onnx_emit(r, &nn_op_where, NULL, 3, node),
                            lead->n_ax, lead->ax);
}

/* ---- products -------------------------------------------------------------------------------- */

static nn_onnx_val *product_consts(nn_onnx_reader *r, nn_onnx_val *x, nn_onnx_val *y, int rank,
                                   const int64_t *dim)
{
    int64_t lead[SHAPE_MAX_RANK], m = dim[rank - 2], n = dim[rank - 1], k = x->dim[x->rank - 1];
    nn_onnx_val *v;
    double *d;

    memcpy(lead, dim, sizeof lead);
    lead[rank - 1] = k;
    x = nn_onnx_v_expand(r, x, rank, lead);
    lead[rank - 2] = k;
    lead[rank - 1] = n;
    y = x ? nn_onnx_v_expand(r, y, rank, lead) : NULL;
    if (!y || !nn_onnx_load(r, x) || !nn_onnx_load(r, y) ||
        !(v = nn_onnx_new_const(r, x->type, rank, dim, &d)))
        return NULL;
    for (int64_t i = 0; i < nn_onnx_count(rank, dim); i++)
        for (int64_t q = 0; q < k; q++)
            d[i] += nn_onnx_num(x, i / n * k + q) *
                    nn_onnx_num(y, (i / n / m * k + q) * n + i % n);
    return v;
}

/* The order of a matrix product's operand: what stands first, the rest, rows and columns. */
static int matrix_order(int rank, int first, bool turned, int8_t *ax)
{
    int n = 0;

    ax[n++] = (int8_t)first;
    for (int d = 0; d < rank - 2; d++)
        if (d != first)
            ax[n++] = (int8_t)d;
    ax[n++] = (int8_t)(turned ? rank - 1 : rank - 2);
    ax[n++] = (int8_t)(turned ? rank - 2 : rank - 1);
    return n;
}

static nn_onnx_val *product_nodes(nn_onnx_reader *r, nn_onnx_val *x, nn_onnx_val *y, int rank,
                                  const int64_t *dim)
{
    nn_onnx_val *in[2] = { x, y }, like = { .rank = rank };
    struct nn_matmul a = { .turned = false };
    int8_t ax[SHAPE_MAX_RANK];
    int first = -1, n = 0, node[2];

    for (int i = 0; i < 2; i++) {
        if (nn_onnx_is_const(in[i]))
            continue;
        in[i] = nn_onnx_widened(r, in[i], rank);
        if (in[i] && (r->batch == 1 || in[i]->ax[0] >= rank - 2))
            in[i] = nn_onnx_apart(r, in[i]);
        if (!in[i])
            return NULL;
        if (first < 0)
            first = in[i]->ax[0];
    }
    if (!nn_onnx_is_const(in[1]))
        a.turned = nn_onnx_ours_of(in[1], rank - 1) < nn_onnx_ours_of(in[1], rank - 2);
    for (int i = 0; i < 2; i++) {
        n = matrix_order(rank, first, i && a.turned, ax);
        memcpy(like.ax, ax, sizeof ax);
        like.n_ax = n;
        node[i] = nn_onnx_is_const(in[i]) ? nn_onnx_const_operand(r, in[i], &like)
                                          : nn_onnx_place(r, in[i], n, ax);
        if (node[i] < 0)
            return NULL;
    }
    n = matrix_order(rank, first, false, ax);
    return nn_onnx_new_node(r, x->type, rank, dim, nn_onnx_emit(r, &nn_op_matmul, &a, 2, node), n,
                            ax);
}

nn_onnx_val *nn_onnx_v_product(nn_onnx_reader *r, nn_onnx_val *x, nn_onnx_val *y)
{
    bool row = x->rank == 1, column = y->rank == 1;
    int64_t dim[SHAPE_MAX_RANK], lead[2][SHAPE_MAX_RANK];
    nn_onnx_val before[2] = { { .node = -1 }, { .node = -1 } }, *v;
    int rank;

    if (!x->rank || !y->rank) {
        err_set(r->err, ERR_INPUT, "a product with a single number");
        return NULL;
    }
    if (row)
        x = nn_onnx_v_reshape(r, x, 2, (int64_t[]){ 1, x->dim[0] });
    if (column)
        y = nn_onnx_v_reshape(r, y, 2, (int64_t[]){ y->dim[0], 1 });
    if (!x || !y)
        return NULL;
    if (x->dim[x->rank - 1] != y->dim[y->rank - 2]) {
        err_set(r->err, ERR_INPUT, "rows of %lld and columns of %lld",
                (long long)x->dim[x->rank - 1], (long long)y->dim[y->rank - 2]);
        return NULL;
    }
    before[0].rank = x->rank - 2;
    before[1].rank = y->rank - 2;
    memcpy(before[0].dim, x->dim, sizeof lead[0]);
    memcpy(before[1].dim, y->dim, sizeof lead[1]);
    rank = nn_onnx_v_shape(r, &before[0], &before[1], dim);
    if (rank < 0)
        return NULL;
    dim[rank++] = x->dim[x->rank - 2];
    dim[rank++] = y->dim[y->rank - 1];
    v = nn_onnx_is_const(x) && nn_onnx_is_const(y) ? product_consts(r, x, y, rank, dim)
                                                   : product_nodes(r, x, y, rank, dim);
    if (!v || (!row && !column))
        return v;
    if (column)
        rank--;
    if (row) {
        dim[rank - 1 - !column] = dim[rank - 1];
        rank--;
    }
    return nn_onnx_v_reshape(r, v, rank, dim);
}
