/*
 * tidy -- see tidy.h
 *
 * What exporters write as moves of numbers is followed number by number: of a value that comes of
 * another by reshapes, transposes and slices alone it is known which number is which.  So a chain
 * that moves nothing is none, and queries, keys and values are what they are in whatever order of
 * nodes they are cut out of one value.
 */
#include "nn/io/onnx_in/tidy.h"

#include "nn/op/arith.h"
#include "nn/op/attention.h"
#include "nn/op/concat.h"
#include "nn/op/embed.h"
#include "nn/op/math.h"
#include "nn/op/matmul.h"
#include "nn/op/reshape.h"
#include "nn/op/slice.h"
#include "nn/op/transpose.h"
#include "nn/pass/pass.h"
#include "nn/pass/rewrite.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHAIN = 24 };

/* Number k of a value is number at[k] of a picture of `base`, times factor. */
struct trace {
    int base;
    double factor;
    int64_t n;
    int32_t *at;
};

static const struct nn_node *node_of(const struct nn_rewrite *w, int id)
{
    return &w->g2->node[id];
}

/* Numbers of what is one in the first dimension. */
static int64_t count_of(const struct nn_type *t)
{
    int64_t n = 1;

    for (int d = 1; d < t->rank; d++)
        n *= t->dim[d].n;
    return n;
}

static bool is_param(const struct nn_node *n)
{
    return n->op == &nn_op_param || n->op == &nn_op_const;
}

static bool is_reshape(const struct nn_node *n)
{
    return n->op == &nn_op_reshape || n->op == &nn_op_flatten;
}

static bool is_scale(const struct nn_node *n)
{
    const struct nn_math *m = n->attr;

    return n->op == &nn_op_math && m->kind == NN_MATH_affine && m->b == 0;
}

static bool is_move(const struct nn_rewrite *w, const struct nn_node *n)
{
    return n->op == &nn_op_transpose || n->op == &nn_op_slice ||
           (is_reshape(n) && n->type.dim[0].n == node_of(w, n->in[0])->type.dim[0].n);
}

/* at through one move; false: there is no memory. */
static bool follow(const struct nn_type *x, const struct nn_node *n, struct trace *t)
{
    const struct nn_type *y = &n->type;
    int64_t step[SHAPE_MAX_RANK], along[SHAPE_MAX_RANK], from = 0, one = 1;
    int64_t count = count_of(y);
    int32_t *at;

    if (n->op != &nn_op_transpose && n->op != &nn_op_slice)
        return true;
    at = malloc(((size_t)count + 1) * sizeof *at);
    if (!at)
        return false;
    for (int d = x->rank - 1; d > 0; one *= x->dim[d--].n)
        step[d] = one;
    for (int d = 1; d < y->rank; d++)
        along[d] = n->op == &nn_op_transpose
                       ? step[((const struct nn_transpose *)n->attr)->perm[d - 1]] : step[d];
    if (n->op == &nn_op_slice) {
        const struct nn_slice *s = n->attr;
        int axis = nn_op_axis(s->axis, y->rank);

        along[axis] *= s->step;
        from = s->start * step[axis];
    }
    for (int64_t k = 0; k < count; k++) {
        int64_t rest = k, place = from;

        for (int d = y->rank - 1; d > 0; rest /= y->dim[d--].n)
            place += rest % y->dim[d].n * along[d];
        at[k] = t->at[place];
    }
    free(t->at);
    t->at = at;
    t->n = count;
    return true;
}

/* Follows a value back through moves and, where asked, factors.  t->at is the caller's. */
static bool trace(struct nn_rewrite *w, int id, bool factors, struct trace *t)
{
    int chain[CHAIN], n = 0;

    *t = (struct trace){ .factor = 1 };
    while (n < CHAIN && (is_move(w, node_of(w, id)) || (factors && is_scale(node_of(w, id))))) {
        chain[n++] = id;
        id = node_of(w, id)->in[0];
    }
    t->base = id;
    t->n = count_of(&node_of(w, id)->type);
    t->at = t->n <= INT_MAX ? malloc(((size_t)t->n + 1) * sizeof *t->at) : NULL;
    for (int64_t k = 0; t->at && k < t->n; k++)
        t->at[k] = (int32_t)k;
    while (t->at && n > 0) {
        const struct nn_node *node = node_of(w, chain[--n]);

        if (is_scale(node))
            t->factor *= ((const struct nn_math *)node->attr)->a;
        else if (!follow(&node_of(w, node->in[0])->type, node, t)) {
            free(t->at);
            t->at = NULL;
        }
    }
    return t->at;
}

/* A node with a name that neither graph has. */
static int made(struct nn_rewrite *w, const struct nn_op *op, const void *attr, int x)
{
    char name[48];

    for (int k = w->g2->n;; k++) {
        snprintf(name, sizeof name, "%.24s%d", op->name, k);
        if (nn_graph_find(w->g, name) < 0 && nn_graph_find(w->g2, name) < 0)
            return nn_rewrite_add(w, op, name, attr, 1, &x, NULL);
    }
}

/* A value with other dimensions behind the first. */
static int reshaped(struct nn_rewrite *w, int id, int rank, const int *dim)
{
    const struct nn_type *x = &node_of(w, id)->type;
    struct nn_reshape a = { .batch = 0 };
    bool same = x->rank == rank + 1;

    for (int d = 0; d < rank; d++) {
        a.shape[d] = dim[d];
        same &= d + 1 < x->rank && x->dim[d + 1].n == dim[d];
    }
    if (same)
        return id;
    if (rank == 1)
        return made(w, &nn_op_flatten, NULL, id);
    return made(w, &nn_op_reshape, &a, id);
}

/* A node that moves numbers; what moves none in the end is a reshape of where it began, or that. */
static int moved(struct nn_rewrite *w, int id)
{
    const struct nn_node *node = node_of(w, id);
    int dim[SHAPE_MAX_RANK], from = node->in[0];
    bool none = true;
    struct trace t;

    while (is_reshape(node) && is_reshape(node_of(w, from)) && is_move(w, node_of(w, from)))
        from = node_of(w, from)->in[0];
    if (!is_reshape(node) || is_move(w, node_of(w, from))) {
        if (!trace(w, id, false, &t))
            return id;
        none = t.n == count_of(&node_of(w, t.base)->type);
        for (int64_t k = 0; none && k < t.n; k++)
            none = t.at[k] == k;
        free(t.at);
        from = none ? t.base : from;
    }
    if (!none && !is_reshape(node))
        return id;
    for (int d = 1; d < node->type.rank; d++)
        dim[d - 1] = node->type.dim[d].n;
    return reshaped(w, from, node->type.rank - 1, dim);
}

/* ---- attention ------------------------------------------------------------------------------- */

struct heads {
    int heads, tokens, depth;
    double factor;              /* of the products */
    int bias;                   /* a parameter that is added to them; -1: none */
    struct trace part[3];
    bool turned[3];             /* [heads,depth,tokens] */
    int grid[2];                /* of tokens, where there is a bias */
};

/* The products that a softmax is of; -1: they are none. */
static int products(const struct nn_rewrite *w, int id, struct heads *h)
{
    for (int i = 0; i < 3; i++) {
        const struct nn_node *n = node_of(w, id);
        const struct nn_arith *a = n->attr;

        if (n->op == &nn_op_matmul)
            return id;
        if (is_scale(n)) {
            h->factor *= ((const struct nn_math *)n->attr)->a;
            id = n->in[0];
        } else if (n->op == &nn_op_arith && a->kind == NN_ARITH_ADD && h->bias < 0 &&
                   h->factor == 1 && is_param(node_of(w, n->in[1]))) {
            h->bias = n->in[1];
            id = n->in[0];
        } else {
            return -1;
        }
    }
    return -1;
}

/* Number `d` of token t of a head, in the value that all parts are of. */
static int64_t place(const struct heads *h, bool by_head, int part, int head, int t, int d)
{
    int64_t row = (int64_t)t * 3 * h->heads * h->depth;

    return row + d + h->depth * (by_head ? head * 3 + part : part * h->heads + head);
}

static bool lies(const struct heads *h, bool by_head, int part)
{
    const struct trace *t = &h->part[part];

    for (int64_t k = 0; k < t->n; k++) {
        int inner = h->turned[part] ? h->tokens : h->depth, token, d;
        int outer = h->turned[part] ? h->depth : h->tokens;

        token = (int)(h->turned[part] ? k % inner : k / inner % outer);
        d = (int)(h->turned[part] ? k / inner % outer : k % inner);
        if (t->at[k] != place(h, by_head, part, (int)(k / inner / outer), token, d))
            return false;
    }
    return true;
}

static bool parts_lie(const struct heads *h, bool by_head)
{
    return lies(h, by_head, 0) && lies(h, by_head, 1) && lies(h, by_head, 2);
}

/* What is added to the products as a table of distances [rows x columns, heads]; NULL: it is none,
 * or there is no memory. */
static real *table_of(struct nn_rewrite *w, const struct heads *h)
{
    const struct nn_value *v = w->value[h->bias];
    int tokens = h->tokens, rows = 2 * h->grid[0] - 1, columns = 2 * h->grid[1] - 1;
    int64_t square = (int64_t)tokens * tokens;
    real *table, *room;
    const real *bias;
    bool fits;

    if (!v || v->count != square * h->heads)
        return NULL;
    table = arena_array(w->mem, (size_t)rows * (size_t)columns * (size_t)h->heads, sizeof *table);
    room = arena_array(w->mem, (size_t)v->count, sizeof *room);
    bias = table && room ? nn_value_at(v, room, w->err) : NULL;
    fits = bias;
    for (int pass = 0; fits && pass < 2; pass++)        /* written, then compared */
        for (int64_t k = 0; fits && k < v->count; k++) {
            int i = (int)(k / tokens % tokens), j = (int)(k % tokens);
            int down = i / h->grid[1] - j / h->grid[1] + h->grid[0] - 1;
            int along = i % h->grid[1] - j % h->grid[1] + h->grid[1] - 1;
            real *at = table + ((int64_t)down * columns + along) * h->heads + k / square;

            if (pass)
                fits = *at == bias[k];
            else
                *at = bias[k];
        }
    return fits ? table : NULL;
}

static int attend(struct nn_rewrite *w, const struct nn_node *old, const struct heads *h,
                  bool by_head)
{
    const struct nn_attention a = { .heads = h->heads, .by_head = by_head,
                                    .relative = h->bias >= 0 };
    const int flat[2] = { h->tokens, 3 * h->heads * h->depth };
    const int picture[3] = { h->grid[0], h->grid[1], flat[1] };
    int in[2] = { reshaped(w, h->part[0].base, h->bias < 0 ? 2 : 3, h->bias < 0 ? flat : picture) };
    int dim[3] = { h->tokens, h->heads, h->depth }, y;
    struct nn_param p;

    if (h->bias >= 0) {
        real *table = table_of(w, h);
        char name[160];

        if (!table || in[0] < 0)
            return -1;
        snprintf(name, sizeof name, "%.100s.%s", old->name,
                 nn_op_attention.param(&a, &node_of(w, in[0])->type, 1, &p));
        in[1] = nn_rewrite_add(w, &nn_op_param, name, &p, 0, NULL,
                               nn_value_of(w->mem, (int64_t)p.shape[0] * p.shape[1], table));
    }
    y = nn_rewrite_add(w, &nn_op_attention, old->name, &a, h->bias < 0 ? 1 : 2, in, NULL);
    y = y < 0 ? y : reshaped(w, y, h->heads == 1 ? 2 : 3,
                             h->heads == 1 ? (int[]){ dim[0], dim[2] } : dim);
    if (y < 0 || (h->heads == 1 && old->type.rank == 3))
        return y;
    return made(w, &nn_op_transpose, &(struct nn_transpose){ .perm = { 2, 1, 3 } }, y);
}

/* Tokens in rows and columns: as they come, or a square. */
static bool grid_of(const struct nn_rewrite *w, struct heads *h)
{
    const struct nn_type *x = &node_of(w, h->part[0].base)->type;
    int side = (int)lround(sqrt((double)h->tokens));

    h->grid[0] = x->rank == 4 ? x->dim[1].n : side;
    h->grid[1] = x->rank == 4 ? x->dim[2].n : side;
    return h->grid[0] * h->grid[1] == h->tokens;
}

/* softmax(q k' / sqrt(d) + bias) v, where the three are parts of one value; -1: it is none. */
static int attention(struct nn_rewrite *w, const struct nn_node *old, const int in[2])
{
    struct heads h = { .factor = 1, .bias = -1 };
    const struct nn_node *soft = node_of(w, in[0]), *score;
    int id = soft->op == &nn_op_softmax ? products(w, soft->in[0], &h) : -1, y = -1, rank;
    bool is = true;

    if (id < 0)
        return -1;
    score = node_of(w, id);
    rank = score->type.rank;
    if (rank != old->type.rank || (rank != 3 && rank != 4))
        return -1;
    h.heads = rank == 4 ? old->type.dim[1].n : 1;
    h.tokens = old->type.dim[rank - 2].n;
    h.depth = old->type.dim[rank - 1].n;
    h.turned[1] = !((const struct nn_matmul *)score->attr)->turned;
    h.turned[2] = ((const struct nn_matmul *)old->attr)->turned;
    for (int i = 0; i < 3; i++)
        is &= trace(w, i < 2 ? score->in[i] : in[1], i < 2, &h.part[i]);
    for (int i = 0; i < 3; i++)
        is = is && h.part[i].base == h.part[0].base &&
             h.part[i].n == (int64_t)h.heads * h.tokens * h.depth;
    is = is && count_of(&node_of(w, h.part[0].base)->type) == 3 * h.part[0].n &&
         node_of(w, h.part[0].base)->type.dim[0].n == old->type.dim[0].n &&
         fabs(h.factor * h.part[0].factor * h.part[1].factor * sqrt((double)h.depth) - 1) < 1e-4 &&
         (h.bias < 0 || grid_of(w, &h));
    if (is && parts_lie(&h, false))
        y = attend(w, old, &h, false);
    else if (is && parts_lie(&h, true))
        y = attend(w, old, &h, true);
    for (int i = 0; i < 3; i++)
        free(h.part[i].at);
    return y;
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
    const struct nn_arith *a = n->attr;
    int p = -1;

    while (is_reshape(n) && is_move(w, n))
        n = node_of(w, n->in[0]);
    if (n->op == &nn_op_expand)
        p = n->in[0];
    else if (n->op == &nn_op_arith && a->kind == NN_ARITH_ADD && is_scale(node_of(w, n->in[0])) &&
             ((const struct nn_math *)node_of(w, n->in[0])->attr)->a == 0)
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
        w->v->of[positions]->count != count_of(t) || w->map[positions] >= 0)
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

/* A parameter is there from its first reader on. */
static int mapped(struct nn_rewrite *w, int old)
{
    return w->map[old] >= 0 || w->failed ? w->map[old] : nn_rewrite_copy(w, old);
}

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
    if (node->op != &nn_op_matmul || is_param(&w->g->node[node->in[0]]) ||
        is_param(&w->g->node[node->in[1]]))
        return -1;
    in[0] = w->map[node->in[0]];
    in[1] = w->map[node->in[1]];
    return attention(w, node, in);
}

bool nn_onnx_tidy(const struct nn_graph *g, const struct nn_values *v, struct nn_graph **g2,
                  struct nn_values *v2, struct err *err)
{
    enum { MORE = 8 };          /* nodes that one becomes at most */
    struct nn_rewrite w;

    if (!nn_rewrite_begin(&w, g, v, err))
        return false;
    for (int i = 0; i < g->n && !w.failed; i++) {
        const struct nn_node *node = &g->node[i];
        bool room = w.g2->n + MORE < g->n + i && w.g2->n + MORE + g->n - i < NN_MAX_NODES;

        if (is_param(node))
            continue;
        if (room && (w.map[i] = lifted(&w, node)) >= 0)
            continue;
        for (int k = 0; k < node->n_in; k++)
            mapped(&w, node->in[k]);
        if (nn_rewrite_copy(&w, i) >= 0 && room && is_move(&w, node_of(&w, w.map[i])))
            w.map[i] = moved(&w, w.map[i]);
    }
    for (int i = 0; i < g->n_output && !w.failed; i++)
        mapped(&w, g->output[i].node);
    return nn_rewrite_end(&w, g2, v2);
}
