/*
 * forms -- operators that leave the numbers as they are, and of shapes: ops.h
 */
#include "nn/io/onnx_in/ops.h"

#include "nn/op/pad.h"

#include <limits.h>
#include <string.h>

enum { MOST = 4096 };           /* numbers of a list that is computed */

bool nn_onnx_lower_identity(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);

    if (a->n_in > 2 && a->x[2] && (!nn_onnx_is_const(a->x[2]) || !nn_onnx_load(a->r, a->x[2]) ||
                                   nn_onnx_num(a->x[2], 0) != 0))
        return nn_onnx_at_cannot(a, "a dropout that is training");
    if (x && a->n_out > 1 && *nn_onnx_text(a->node->output[1]) && a->r->batch == 1) {
        double *d;

        a->y[1] = nn_onnx_new_const(a->r, NN_ONNX_T_BOOL, x->rank, x->dim, &d);
        for (int64_t i = 0; a->y[1] && i < nn_onnx_count(x->rank, x->dim); i++)
            d[i] = 1;           /* nothing is dropped */
    }
    return x && nn_onnx_at_done(a, x);
}

/* What -1 stands for. */
static bool open_dimension(nn_onnx_at *a, const nn_onnx_val *x, int n, int64_t *dim)
{
    int64_t have = nn_onnx_count(x->rank, x->dim), known = 1, batch = a->r->batch;
    int open = -1;

    for (int d = 0; d < n; d++) {
        if (dim[d] >= 0) {
            if (__builtin_mul_overflow(known, dim[d], &known))
                return err_set(a->r->err, ERR_INPUT, "a shape of too many numbers");
        } else if (dim[d] != -1 || open >= 0) {
            return err_set(a->r->err, ERR_INPUT, "a shape with %lld", (long long)dim[d]);
        } else {
            open = d;
        }
    }
    if (open < 0)
        return true;
    /* A file for so many pictures says how many in front, or takes them for granted. */
    if (batch != 1 && open > 0 && a->r->said && !nn_onnx_is_const(x) && have % batch == 0 &&
        known % batch && x->ax[0] >= 0)
        have = have / batch * a->r->said;
    if (!known || have % known)
        return err_set(a->r->err, ERR_INPUT, "%lld numbers do not fill a shape of %lld times some",
                       (long long)have, (long long)known);
    dim[open] = have / known;
    return true;
}

bool nn_onnx_lower_reshape(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    bool zero = nn_onnx_at_int(a, "allowzero", 0);
    int64_t dim[SHAPE_MAX_RANK];
    int n;

    if (!x || !nn_onnx_at_in(a, 1))
        return false;
    n = nn_onnx_ints_of(a->r, a->x[1], SHAPE_MAX_RANK - 1, dim);
    if (n < 0)
        return false;
    for (int d = 0; d < n && !zero; d++)
        if (dim[d] == 0) {
            if (d >= x->rank)
                return err_set(a->r->err, ERR_INPUT, "a shape with 0 for dimension %d of %d", d,
                               x->rank);
            dim[d] = x->dim[d];
        }
    return open_dimension(a, x, n, dim) &&
           nn_onnx_at_done(a, nn_onnx_v_reshape(a->r, x, n, dim));
}

bool nn_onnx_lower_flatten(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    int64_t dim[2], axis = nn_onnx_at_int(a, "axis", 1);

    if (!x)
        return false;
    if (axis < -x->rank || axis > x->rank)
        return err_set(a->r->err, ERR_INPUT, "axis %lld of %d dimensions", (long long)axis,
                       x->rank);
    axis += axis < 0 ? x->rank : 0;
    dim[0] = nn_onnx_count((int)axis, x->dim);
    dim[1] = nn_onnx_count(x->rank - (int)axis, x->dim + axis);
    return nn_onnx_at_done(a, nn_onnx_v_reshape(a->r, x, 2, dim));
}

bool nn_onnx_lower_transpose(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    int64_t perm[SHAPE_MAX_RANK];
    unsigned seen = 0;
    int n = x ? nn_onnx_at_ints(a, "perm", SHAPE_MAX_RANK, perm) : -2;

    if (n == -2)
        return false;
    for (int d = 0; n == -1 && d < x->rank; d++)
        perm[d] = x->rank - 1 - d;
    for (int d = 0; d < x->rank; d++) {
        if ((n != -1 && n != x->rank) || perm[d] < 0 || perm[d] >= x->rank || seen >> perm[d] & 1)
            return err_set(a->r->err, ERR_INPUT, "perm does not name %d dimensions once", x->rank);
        seen |= 1u << perm[d];
    }
    return nn_onnx_at_done(a, nn_onnx_v_transpose(a->r, x, perm));
}

/* Is dimension d of x 1, or the batch of a file for one picture? */
static bool is_one(const nn_onnx_at *a, const nn_onnx_val *x, int d)
{
    return x->dim[d] == 1 || (a->r->batch != 1 && a->r->said == 1 && x->dim[d] == a->r->batch);
}

bool nn_onnx_lower_squeeze(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    int64_t axes[SHAPE_MAX_RANK], dim[SHAPE_MAX_RANK];
    unsigned gone = 0;
    int n = x ? nn_onnx_at_ints_or(a, "axes", 1, SHAPE_MAX_RANK, axes) : -2, rank = 0;

    if (n == -2)
        return false;
    for (int i = 0; i < n; i++) {
        int d = nn_onnx_at_axis(a, axes[i], x->rank);

        if (d < 0)
            return false;
        if (!is_one(a, x, d))
            return err_set(a->r->err, ERR_INPUT, "dimension %d is %lld, not 1", d,
                           (long long)x->dim[d]);
        gone |= 1u << d;
    }
    for (int d = 0; d < x->rank; d++)
        if (n == -1 ? x->dim[d] != 1 : !(gone >> d & 1))
            dim[rank++] = x->dim[d];
    return nn_onnx_at_done(a, nn_onnx_v_reshape(a->r, x, rank, dim));
}

bool nn_onnx_lower_unsqueeze(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    int64_t axes[SHAPE_MAX_RANK], dim[SHAPE_MAX_RANK];
    unsigned ones = 0;
    int n = x ? nn_onnx_at_ints_or(a, "axes", 1, SHAPE_MAX_RANK, axes) : -2, from = 0, rank;

    if (n < 0)
        return n == -1 && err_set(a->r->err, ERR_INPUT, "it has no axes");
    rank = x->rank + n;
    if (rank > SHAPE_MAX_RANK - 1)
        return nn_onnx_at_cannot(a, "too many dimensions");
    for (int i = 0; i < n; i++) {
        int d = nn_onnx_at_axis(a, axes[i], rank);

        if (d < 0)
            return false;
        ones |= 1u << d;
    }
    if (__builtin_popcount(ones) != n)
        return err_set(a->r->err, ERR_INPUT, "an axis twice");
    for (int d = 0; d < rank; d++)
        dim[d] = ones >> d & 1 ? 1 : x->dim[from++];
    return nn_onnx_at_done(a, nn_onnx_v_reshape(a->r, x, rank, dim));
}

bool nn_onnx_lower_concat(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    int axis = x ? nn_onnx_at_axis(a, nn_onnx_at_int(a, "axis", 1), x->rank) : -1;

    if (axis < 0)
        return false;
    for (int i = 1; i < a->n_in; i++)
        if (!nn_onnx_at_in(a, i))
            return false;
    return nn_onnx_at_done(a, nn_onnx_v_concat(a->r, a->n_in, a->x, axis));
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* One dimension's starts, ends and steps, as numpy counts them. */
static nn_onnx_val *sliced(nn_onnx_at *a, nn_onnx_val *x, int axis, int64_t start, int64_t end,
                           int64_t step)
{
    int64_t n = x->dim[axis], count;

    if (step == 0) {
        err_set(a->r->err, ERR_INPUT, "a step of 0");
        return NULL;
    }
    start += start < 0 ? n : 0;
    end += end < 0 ? n : 0;
    if (step > 0) {
        start = start < 0 ? 0 : start > n ? n : start;
        end = end < 0 ? 0 : end > n ? n : end;
        count = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
        start = start < 0 ? -1 : start > n - 1 ? n - 1 : start;
        end = end < -1 ? -1 : end > n - 1 ? n - 1 : end;
        count = start > end ? (start - end - 1) / (step == INT64_MIN ? INT64_MAX : -step) + 1 : 0;
    }
    if (count == 1)
        step = 1;
    return nn_onnx_v_take(a->r, x, axis, start, step, count);
}

bool nn_onnx_lower_slice(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    int64_t start[SHAPE_MAX_RANK], end[SHAPE_MAX_RANK], axes[SHAPE_MAX_RANK], step[SHAPE_MAX_RANK];
    int n = x ? nn_onnx_at_ints_or(a, "starts", 1, SHAPE_MAX_RANK, start) : -2, m, k, s;

    if (n == -2)
        return false;
    m = nn_onnx_at_ints_or(a, "ends", 2, SHAPE_MAX_RANK, end);
    k = nn_onnx_at_ints_or(a, "axes", 3, SHAPE_MAX_RANK, axes);
    s = nn_onnx_at_ints_or(a, "steps", 4, SHAPE_MAX_RANK, step);
    if (m == -2 || k == -2 || s == -2)
        return false;
    if (n < 0 || m != n || (k != -1 && k != n) || (s != -1 && s != n))
        return err_set(a->r->err, ERR_INPUT, "starts, ends, axes and steps are not as many");
    for (int i = 0; x && i < n; i++) {
        int axis = nn_onnx_at_axis(a, k == -1 ? i : axes[i], x->rank);

        if (axis < 0)
            return false;
        x = sliced(a, x, axis, start[i], end[i], s == -1 ? 1 : step[i]);
    }
    return nn_onnx_at_done(a, x);
}

bool nn_onnx_lower_split(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    int axis = x ? nn_onnx_at_axis(a, nn_onnx_at_int(a, "axis", 0), x->rank) : -1, n;
    int64_t size[MOST], at = 0, each;

    if (axis < 0)
        return false;
    n = nn_onnx_at_ints_or(a, "split", 1, MOST, size);
    if (n == -2)
        return false;
    if (n != -1 && n != a->n_out)
        return err_set(a->r->err, ERR_INPUT, "%d parts for %d results", n, a->n_out);
    each = (x->dim[axis] + a->n_out - 1) / a->n_out;
    for (int i = 0; i < a->n_out; i++) {
        int64_t left = x->dim[axis] - at;

        if (n == -1 && i >= MOST)
            return nn_onnx_at_cannot(a, "too many parts");
        if (n == -1)
            size[i] = each < left ? each : left;
        if (size[i] < 0 || size[i] > left)
            return err_set(a->r->err, ERR_INPUT, "parts of more than %lld",
                           (long long)x->dim[axis]);
        if (*nn_onnx_text(a->node->output[i]) &&
            !(a->y[i] = nn_onnx_v_take(a->r, x, axis, at, 1, size[i])))
            return false;
        at += size[i];
    }
    return true;
}

bool nn_onnx_lower_gather(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *index = nn_onnx_at_in(a, 1), *y;
    int axis = x && index ? nn_onnx_at_axis(a, nn_onnx_at_int(a, "axis", 0), x->rank) : -1, n;
    int64_t dim[SHAPE_MAX_RANK], *at;
    int rank = 0;

    if (axis < 0)
        return false;
    if (!nn_onnx_is_const(index))
        return nn_onnx_at_cannot(a, "places that depend on the picture");
    if (index->rank + x->rank - 1 > SHAPE_MAX_RANK - 1)
        return nn_onnx_at_cannot(a, "too many dimensions");
    n = (int)nn_onnx_count(index->rank, index->dim);
    at = n < 0 || n > 1 << 24 ? NULL : arena_array(a->r->mem, (size_t)n + 1, sizeof *at);
    if (!at)
        return err_set(a->r->err, ERR_MEMORY, "no memory for %d places", n);
    if (nn_onnx_ints_of(a->r, index, n, at) < 0)
        return false;
    for (int i = 0; i < n; i++)
        at[i] += at[i] < 0 ? x->dim[axis] : 0;
    y = nn_onnx_v_pick(a->r, x, axis, n, at);
    if (!y)
        return false;
    for (int d = 0; d < axis; d++)
        dim[rank++] = x->dim[d];
    for (int d = 0; d < index->rank; d++)
        dim[rank++] = index->dim[d];
    for (int d = axis + 1; d < x->rank; d++)
        dim[rank++] = x->dim[d];
    return nn_onnx_at_done(a, nn_onnx_v_reshape(a->r, y, rank, dim));
}

nn_onnx_val *nn_onnx_padded(nn_onnx_reader *r, nn_onnx_val *x, int axis, const struct nn_pad *p)
{
    int64_t dim[SHAPE_MAX_RANK];
    struct nn_pad own = *p;

    if (nn_onnx_is_const(x)) {
        err_set(r->err, ERR_UNSUPPORTED, "a constant is padded");
        return NULL;
    }
    if (x->ax[0] == axis && !(x = nn_onnx_apart(r, x)))
        return NULL;
    own.axis = nn_onnx_ours_of(x, axis);
    memcpy(dim, x->dim, sizeof dim);
    dim[axis] += p->before + p->after;
    return nn_onnx_new_node(r, x->type, x->rank, dim,
                            nn_onnx_emit(r, &nn_op_pad, &own, 1, &x->node), x->n_ax, x->ax);
}

bool nn_onnx_lower_pad(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    int64_t pads[2 * SHAPE_MAX_RANK], axes[SHAPE_MAX_RANK];
    struct nn_pad p = { .value = nn_onnx_at_float(a, "value", 0) };
    int n = x ? nn_onnx_at_ints_or(a, "pads", 1, 2 * SHAPE_MAX_RANK, pads) : -2, k;

    if (n == -2)
        return false;
    k = a->n_in > 3 && a->x[3] ? nn_onnx_ints_of(a->r, a->x[3], SHAPE_MAX_RANK, axes) : x->rank;
    if (k < 0 || n != 2 * k)
        return k >= 0 && err_set(a->r->err, ERR_INPUT, "%d pads of %d dimensions", n, k);
    if (a->n_in > 2 && a->x[2]) {
        if (!nn_onnx_is_const(a->x[2]) || !nn_onnx_load(a->r, a->x[2]))
            return nn_onnx_at_cannot(a, "a number that depends on the picture");
        p.value = nn_onnx_num(a->x[2], 0);
    }
    p.mode = nn_onnx_at_is(a, "mode", "constant", "constant") ? NN_PAD_CONSTANT
             : nn_onnx_at_is(a, "mode", "reflect", "")        ? NN_PAD_REFLECT
             : nn_onnx_at_is(a, "mode", "edge", "")           ? NN_PAD_EDGE
                                                              : NN_PAD_WRAP;
    for (int i = 0; x && i < k; i++) {
        int axis = nn_onnx_at_axis(a, a->n_in > 3 && a->x[3] ? axes[i] : i, x->rank);
        int64_t cut[2] = { 0 }, before, after;

        if (axis < 0)
            return false;
        for (int s = 0; s < 2; s++)
            if (pads[i + s * k] < 0)
                cut[s] = pads[i + s * k] < -INT_MAX ? INT_MAX : -pads[i + s * k];
        before = pads[i] + cut[0];
        after = pads[i + k] + cut[1];
        if (before > INT_MAX || after > INT_MAX || cut[0] > x->dim[axis] ||
            cut[1] > x->dim[axis] - cut[0])
            return err_set(a->r->err, ERR_INPUT, "pads of %lld and %lld", (long long)pads[i],
                           (long long)pads[i + k]);
        x = nn_onnx_v_take(a->r, x, axis, cut[0], 1, x->dim[axis] - cut[0] - cut[1]);
        if (!x || !(before || after))
            continue;
        p.before = (int)before;
        p.after = (int)after;
        x = nn_onnx_padded(a->r, x, axis, &p);
    }
    return nn_onnx_at_done(a, x);
}

/* ---- shapes and constants -------------------------------------------------------------------- */

bool nn_onnx_lower_shape(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *y;
    int64_t from = nn_onnx_at_int(a, "start", 0), n;
    int64_t to = x ? nn_onnx_at_int(a, "end", x->rank) : 0;
    double *d;

    if (!x)
        return false;
    from += from < 0 ? x->rank : 0;
    to += to < 0 ? x->rank : 0;
    from = from < 0 ? 0 : from > x->rank ? x->rank : from;
    to = to < 0 ? 0 : to > x->rank ? x->rank : to;
    n = to > from ? to - from : 0;
    y = nn_onnx_new_const(a->r, NN_ONNX_T_INT64, 1, &n, &d);
    for (int64_t i = 0; y && i < n; i++)
        d[i] = (double)x->dim[from + i];
    return nn_onnx_at_done(a, y);
}

bool nn_onnx_lower_size(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);

    return x && nn_onnx_at_done(a, nn_onnx_v_scalar(a->r, NN_ONNX_T_INT64,
                                                    (double)nn_onnx_count(x->rank, x->dim)));
}

bool nn_onnx_lower_constant(nn_onnx_at *a)
{
    const Onnx__AttributeProto *p = a->node->n_attribute == 1 ? a->node->attribute[0] : NULL;
    const char *name = p ? nn_onnx_text(p->name) : "";
    bool ints = !strcmp(name, "value_ints"), floats = !strcmp(name, "value_floats");
    int64_t n = p ? (int64_t)(ints ? p->n_ints : p->n_floats) : 0;
    nn_onnx_val *y;
    double *d;

    if (!strcmp(name, "value") && p->t)
        return nn_onnx_at_done(a, nn_onnx_of_tensor(a->r, p->t));
    if (!strcmp(name, "value_int"))
        return nn_onnx_at_done(a, nn_onnx_v_scalar(a->r, NN_ONNX_T_INT64, (double)p->i));
    if (!strcmp(name, "value_float"))
        return nn_onnx_at_done(a, nn_onnx_v_scalar(a->r, NN_ONNX_T_FLOAT, (double)p->f));
    if (!ints && !floats)
        return nn_onnx_at_cannot(a, "a constant of another kind");
    y = nn_onnx_new_const(a->r, ints ? NN_ONNX_T_INT64 : NN_ONNX_T_FLOAT, 1, &n, &d);
    for (int64_t i = 0; y && i < n; i++)
        d[i] = ints ? (double)p->ints[i] : (double)p->floats[i];
    return nn_onnx_at_done(a, y);
}

/* One number for all of every picture; it is not trained. */
static nn_onnx_val *for_pictures(nn_onnx_at *a, int type, double number, int rank,
                                 const int64_t *dim)
{
    nn_onnx_val *y = nn_onnx_v_scalar(a->r, NN_ONNX_T_INT64, number);

    y = y ? nn_onnx_v_expand(a->r, y, rank, dim) : NULL;
    if (y)
        y->type = type;
    return y;
}

bool nn_onnx_lower_constant_of_shape(nn_onnx_at *a)
{
    const Onnx__AttributeProto *p = nn_onnx_attribute(a->node, "value");
    int64_t dim[SHAPE_MAX_RANK], count;
    nn_onnx_val *value = NULL, *y;
    int n = nn_onnx_at_in(a, 0) ? nn_onnx_ints_of(a->r, a->x[0], SHAPE_MAX_RANK - 1, dim) : -1;
    double *d;

    if (n < 0)
        return false;
    if (p && p->t && (!(value = nn_onnx_of_tensor(a->r, p->t)) || !nn_onnx_load(a->r, value)))
        return false;
    for (int i = 0; i < n; i++)
        if (dim[i] < 0)
            return err_set(a->r->err, ERR_INPUT, "a dimension of %lld", (long long)dim[i]);
    if (n && a->r->batch != 1 && dim[0] == a->r->batch)
        return nn_onnx_at_done(a, for_pictures(a, value ? value->type : NN_ONNX_T_FLOAT,
                                               value ? nn_onnx_num(value, 0) : 0, n, dim));
    count = nn_onnx_count(n, dim);
    if (count < 0 || count > 1 << 28)
        return err_set(a->r->err, ERR_INPUT, "a constant of too many numbers");
    y = nn_onnx_new_const(a->r, value ? value->type : NN_ONNX_T_FLOAT, n, dim, &d);
    for (int64_t i = 0; y && i < count; i++)
        d[i] = value ? nn_onnx_num(value, 0) : 0;
    return nn_onnx_at_done(a, y);
}

bool nn_onnx_lower_range(nn_onnx_at *a)
{
    double part[3], *d;
    int64_t n;
    nn_onnx_val *y;

    for (int i = 0; i < 3; i++) {
        nn_onnx_val *x = nn_onnx_at_in(a, i);

        if (!x)
            return false;
        if (!nn_onnx_is_const(x) || nn_onnx_count(x->rank, x->dim) != 1)
            return nn_onnx_at_cannot(a, "a range that depends on the picture");
        if (!nn_onnx_load(a->r, x))
            return false;
        part[i] = nn_onnx_num(x, 0);
    }
    if (!(part[2] != 0) || !((part[1] - part[0]) / part[2] < MOST * 1024.0))
        return err_set(a->r->err, ERR_INPUT, "a range of too many numbers");
    n = part[2] > 0 ? part[1] > part[0] : part[1] < part[0];
    if (n) {
        n = (int64_t)((part[1] - part[0]) / part[2]);
        n += part[0] + (double)n * part[2] != part[1];
    }
    y = nn_onnx_new_const(a->r, a->x[0]->type, 1, &n, &d);
    for (int64_t i = 0; y && i < n; i++)
        d[i] = part[0] + (double)i * part[2];
    return nn_onnx_at_done(a, y);
}

bool nn_onnx_lower_expand(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), to = { .node = -1 };
    int n = x && nn_onnx_at_in(a, 1) ? nn_onnx_ints_of(a->r, a->x[1], SHAPE_MAX_RANK - 1, to.dim)
                                     : -1;
    int64_t dim[SHAPE_MAX_RANK];
    int rank;

    if (n < 0)
        return false;
    to.rank = n;
    rank = nn_onnx_v_shape(a->r, x, &to, dim);
    return rank >= 0 && nn_onnx_at_done(a, nn_onnx_v_expand(a->r, x, rank, dim));
}

bool nn_onnx_lower_tile(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    int64_t times[SHAPE_MAX_RANK], *at;
    int n = x && nn_onnx_at_in(a, 1) ? nn_onnx_ints_of(a->r, a->x[1], SHAPE_MAX_RANK, times) : -1;

    if (n < 0)
        return false;
    if (n != x->rank)
        return err_set(a->r->err, ERR_INPUT, "%d repeats of %d dimensions", n, x->rank);
    for (int d = 0; x && d < n; d++) {
        int64_t one = x->dim[d], all;

        if (times[d] == 1)
            continue;
        if (times[d] < 1 || __builtin_mul_overflow(one, times[d], &all) || all > 1 << 24)
            return nn_onnx_at_cannot(a, "so many repeats");
        at = arena_array(a->r->mem, (size_t)all, sizeof *at);
        if (!at)
            return err_set(a->r->err, ERR_MEMORY, "no memory");
        for (int64_t i = 0; i < all; i++)
            at[i] = i % one;
        x = nn_onnx_v_pick(a->r, x, d, all, at);
    }
    return nn_onnx_at_done(a, x);
}
