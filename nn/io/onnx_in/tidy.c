/*
 * tidy -- see tidy.h
 *
 * What exporters write as moves of numbers is followed number by number (trace.h), so a chain that
 * moves nothing is none, and queries, keys and values are what they are in whatever order of nodes
 * they are cut out of one value (attend.c).
 */
#include "nn/io/onnx_in/tidy.h"

#include "nn/io/onnx_in/made.h"

#include "nn/op/arith.h"
#include "nn/op/concat.h"
#include "nn/op/embed.h"
#include "nn/op/math.h"
#include "nn/op/reduce.h"
#include "nn/pass/pass.h"

#include <stdio.h>

static const struct nn_node *node_of(const struct nn_rewrite *w, int id)
{
    return nn_onnx_node_of(w, id);
}

static bool is_param(const struct nn_node *n)
{
    return n->op == &nn_op_param || n->op == &nn_op_const;
}

/* A parameter is there from its first reader on. */
static int mapped(struct nn_rewrite *w, int old)
{
    return w->map[old] >= 0 || w->failed ? w->map[old] : nn_rewrite_copy(w, old);
}

/* ---- moves ----------------------------------------------------------------------------------- */

/* Has a value of the new graph one reader in the old one? */
static bool read_once(const struct nn_rewrite *w, int id)
{
    int old = nn_graph_find(w->g, node_of(w, id)->name), readers = 0;

    for (int i = old + 1; old >= 0 && i < w->g->n; i++)
        for (int k = 0; k < w->g->node[i].n_in; k++)
            readers += w->g->node[i].in[k] == old;
    return readers == 1;
}

/* Are all dimensions but the last alike? */
static bool same_rows(const struct nn_type *a, const struct nn_type *b)
{
    bool same = a->rank == b->rank;

    for (int d = 0; same && d < a->rank - 1; d++)
        same = a->dim[d].n == b->dim[d].n;
    return same;
}

/* A node that moves numbers; what moves none in the end is a reshape of where it began, or that.
 * Rows that are moved before a linear layer and put back behind it go to it as they lie. */
static int moved(struct nn_rewrite *w, int id)
{
    const struct nn_node *node = node_of(w, id);
    const struct nn_type type = node->type;
    bool reshape = nn_onnx_is_reshape(node), none = true;
    int dim[SHAPE_MAX_RANK], from = node->in[0];
    struct nn_onnx_trace t;

    while (reshape && nn_onnx_is_reshape(node_of(w, from)))
        from = node_of(w, from)->in[0];
    t = nn_onnx_trace(w->g2, id, false);
    if (t.linear >= 0 && same_rows(&type, &node_of(w, t.base)->type) &&
        read_once(w, t.linear) && nn_onnx_stays(&t))
        return nn_onnx_linear_of(w, &t);
    if (t.linear >= 0) {
        t.base = t.linear;
        t.linear = -1;
    }
    if (!reshape || t.base != from) {
        none = nn_onnx_stays(&t);
        from = none ? t.base : from;
    }
    if (!none && !reshape)
        return id;
    for (int d = 1; d < type.rank; d++)
        dim[d - 1] = type.dim[d].n;
    return nn_onnx_reshaped(w, from, type.dim[0].n, type.rank - 1, dim);
}

/* What computes each row, the last dimension, by itself. */
static bool is_by_rows(const struct nn_op *op)
{
    static const struct nn_op *const by_rows[] = { &nn_op_layernorm, &nn_op_linear, &nn_op_gelu,
                                                   &nn_op_add };

    for (size_t i = 0; i < sizeof by_rows / sizeof *by_rows; i++)
        if (op == by_rows[i])
            return true;
    return false;
}

/* A layer of rows of reshapes that leave the rows alone is the reshape of that layer, so that what
 * is tokens here and a picture there meets; -1: it is none.  Vectors stay what they are. */
static int by_rows(struct nn_rewrite *w, const struct nn_node *node)
{
    int values = node->op == &nn_op_add ? 2 : 1, in[NN_MAX_IN], dim[SHAPE_MAX_RANK], y;
    const struct nn_type *first = NULL;

    if (!is_by_rows(node->op) || node->type.rank < 3)
        return -1;
    for (int i = 0; i < node->n_in; i++) {
        const struct nn_node *x;

        in[i] = mapped(w, node->in[i]);
        if (in[i] < 0)
            return -1;
        if (i >= values)
            continue;
        x = node_of(w, in[i]);
        if (!nn_onnx_is_reshape(x))
            return -1;
        in[i] = x->in[0];
        if (i && !nn_type_equal(first, &node_of(w, in[i])->type))
            return -1;
        first = &node_of(w, in[i])->type;
        if (first->dim[first->rank - 1].n != x->type.dim[x->type.rank - 1].n ||
            first->dim[0].n != x->type.dim[0].n)
            return -1;
    }
    y = nn_rewrite_add(w, node->op, node->name, node->attr, node->n_in, in, NULL);
    for (int d = 1; d < node->type.rank; d++)
        dim[d - 1] = node->type.dim[d].n;
    return nn_onnx_reshaped(w, y, node->type.dim[0].n, node->type.rank - 1, dim);
}

/* ---- tokens of a network's own --------------------------------------------------------------- */

/* A parameter that input i of embed is to be: the same numbers, another shape. */
static int part_of_embed(struct nn_rewrite *w, const struct nn_embed *a, const struct nn_type *x,
                         int i, const char *name, const struct nn_value *value)
{
    struct nn_param p;

    nn_op_embed.param(a, x, i, &p);
    return nn_rewrite_add(w, &nn_op_param, name, &p, 0, NULL, value);
}

/* The parameter that value is the same for every picture: repeated, or what is 0 plus it; -1. */
static int same_for_all(const struct nn_rewrite *w, int id)
{
    const struct nn_node *n = node_of(w, id);
    const struct nn_node *zero;
    int p = -1;

    while (nn_onnx_is_reshape(n))
        n = node_of(w, n->in[0]);
    zero = n->n_in ? node_of(w, n->in[0]) : n;
    if (n->op == &nn_op_expand)
        p = n->in[0];
    else if (n->op == &nn_op_arith && ((const struct nn_arith *)n->attr)->kind == NN_ARITH_ADD &&
             nn_onnx_is_scale(zero) && ((const struct nn_math *)zero->attr)->a == 0)
        p = n->in[1];
    return p >= 0 && node_of(w, p)->op == &nn_op_param ? p : -1;
}

/* Tokens that are the same for every picture before those of it, and a sum with positions; -1: it
 * is none. */
static int embed(struct nn_rewrite *w, const char *name, int joined, int positions)
{
    const struct nn_node *all = node_of(w, joined), *where = &w->g->node[positions];
    const struct nn_concat *c = all->attr;
    struct nn_embed a = { .tokens = all->n_in - 1 };
    const struct nn_type *t = &all->type;
    struct nn_type x;
    int in[4];

    if (all->op != &nn_op_concat || t->rank != 3 || nn_op_axis(c->axis, 3) != 1 || all->n_in > 3 ||
        where->op != &nn_op_param || !w->v->of[positions] ||
        w->v->of[positions]->count != nn_onnx_numbers(t) || w->map[positions] >= 0)
        return -1;
    in[0] = all->in[a.tokens];
    for (int i = 0; i < a.tokens; i++) {
        in[2 + i] = same_for_all(w, all->in[i]);
        if (in[2 + i] < 0 || w->value[in[2 + i]]->count != t->dim[2].n)
            return -1;
    }
    if (node_of(w, in[0])->type.dim[1].n != t->dim[1].n - a.tokens)
        return -1;
    x = node_of(w, in[0])->type;
    in[1] = part_of_embed(w, &a, &x, 1, where->name, w->v->of[positions]);
    for (int i = 2; i < 2 + a.tokens; i++)
        if (node_of(w, in[i])->type.rank != 3) {        /* a name of its own: that one is taken */
            char text[160];

            snprintf(text, sizeof text, "%.100s.token%d", name, i - 2);
            in[i] = part_of_embed(w, &a, &x, i, text, w->value[in[i]]);
        }
    return in[1] < 0 ? -1 : nn_rewrite_add(w, &nn_op_embed, name, &a, 2 + a.tokens, in, NULL);
}

/* ---- the graph ------------------------------------------------------------------------------- */

/* A picture times a number for each channel; -1: it is none. */
static int gate(struct nn_rewrite *w, const struct nn_node *node)
{
    for (int i = 0; i < 2; i++) {
        int in[2] = { w->map[node->in[i]], w->map[node->in[1 - i]] };
        const struct nn_type *by;

        if (in[0] < 0 || in[1] < 0 || is_param(node_of(w, in[0])) || is_param(node_of(w, in[1])))
            return -1;
        by = &node_of(w, in[1])->type;
        if (nn_type_equal(&node_of(w, in[0])->type, &node->type) && by->rank == 4 &&
            by->dim[0].batch && by->dim[1].n == 1 && by->dim[2].n == 1 &&
            by->dim[3].n == node->type.dim[3].n)
            return nn_rewrite_add(w, &nn_op_gate, node->name, NULL, 2, in, NULL);
    }
    return -1;
}

/* The mean of a picture's pixels; -1: it is none. */
static int mean(struct nn_rewrite *w, const struct nn_node *node)
{
    const struct nn_reduce *a = node->attr;
    int x = w->map[node->in[0]];

    if (a->kind != NN_REDUCE_MEAN || a->keep || x < 0 || node_of(w, x)->type.rank != 4 ||
        a->axes[0] != 1 || a->axes[1] != 2 || a->axes[2])
        return -1;
    return nn_rewrite_add(w, &nn_op_meanpool, node->name, NULL, 1, &x, NULL);
}

/* The one node that several of the old are, or that says more than it; -1: there is none. */
static int lifted(struct nn_rewrite *w, const struct nn_node *node)
{
    const struct nn_arith *a = node->attr;
    int in[2];

    if (node->op == &nn_op_arith && a->kind == NN_ARITH_ADD && is_param(&w->g->node[node->in[1]]) &&
        w->map[node->in[0]] >= 0)
        return embed(w, node->name, w->map[node->in[0]], node->in[1]);
    if (node->op == &nn_op_arith && a->kind == NN_ARITH_MUL && node->type.rank == 4)
        return gate(w, node);
    if (node->op == &nn_op_reduce)
        return mean(w, node);
    if (is_by_rows(node->op))
        return by_rows(w, node);
    if (node->op != &nn_op_matmul || is_param(&w->g->node[node->in[0]]) ||
        is_param(&w->g->node[node->in[1]]))
        return -1;
    in[0] = w->map[node->in[0]];
    in[1] = w->map[node->in[1]];
    return nn_onnx_attention(w, node, in);
}

bool nn_onnx_tidy(const struct nn_graph *g, const struct nn_values *v, struct nn_graph **g2,
                  struct nn_values *v2, struct err *err)
{
    enum { MORE = 20 };         /* nodes that one becomes at most */
    struct nn_rewrite w;

    if (!nn_rewrite_begin(&w, g, v, err))
        return false;
    for (int i = 0; i < g->n && !w.failed; i++) {
        const struct nn_node *node = &g->node[i];
        bool room = w.g2->n + MORE + g->n - i < NN_MAX_NODES;

        if (is_param(node))
            continue;
        if (room && (w.map[i] = lifted(&w, node)) >= 0)
            continue;
        for (int k = 0; k < node->n_in; k++)
            mapped(&w, node->in[k]);
        if (nn_rewrite_copy(&w, i) >= 0 && room &&
            (nn_onnx_is_move(node) || node->op == &nn_op_concat))
            w.map[i] = moved(&w, w.map[i]);
    }
    for (int i = 0; i < g->n_output && !w.failed; i++)
        mapped(&w, g->output[i].node);
    return nn_rewrite_end(&w, g2, v2);
}
