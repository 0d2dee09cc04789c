/*
 * move -- functions of values that leave the numbers as they are: val.h
 */
#include "nn/io/onnx_in/val.h"

#include "nn/op/concat.h"
#include "nn/op/expand.h"
#include "nn/op/gather.h"
#include "nn/op/reshape.h"
#include "nn/op/slice.h"

#include <string.h>

static void *mixes(nn_onnx_reader *r)
{
    err_set(r->err, ERR_UNSUPPORTED, "it mixes the pictures of a batch");
    return NULL;
}

/* A constant whose number at a place is x's at base + sum of place * step. */
static nn_onnx_val *view(nn_onnx_reader *r, nn_onnx_val *x, int rank, const int64_t *dim,
                         int64_t base, const int64_t *step)
{
    int64_t n = nn_onnx_count(rank, dim);
    double *d;
    nn_onnx_val *v;

    if (!nn_onnx_load(r, x) || !(v = nn_onnx_new_const(r, x->type, rank, dim, &d)))
        return NULL;
    for (int64_t i = 0; i < n; i++) {
        int64_t left = i, at = base;

        for (int k = rank - 1; k >= 0; left /= dim[k--])
            at += left % dim[k] * step[k];
        d[i] = nn_onnx_num(x, at);
    }
    return v;
}

static void steps_of(const nn_onnx_val *x, int64_t *step)
{
    int64_t n = 1;

    for (int d = x->rank - 1; d >= 0; n *= x->dim[d--])
        step[d] = n;
}

nn_onnx_val *nn_onnx_v_transpose(nn_onnx_reader *r, nn_onnx_val *x, const int64_t *perm)
{
    int64_t step[SHAPE_MAX_RANK], moved[SHAPE_MAX_RANK], dim[SHAPE_MAX_RANK];
    int8_t ax[SHAPE_MAX_RANK], place[SHAPE_MAX_RANK];

    for (int d = 0; d < x->rank; d++) {
        dim[d] = x->dim[perm[d]];
        place[perm[d]] = (int8_t)d;
    }
    if (nn_onnx_is_const(x)) {
        steps_of(x, step);
        for (int d = 0; d < x->rank; d++)
            moved[d] = step[perm[d]];
        return view(r, x, x->rank, dim, 0, moved);
    }
    for (int i = 0; i < x->n_ax; i++)
        ax[i] = x->ax[i] < 0 ? -1 : place[x->ax[i]];
    return nn_onnx_new_node(r, x->type, x->rank, dim, x->node, x->n_ax, ax);
}

/* ---- reshape --------------------------------------------------------------------------------- */

/* The dimension that is a multiple of the batch; -1: none, -2: several. */
static int batch_axis(const nn_onnx_reader *r, int rank, const int64_t *dim)
{
    int found = -1;

    for (int d = 0; d < rank && r->batch != 1; d++)
        if (dim[d] && dim[d] % r->batch == 0)
            found = found < 0 ? d : -2;
    return found;
}

/* Dimensions that a file fixes although there is a batch: of one picture, or as many as the file
 * was written for.  dim becomes what it is of any number. */
static void open_batch(const nn_onnx_reader *r, const nn_onnx_val *x, int rank, int64_t *dim)
{
    int64_t have = nn_onnx_count(x->rank, x->dim), want = nn_onnx_count(rank, dim);
    int64_t said = r->said ? r->said : 1;

    if (r->batch == 1 || x->ax[0] < 0 || batch_axis(r, rank, dim) != -1 || !rank ||
        have / r->batch * said != want)
        return;
    if (dim[0] == said)
        dim[0] = r->batch;
}

/* Is `order` what the dimensions that are not 1 have in `kept`, and 1 elsewhere? */
static bool agrees(int rank, const int64_t *dim, const int8_t *order, int n_kept,
                   const int8_t *kept)
{
    int k = 0;

    for (int i = 1; i < rank; i++) {
        if (dim[order[i]] == 1)
            continue;
        if (k >= n_kept || kept[k] != order[i])
            return false;
        k++;
    }
    return k == n_kept;
}

/* Where dimensions of 1 come and go alone: the others stay as they lie.  *done false: it is more
 * than that. */
static nn_onnx_val *ones(nn_onnx_reader *r, nn_onnx_val *x, int rank, const int64_t *dim, int batch,
                         bool *done)
{
    int to[SHAPE_MAX_RANK], d = 0, n_kept = 0, first = x->ax[0], n = 0;
    int8_t kept[SHAPE_MAX_RANK], order[SHAPE_MAX_RANK], natural[SHAPE_MAX_RANK];
    struct nn_reshape a = { .batch = 0 };
    nn_onnx_val named;

    *done = false;
    for (int s = 0; s < x->rank; s++) {
        to[s] = -1;
        if (x->dim[s] == 1 || (s == first && r->batch != 1))
            continue;
        while (d < rank && (dim[d] == 1 || (d == batch && r->batch != 1)))
            d++;
        if (d == rank || dim[d] != x->dim[s])
            return NULL;
        to[s] = d++;
    }
    while (d < rank && (dim[d] == 1 || (d == batch && r->batch != 1)))
        d++;
    if (d < rank)
        return NULL;
    if (r->batch != 1 && (first >= 0 ? x->dim[first] : r->batch) !=
                             (batch >= 0 ? dim[batch] : r->batch))
        return NULL;
    if (r->batch == 1)
        batch = first < 0 ? -1 : to[first];
    if (r->batch == 1 && first >= 0 && batch < 0)
        return NULL;
    for (int i = 1; i < x->n_ax; i++)
        if (to[x->ax[i]] >= 0)
            kept[n_kept++] = (int8_t)to[x->ax[i]];
    order[n] = natural[n] = (int8_t)batch;
    n++;
    for (int k = 0; k < rank; k++)
        if (k != batch)
            natural[n++] = (int8_t)k;
    memcpy(order, natural, sizeof order);
    if (rank == 4 && batch == 0) {
        nn_onnx_last_channels(rank, order);
        if (!agrees(n, dim, order, n_kept, kept))
            memcpy(order, natural, sizeof order);
    }
    if (!agrees(n, dim, order, n_kept, kept)) {         /* those of 1 go to the end */
        memcpy(order + 1, kept, (size_t)n_kept);
        d = 1 + n_kept;
        for (int k = 0; k < rank; k++)
            if (k != batch && dim[k] == 1)
                order[d++] = (int8_t)k;
    }
    *done = true;
    for (int i = 1; i < n; i++)
        a.shape[i - 1] = (int)dim[order[i]];
    named = *x;
    named.node = n == x->n_ax ? x->node : -1;
    for (int i = 1; named.node >= 0 && i < n; i++)
        if (r->g->node[x->node].type.dim[i].n != a.shape[i - 1])
            named.node = -1;
    if (named.node < 0)
        named.node = nn_onnx_emit(r, &nn_op_reshape, &a, 1, &x->node);
    return nn_onnx_new_node(r, x->type, rank, dim, named.node, n, order);
}

/* All of it in the file's order, cut anew. */
static nn_onnx_val *recut(nn_onnx_reader *r, nn_onnx_val *x, int rank, const int64_t *dim,
                          int batch)
{
    int8_t ax[SHAPE_MAX_RANK];
    struct nn_reshape a = { .batch = 1 };
    int n = 0;

    if (r->batch == 1) {
        x = nn_onnx_apart(r, x);
        batch = -1;
    }
    if (!x)
        return NULL;
    for (int d = 0; d < x->ax[0]; d++)
        if (x->dim[d] != 1)
            return mixes(r);
    for (int d = 0; d < batch; d++)
        if (dim[d] != 1)
            return mixes(r);
    n = nn_onnx_natural(x, ax);
    x = nn_onnx_placed(r, x, n, ax);
    if (!x)
        return NULL;
    if (batch >= 0)
        a.batch = (int)(dim[batch] / r->batch);
    if (r->g->node[x->node].type.dim[0].n == a.batch)
        a.batch = 0;
    n = 0;
    ax[n++] = (int8_t)batch;
    for (int d = 0; d < rank; d++)
        if (d != batch) {
            if (dim[d] > INT32_MAX)
                return mixes(r);
            a.shape[n - 1] = (int)dim[d];
            ax[n++] = (int8_t)d;
        }
    return nn_onnx_new_node(r, x->type, rank, dim, nn_onnx_emit(r, &nn_op_reshape, &a, 1, &x->node),
                            n, ax);
}

nn_onnx_val *nn_onnx_v_reshape(nn_onnx_reader *r, nn_onnx_val *x, int rank, const int64_t *want)
{
    int64_t dim[SHAPE_MAX_RANK], have = nn_onnx_count(x->rank, x->dim), batch;
    nn_onnx_val *v;
    bool done;

    if (rank > SHAPE_MAX_RANK - 1) {
        err_set(r->err, ERR_UNSUPPORTED, "%d dimensions", rank);
        return NULL;
    }
    if (rank)
        memcpy(dim, want, (size_t)rank * sizeof *dim);
    if (!nn_onnx_is_const(x))
        open_batch(r, x, rank, dim);
    batch = batch_axis(r, rank, dim);
    if (!nn_onnx_is_const(x) && r->batch != 1 && x->ax[0] >= 0 && batch == -1)
        have /= r->batch;       /* one picture's, the batch goes unsaid */
    if (!nn_onnx_is_const(x) && r->batch != 1 && x->ax[0] < 0 && batch >= 0)
        have *= r->batch;
    if (have != nn_onnx_count(rank, dim)) {
        err_set(r->err, ERR_INPUT, "%lld numbers do not fill a shape of %lld", (long long)have,
                (long long)nn_onnx_count(rank, dim));
        return NULL;
    }
    if (nn_onnx_is_const(x)) {
        v = arena_copy(r->mem, x, sizeof *x);
        if (!v) {
            err_set(r->err, ERR_MEMORY, "no memory");
            return NULL;
        }
        v->rank = rank;
        memcpy(v->dim, dim, sizeof dim);
        return v;
    }
    if (batch == -2)
        return mixes(r);
    v = ones(r, x, rank, dim, (int)batch, &done);
    return done ? v : recut(r, x, rank, dim, (int)batch);
}

/* ---- parts ----------------------------------------------------------------------------------- */

nn_onnx_val *nn_onnx_v_take(nn_onnx_reader *r, nn_onnx_val *x, int axis, int64_t start,
                            int64_t step, int64_t count)
{
    int64_t dim[SHAPE_MAX_RANK], apart[SHAPE_MAX_RANK];
    struct nn_slice a = { .start = (int)start, .step = (int)step, .count = (int)count };

    if (start == 0 && step == 1 && count == x->dim[axis])
        return x;
    memcpy(dim, x->dim, sizeof dim);
    dim[axis] = count;
    if (nn_onnx_is_const(x)) {
        steps_of(x, apart);
        start *= apart[axis];
        apart[axis] *= step;
        return view(r, x, x->rank, dim, start, apart);
    }
    if (x->ax[0] == axis) {
        if (x->dim[axis] == r->batch && r->batch != 1 && start == 0 && count == 1)
            return x;           /* of a file for one picture */
        x = nn_onnx_apart(r, x);
    }
    if (!x)
        return NULL;
    if (count < 1) {
        err_set(r->err, ERR_UNSUPPORTED, "nothing is left of dimension %d", axis);
        return NULL;
    }
    a.axis = nn_onnx_ours_of(x, axis);
    return nn_onnx_new_node(r, x->type, x->rank, dim,
                            nn_onnx_emit(r, &nn_op_slice, &a, 1, &x->node), x->n_ax, x->ax);
}

/* A constant of whole numbers as a node that is not trained. */
static int index_node(nn_onnx_reader *r, int64_t n, const int64_t *index)
{
    struct nn_param p = { .shape = { (int)n } };
    real *value = arena_array(r->mem, (size_t)n, sizeof *value);
    int id;

    if (!value) {
        err_set(r->err, ERR_MEMORY, "no memory");
        return -1;
    }
    for (int64_t i = 0; i < n; i++)
        value[i] = (real)index[i];
    id = nn_graph_add(r->g, &nn_op_const, NULL, &p, 0, NULL, r->err);
    if (id >= 0)
        r->number[id] = value;
    return id;
}

nn_onnx_val *nn_onnx_v_pick(nn_onnx_reader *r, nn_onnx_val *x, int axis, int64_t n,
                            const int64_t *index)
{
    int64_t dim[SHAPE_MAX_RANK], inner = 1, step, count;
    struct nn_gather a = { .axis = 0 };
    bool even = n > 0;
    nn_onnx_val *v;
    double *d;
    int in[2];

    for (int64_t i = 0; i < n; i++) {
        if (index[i] < 0 || index[i] >= x->dim[axis]) {
            err_set(r->err, ERR_INPUT, "place %lld of %lld", (long long)index[i],
                    (long long)x->dim[axis]);
            return NULL;
        }
    }
    step = n > 1 ? index[1] - index[0] : 1;
    for (int64_t i = 1; i < n; i++)
        even &= index[i] - index[i - 1] == step;
    if (even && step)
        return nn_onnx_v_take(r, x, axis, index[0], step, n);
    memcpy(dim, x->dim, sizeof dim);
    dim[axis] = n;
    if (nn_onnx_is_const(x)) {
        if (!nn_onnx_load(r, x) || !(v = nn_onnx_new_const(r, x->type, x->rank, dim, &d)))
            return NULL;
        count = nn_onnx_count(x->rank, dim);
        for (int k = axis + 1; k < x->rank; k++)
            inner *= x->dim[k];
        for (int64_t i = 0; i < count; i++)
            d[i] = nn_onnx_num(x, (i / inner / n * x->dim[axis] + index[i / inner % n]) * inner +
                                      i % inner);
        return v;
    }
    if (x->ax[0] == axis && !(x = nn_onnx_apart(r, x)))
        return NULL;
    if (n < 1) {
        err_set(r->err, ERR_UNSUPPORTED, "nothing is left of dimension %d", axis);
        return NULL;
    }
    a.axis = nn_onnx_ours_of(x, axis);
    in[0] = x->node;
    in[1] = index_node(r, n, index);
    return nn_onnx_new_node(r, x->type, x->rank, dim, nn_onnx_emit(r, &nn_op_gather, &a, 2, in),
                            x->n_ax, x->ax);
}

/* ---- together -------------------------------------------------------------------------------- */

/* A constant repeated for every picture of the batch; `like` has one. */
static nn_onnx_val *with_batch(nn_onnx_reader *r, nn_onnx_val *x, const nn_onnx_val *like)
{
    int8_t ax[SHAPE_MAX_RANK] = { -1 };
    struct nn_param p = { .init = 0 };
    struct nn_expand a = { .shape = { 0 } };
    int64_t n = nn_onnx_count(x->rank, x->dim);
    int in[2];

    if (!nn_onnx_load(r, x))
        return NULL;
    for (int d = 0; d < x->rank; d++) {
        if (x->dim[d] < 1 || x->dim[d] > INT32_MAX)
            return mixes(r);
        p.shape[d] = a.shape[d] = (int)x->dim[d];
        ax[1 + d] = (int8_t)d;
    }
    if (!x->rank)
        p.shape[0] = a.shape[0] = 1;
    in[0] = nn_onnx_const_node(r, x, &p, n);
    in[1] = like->node;
    if (!x->rank)
        return nn_onnx_v_reshape(r, nn_onnx_new_node(r, x->type, 1, (int64_t[]){ 1 },
                                                     nn_onnx_emit(r, &nn_op_expand, &a, 2, in), 2,
                                                     (int8_t[]){ -1, 0 }), 0, NULL);
    return nn_onnx_new_node(r, x->type, x->rank, x->dim,
                            nn_onnx_emit(r, &nn_op_expand, &a, 2, in), 1 + x->rank, ax);
}

/* All of them constants, one behind the other along an axis. */
static nn_onnx_val *concat_consts(nn_onnx_reader *r, int n, nn_onnx_val **x, int axis,
                                  const int64_t *dim)
{
    double *d;
    nn_onnx_val *v = nn_onnx_new_const(r, x[0]->type, x[0]->rank, dim, &d);
    int64_t inner = 1, outer = 1, at = 0;

    for (int k = 0; k < x[0]->rank; k++)
        *(k < axis ? &outer : &inner) *= k == axis ? 1 : dim[k];
    for (int i = 0; v && i < n; i++) {
        int64_t run = x[i]->dim[axis] * inner;

        if (!nn_onnx_load(r, x[i]))
            return NULL;
        for (int64_t k = 0; k < outer * run; k++)
            d[k / run * dim[axis] * inner + at + k % run] = nn_onnx_num(x[i], k);
        at += run;
    }
    return v;
}

/* A concat of just these that is there already; -1. */
static int same_concat(const nn_onnx_reader *r, int n, const int *in, int axis)
{
    for (int i = in[n - 1] + 1; i < r->g->n; i++) {
        const struct nn_node *node = &r->g->node[i];

        if (node->op == &nn_op_concat && node->n_in == n &&
            ((const struct nn_concat *)node->attr)->axis == axis &&
            !memcmp(node->in, in, (size_t)n * sizeof *in))
            return i;
    }
    return -1;
}

/* So many at a time as an operator takes; where what begins alike is joined time and again
 * (DenseNet), the first of them once. */
static int concat_nodes(nn_onnx_reader *r, int n, const int *in, int axis)
{
    struct nn_concat a = { .axis = axis };
    int some[NN_MAX_IN], k = 0;

    if (n == 1)
        return in[0];
    for (int i = 0; i < n; i++) {
        if (in[i] < 0)
            return -1;
        some[k++] = in[i];
        if (k == NN_MAX_IN && i + 1 < n) {
            int there = same_concat(r, k, some, axis);

            some[0] = there >= 0 ? there : nn_onnx_emit(r, &nn_op_concat, &a, k, some);
            k = 1;
        }
    }
    return nn_onnx_emit(r, &nn_op_concat, &a, k, some);
}

nn_onnx_val *nn_onnx_v_concat(nn_onnx_reader *r, int n, nn_onnx_val **x, int axis)
{
    nn_onnx_val *like = NULL;
    int64_t dim[SHAPE_MAX_RANK];
    int8_t ax[SHAPE_MAX_RANK];
    int *in = arena_array(r->mem, (size_t)n, sizeof *in), n_ax;

    if (!in) {
        err_set(r->err, ERR_MEMORY, "no memory");
        return NULL;
    }
    memcpy(dim, x[0]->dim, sizeof dim);
    dim[axis] = 0;
    for (int i = 0; i < n; i++) {
        bool better = !like || (like->ax[0] < 0 && x[i]->ax[0] >= 0);

        if (!nn_onnx_is_const(x[i]) && better)
            like = x[i];
        if (x[i]->rank != x[0]->rank) {
            err_set(r->err, ERR_INPUT, "its inputs have %d and %d dimensions", x[0]->rank,
                    x[i]->rank);
            return NULL;
        }
        dim[axis] += x[i]->dim[axis];
    }
    if (!like)
        return concat_consts(r, n, x, axis, dim);
    if (like->ax[0] == axis && !(like = nn_onnx_apart(r, like)))
        return NULL;
    n_ax = like->n_ax;
    memcpy(ax, like->ax, sizeof ax);
    for (int d = 0; d < x[0]->rank; d++)
        if (d != axis)
            dim[d] = like->dim[d];
    for (int i = 0; i < n; i++) {
        nn_onnx_val *v = nn_onnx_is_const(x[i]) ? with_batch(r, x[i], like) : x[i];

        in[i] = v ? nn_onnx_place(r, v, n_ax, ax) : -1;
        if (in[i] < 0)
            return NULL;
    }
    return nn_onnx_new_node(r, like->type, x[0]->rank, dim,
                            concat_nodes(r, n, in, nn_onnx_ours_of(like, axis)), n_ax, ax);
}

/* A constant that is one of each picture's: the class token of a transformer. */
static nn_onnx_val *for_every_picture(nn_onnx_reader *r, nn_onnx_val *x, int rank,
                                      const int64_t *dim)
{
    int64_t one[SHAPE_MAX_RANK];
    int8_t ax[SHAPE_MAX_RANK];
    int batch = batch_axis(r, rank, dim), n = 0;
    nn_onnx_val *v;
    const char *name = x->name;

    if (batch < 0 || dim[batch] != r->batch || !r->first)
        return mixes(r);
    memcpy(one, dim, sizeof one);
    one[batch] = 1;
    v = nn_onnx_v_expand(r, x, rank, one);
    if (!v)
        return NULL;
    v->name = name;
    v = with_batch(r, v, r->first);
    ax[n++] = (int8_t)batch;
    for (int d = 0; d < rank; d++)
        if (d != batch)
            ax[n++] = (int8_t)d;
    v = v ? nn_onnx_placed(r, v, n, ax) : NULL;
    if (v)
        v->dim[batch] = r->batch;
    return v;
}

nn_onnx_val *nn_onnx_v_expand(nn_onnx_reader *r, nn_onnx_val *x, int rank, const int64_t *dim)
{
    int64_t step[SHAPE_MAX_RANK], own[SHAPE_MAX_RANK];
    int64_t wide[SHAPE_MAX_RANK];
    struct nn_expand a = { .shape = { 0 } };
    bool same = true;

    for (int d = 0; d < rank; d++) {
        wide[d] = d < rank - x->rank ? 1 : x->dim[d - (rank - x->rank)];
        same &= wide[d] == dim[d];
    }
    if (same && rank == x->rank)
        return x;
    if (nn_onnx_is_const(x) && batch_axis(r, rank, dim) != -1)
        return for_every_picture(r, x, rank, dim);
    if (nn_onnx_is_const(x)) {
        steps_of(x, own);
        for (int d = 0; d < rank; d++)
            step[d] = wide[d] == 1 ? 0 : own[d - (rank - x->rank)];
        return view(r, x, rank, dim, 0, step);
    }
    x = nn_onnx_v_reshape(r, x, rank, wide);
    if (!x || same)
        return x;
    if (x->ax[0] >= 0 && x->dim[x->ax[0]] != dim[x->ax[0]] && !(x = nn_onnx_apart(r, x)))
        return NULL;
    for (int i = 1; i < x->n_ax; i++)
        a.shape[i - 1] = (int)dim[x->ax[i]];
    return nn_onnx_new_node(r, x->type, rank, dim, nn_onnx_emit(r, &nn_op_expand, &a, 1, &x->node),
                            x->n_ax, x->ax);
}
