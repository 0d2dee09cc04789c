/*
 * trace -- see trace.h
 *
 * A number is followed node by node, and with it how many behind it stay together, so that what
 * moves in rows is looked at row by row.
 */
#include "nn/io/onnx_in/trace.h"

#include "nn/op.h"
#include "nn/op/concat.h"
#include "nn/op/math.h"
#include "nn/op/slice.h"
#include "nn/op/transpose.h"

#include <limits.h>

enum { STEPS = 200 };           /* so many nodes are followed, on all paths */

int64_t nn_onnx_numbers(const struct nn_type *t)
{
    int64_t n = 1;

    for (int d = 0; d < t->rank; d++)
        n *= t->dim[d].n;
    return n;
}

bool nn_onnx_is_reshape(const struct nn_node *n)
{
    return n->op == &nn_op_reshape || n->op == &nn_op_flatten;
}

bool nn_onnx_is_move(const struct nn_node *n)
{
    return n->op == &nn_op_transpose || n->op == &nn_op_slice || nn_onnx_is_reshape(n);
}

bool nn_onnx_is_scale(const struct nn_node *n)
{
    const struct nn_math *m = n->attr;

    return n->op == &nn_op_math && m->kind == NN_MATH_affine && m->b == 0;
}

/* The value whose numbers those of a node all are; itself where it makes them, or where it is too
 * far. */
static int origin(const struct nn_graph *g, int id, bool factors, int *steps)
{
    while (--*steps > 0) {
        const struct nn_node *n = &g->node[id];

        if (nn_onnx_is_move(n) || (factors && nn_onnx_is_scale(n))) {
            id = n->in[0];
        } else if (n->op == &nn_op_concat) {
            int base = origin(g, n->in[0], false, steps);

            for (int k = 1; k < n->n_in; k++)
                if (origin(g, n->in[k], false, steps) != base)
                    return id;
            return base;
        } else {
            return id;
        }
    }
    return id;
}

/* Of numbers that lie together in dimensions from `first` on, those from k on. */
static int64_t together(const struct nn_type *t, int first, int64_t k)
{
    int64_t block = 1;

    for (int d = first; d < t->rank; d++)
        block *= t->dim[d].n;
    return block - k % block;
}

/* Number k of a move or concat as one of its input *part; *run becomes less where they part. */
static int64_t back(const struct nn_graph *g, const struct nn_node *n, int64_t k, int64_t *run,
                    int *part)
{
    const struct nn_type *y = &n->type, *x = &g->node[n->in[0]].type;
    int64_t at[SHAPE_MAX_RANK], from[SHAPE_MAX_RANK], rest = k, place = 0, more;
    int axis = 0;

    for (int d = y->rank - 1; d >= 0; rest /= y->dim[d--].n)
        from[d] = at[d] = rest % y->dim[d].n;
    if (n->op == &nn_op_transpose) {
        const int *perm = ((const struct nn_transpose *)n->attr)->perm;

        for (int d = 1; d < y->rank; d++) {
            from[perm[d - 1]] = at[d];
            axis = perm[d - 1] == d ? axis : d;
        }
        more = together(y, axis + 1, k);
    } else if (n->op == &nn_op_slice) {
        const struct nn_slice *s = n->attr;

        axis = nn_op_axis(s->axis, y->rank);
        from[axis] = s->start + s->step * at[axis];
        more = together(y, s->step == 1 ? axis : axis + 1, k);
    } else {
        axis = nn_op_axis(((const struct nn_concat *)n->attr)->axis, y->rank);
        while (from[axis] >= x->dim[axis].n) {
            from[axis] -= x->dim[axis].n;
            x = &g->node[n->in[++*part]].type;
        }
        more = 0;
    }
    for (int d = 0; d < x->rank; d++)
        place = place * x->dim[d].n + from[d];
    if (n->op == &nn_op_concat)
        more = together(x, axis, place);
    *run = *run < more ? *run : more;
    return place;
}

static int64_t follow(const struct nn_graph *g, int id, int base, int64_t k, int64_t *run)
{
    while (id != base) {
        const struct nn_node *n = &g->node[id];
        int part = 0;

        if (!nn_onnx_is_reshape(n) && !nn_onnx_is_scale(n))
            k = back(g, n, k, run, &part);
        id = n->in[part];
    }
    return k;
}

/* Does a value have all rows of another, none cut? */
static bool has_rows(const struct nn_graph *g, int id, int base)
{
    const struct nn_type *y = &g->node[id].type, *x = &g->node[base].type;
    int64_t n = nn_onnx_numbers(y), width = y->dim[y->rank - 1].n;

    if (n != nn_onnx_numbers(x) || width != x->dim[x->rank - 1].n)
        return false;
    for (int64_t k = 0, from = 0, run; k < n; k += run) {
        int64_t at = (run = width - k % width, follow(g, id, base, k, &run));

        from = k % width ? from : at;
        if (from % width || at != from + k % width)
            return false;
    }
    return true;
}

struct nn_onnx_trace nn_onnx_trace(const struct nn_graph *g, int end, bool factors)
{
    int steps = STEPS;
    struct nn_onnx_trace t = { .g = g, .end = end, .base = origin(g, end, factors, &steps),
                               .linear = -1, .factor = 1,
                               .n = nn_onnx_numbers(&g->node[end].type) };
    const struct nn_node *maker = &g->node[t.base];

    for (int id = end; id != t.base; id = g->node[id].in[0])
        if (nn_onnx_is_scale(&g->node[id]))
            t.factor *= ((const struct nn_math *)g->node[id].attr)->a;
    if (maker->op == &nn_op_linear) {
        int base = origin(g, maker->in[0], false, &steps);

        if (base != maker->in[0] && has_rows(g, maker->in[0], base)) {
            t.linear = t.base;
            t.base = base;
        }
    }
    return t;
}

int64_t nn_onnx_source(const struct nn_onnx_trace *t, int64_t k, int64_t *run)
{
    const struct nn_node *l = t->linear < 0 ? NULL : &t->g->node[t->linear];
    int64_t wide, deep, rest, whole = INT64_MAX;

    *run = INT64_MAX;
    if (!l)
        return follow(t->g, t->end, t->base, k, run);
    wide = l->type.dim[l->type.rank - 1].n;
    deep = t->g->node[l->in[0]].type.dim[l->type.rank - 1].n;
    k = follow(t->g, t->end, t->linear, k, run);
    rest = wide - k % wide;
    *run = *run < rest ? *run : rest;
    return follow(t->g, l->in[0], t->base, k / wide * deep, &whole) / deep * wide + k % wide;
}

bool nn_onnx_stays(const struct nn_onnx_trace *t)
{
    int64_t n = nn_onnx_numbers(&t->g->node[t->linear < 0 ? t->base : t->linear].type), run;

    for (int64_t k = 0; k < t->n; k += run)
        if (nn_onnx_source(t, k, &run) != k)
            return false;
    return t->n == n;
}
