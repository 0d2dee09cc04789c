/*
 * attend -- attention, in whatever nodes and order a file has it: made.h
 *
 * Queries, keys and values are traced to the one value that they are parts of.  Where pixels are
 * cut into windows on the way, be it before or after the layer that makes the three, and pixels are
 * rolled before, that is windows and shift of one operator on the picture; what was done to put
 * tokens into windows is done to its result, so that what the file does to put them back undoes it
 * (tidy.c).  All that is added to the products has to be one number for each distance and head,
 * and what keeps tokens from seeing across the seams of a shift.
 */
#include "nn/io/onnx_in/made.h"

#include "nn/op/arith.h"
#include "nn/op/attention.h"
#include "nn/op/concat.h"
#include "nn/op/math.h"
#include "nn/op/matmul.h"
#include "nn/op/reshape.h"
#include "nn/op/slice.h"
#include "nn/op/transpose.h"

#include <math.h>
#include <stdio.h>

enum { SUMMANDS = 3, STEPS = 8, PAIRS_MOST = 1 << 24 };

struct heads {
    int groups, heads, tokens, depth;   /* groups: of tokens that see each other */
    double factor;                      /* of the products */
    struct { int param, at; } summand[SUMMANDS];        /* added to them; at: the sum */
    int n_summand;
    struct nn_onnx_trace part[3];
    bool turned[3];                     /* [groups,heads,depth,tokens] */
    bool cut;                           /* groups are windows of a picture */
    struct nn_windows w;
};

static bool is_param(const struct nn_node *n)
{
    return n->op == &nn_op_param || n->op == &nn_op_const;
}

/* The products that a softmax is of; -1: they are none. */
static int products(const struct nn_rewrite *w, int id, struct heads *h)
{
    for (int i = 0; i < STEPS; i++) {
        const struct nn_node *n = nn_onnx_node_of(w, id);
        const struct nn_arith *a = n->attr;

        if (n->op == &nn_op_matmul)
            return id;
        if (nn_onnx_is_scale(n)) {
            h->factor *= ((const struct nn_math *)n->attr)->a;
        } else if (n->op == &nn_op_arith && a->kind == NN_ARITH_ADD && h->factor == 1 &&
                   h->n_summand < SUMMANDS && is_param(nn_onnx_node_of(w, n->in[1]))) {
            h->summand[h->n_summand].param = n->in[1];
            h->summand[h->n_summand++].at = id;
        } else if (!nn_onnx_is_reshape(n)) {
            return -1;
        }
        id = n->in[0];
    }
    return -1;
}

/* Number k of a sum as one of the parameter, aligned at their last dimensions, that it is with. */
static int64_t repeated(const struct nn_type *sum, const struct nn_type *param, int64_t k)
{
    int64_t place = 0, step = 1;

    for (int d = 1; d <= sum->rank; d++) {
        int n = sum->dim[sum->rank - d].n, own = d <= param->rank ? param->dim[param->rank - d].n
                                                                  : 1;

        place += own == 1 ? 0 : k % n * step;
        step *= own;
        k /= n;
    }
    return place;
}

/* All that is added, [groups,heads,tokens,tokens]; NULL: an error is set. */
static const real *summed(struct nn_rewrite *w, const struct heads *h)
{
    int64_t n = (int64_t)h->groups * h->heads * h->tokens * h->tokens;
    real *sum = arena_array(w->mem, (size_t)n, sizeof *sum);

    for (int i = 0; sum && i < h->n_summand; i++) {
        const struct nn_type *at = &nn_onnx_node_of(w, h->summand[i].at)->type;
        const struct nn_type *own = &nn_onnx_node_of(w, h->summand[i].param)->type;
        const struct nn_value *v = w->value[h->summand[i].param];
        real *room = v ? arena_array(w->mem, (size_t)v->count, sizeof *room) : NULL;
        const real *number = room ? nn_value_at(v, room, w->err) : NULL;

        if (!number)
            return NULL;
        for (int64_t k = 0; k < n; k++)
            sum[k] += number[repeated(at, own, k)];
    }
    return sum;
}

/* Is it a table of distances [rows x columns, heads], and what seams add?  It is written from
 * pairs that see no seam, then compared. */
static bool fits(const struct heads *h, const real *sum, int shift, real *table)
{
    struct nn_windows w = h->w;
    int64_t square = (int64_t)h->tokens * h->tokens;
    int64_t n = h->groups * h->heads * square;

    w.shift = shift;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t k = 0; k < n; k++) {
            int i = (int)(k / h->tokens % h->tokens), j = (int)(k % h->tokens);
            int64_t head = k / square % h->heads, group = k / square / h->heads;
            real *at = table + (int64_t)nn_windows_distance(&w, i, j) * h->heads + head;
            bool seam = shift && nn_windows_region(&w, group, i) != nn_windows_region(&w, group, j);

            if (!pass && !group && !seam)
                *at = sum[k];
            else if (pass && (seam ? !(fabs((double)(sum[k] - *at - NN_WINDOWS_SEAM)) <= 1e-4)
                                   : sum[k] != *at))        /* a NaN is neither */
                return false;
        }
    return true;
}

/* What is added as a table; NULL: it is none, or there is no memory. */
static const real *table_of(struct nn_rewrite *w, struct heads *h)
{
    const real *sum = summed(w, h);
    real *table = arena_array(w->mem, (size_t)(2 * h->w.size[0] - 1) *
                                          (size_t)(2 * h->w.size[1] - 1) * (size_t)h->heads,
                              sizeof *table);

    if (!sum || !table)
        return NULL;
    if (h->w.shift || fits(h, sum, 0, table))
        return !h->w.shift || fits(h, sum, h->w.shift, table) ? table : NULL;
    for (int shift = 1; h->cut && shift < h->w.size[0]; shift++)
        if (fits(h, sum, shift, table)) {       /* what is seen says that pixels are rolled */
            h->w.shift = shift;
            h->w.rolled = true;
            return table;
        }
    return NULL;
}

/* Number `d` of token t of a head, in the value that all parts are of. */
static int64_t place(const struct heads *h, bool by_head, int part, int group, int head, int t,
                     int d)
{
    int64_t row = h->cut ? nn_windows_pixel(&h->w, group, t) : (int64_t)group * h->tokens + t;

    return row * 3 * h->heads * h->depth + d +
           h->depth * (by_head ? head * 3 + part : part * h->heads + head);
}

static bool lies(const struct heads *h, bool by_head, int part)
{
    const struct nn_onnx_trace *t = &h->part[part];
    bool turned = h->turned[part];
    int inner = turned ? h->tokens : h->depth, outer = turned ? h->depth : h->tokens;
    int64_t run;

    for (int64_t k = 0; k < t->n; k += run) {
        int in = (int)(k % inner), out = (int)(k / inner % outer);
        int64_t head = k / inner / outer;

        if (nn_onnx_source(t, k, &run) != place(h, by_head, part, (int)(head / h->heads),
                                                (int)(head % h->heads), turned ? in : out,
                                                turned ? out : in))
            return false;
        run = turned ? 1 : run < inner - in ? run : inner - in;
    }
    return true;
}

static bool parts_lie(const struct heads *h, bool by_head)
{
    return lies(h, by_head, 0) && lies(h, by_head, 1) && lies(h, by_head, 2);
}

/* Rows and columns of the picture and its windows: as they come, or squares. */
static bool find_windows(const struct nn_rewrite *w, struct heads *h)
{
    const struct nn_type *x = &nn_onnx_node_of(w, h->part[0].base)->type;
    int pixels = h->cut ? h->groups * h->tokens : h->tokens, all = 1;
    int side = (int)lround(sqrt((double)pixels)), size = (int)lround(sqrt((double)h->tokens));
    int64_t run, row = nn_onnx_source(&h->part[0], 0, &run) / (3 * h->heads * h->depth);

    for (int d = 0; d < 2; d++) {
        h->w.grid[d] = x->rank == 4 ? x->dim[1 + d].n : side;
        h->w.size[d] = h->cut ? size : h->w.grid[d];
        h->w.windows[d] = h->w.grid[d] / h->w.size[d];
        all *= h->w.windows[d];
        if (h->w.windows[d] * h->w.size[d] != h->w.grid[d])
            return false;
    }
    h->w.shift = (int)(row % h->w.grid[1]);
    return h->w.grid[0] * h->w.grid[1] == pixels && h->w.size[0] * h->w.size[1] == h->tokens &&
           (h->cut ? all == h->groups && h->w.shift < size : !h->w.shift);
}

/* ---- what it becomes ------------------------------------------------------------------------- */

static int sliced(struct nn_rewrite *w, int x, int axis, int start, int count)
{
    const struct nn_slice a = { .axis = axis, .start = start, .step = 1, .count = count };

    return x < 0 ? x : nn_onnx_made(w, &nn_op_slice, &a, 1, &x);
}

/* Of an answer for each pixel one for each token of each window. */
static int in_windows(struct nn_rewrite *w, const struct heads *h, int y)
{
    const struct nn_windows *win = &h->w;
    const int dim[4] = { win->windows[0], win->size[0], win->windows[1],
                         win->size[1] * h->heads * h->depth };
    const struct nn_transpose turn = { .perm = { 1, 3, 2, 4 } };

    for (int d = 0; d < 2 && win->shift && !win->rolled; d++) {
        int part[2] = { sliced(w, y, 1 + d, win->shift, win->grid[d] - win->shift),
                        sliced(w, y, 1 + d, 0, win->shift) };

        y = part[0] < 0 || part[1] < 0
                ? -1 : nn_onnx_made(w, &nn_op_concat, &(struct nn_concat){ 1 + d }, 2, part);
    }
    y = nn_onnx_reshaped(w, y, 1, 4, dim);
    return y < 0 ? y : nn_onnx_made(w, &nn_op_transpose, &turn, 1, &y);
}

static int attend(struct nn_rewrite *w, const struct nn_node *old, const struct heads *h,
                  bool by_head, const real *table)
{
    const struct nn_attention a = { .heads = h->heads, .by_head = by_head, .relative = table,
                                    .window = h->cut ? h->w.size[0] : 0, .shift = h->w.shift,
                                    .rolled = h->w.rolled };
    const int wide = 3 * h->heads * h->depth, dim[3] = { h->tokens, h->heads, h->depth };
    int first = old->type.dim[0].n, in[2], y;
    struct nn_param p;

    if (!table && !h->cut) {
        in[0] = h->part[0].linear < 0 ? h->part[0].base : h->part[0].linear;
        in[0] = nn_onnx_reshaped(w, in[0], first, 2, (int[]){ h->tokens, wide });
    } else {
        in[0] = h->part[0].linear < 0 ? h->part[0].base : nn_onnx_linear_of(w, &h->part[0]);
        in[0] = nn_onnx_reshaped(w, in[0], h->cut ? 1 : first, 3,
                                 (int[]){ h->w.grid[0], h->w.grid[1], wide });
    }
    if (table && in[0] >= 0) {
        char name[160];

        snprintf(name, sizeof name, "%.100s.%s", old->name,
                 nn_op_attention.param(&a, &nn_onnx_node_of(w, in[0])->type, 1, &p));
        in[1] = nn_rewrite_add(w, &nn_op_param, name, &p, 0, NULL,
                               nn_value_of(w->mem, (int64_t)p.shape[0] * p.shape[1], table));
    }
    y = nn_rewrite_add(w, &nn_op_attention, old->name, &a, table ? 2 : 1, in, NULL);
    y = h->cut ? in_windows(w, h, y) : y;
    if (h->heads == 1 && old->type.rank == 3)
        return nn_onnx_reshaped(w, y, first, 2, (int[]){ dim[0], dim[2] });
    y = nn_onnx_reshaped(w, y, first, 3, dim);
    return y < 0 ? y : nn_onnx_made(w, &nn_op_transpose,
                                    &(struct nn_transpose){ .perm = { 2, 1, 3 } }, 1, &y);
}

/* Are the three parts of one value, all of it, and the products scaled as they are to be? */
static bool are_parts(const struct nn_rewrite *w, struct heads *h)
{
    const struct nn_type *base = &nn_onnx_node_of(w, h->part[0].base)->type;
    const struct nn_onnx_trace *t = h->part;
    int64_t each = (int64_t)h->groups * h->heads * h->tokens * h->depth;
    int64_t all = nn_onnx_numbers(base);

    if (t->linear >= 0)
        all = nn_onnx_numbers(&nn_onnx_node_of(w, t->linear)->type);
    h->cut = base->dim[0].n != h->groups;
    for (int i = 0; i < 3; i++)
        if (t[i].base != t->base || t[i].linear != t->linear || t[i].n != each)
            return false;
    return all == 3 * each && (!h->cut || base->dim[0].n == 1) &&
           fabs(h->factor * t[0].factor * t[1].factor * sqrt((double)h->depth) - 1) < 1e-4;
}

int nn_onnx_attention(struct nn_rewrite *w, const struct nn_node *old, const int in[2])
{
    struct heads h = { .factor = 1 };
    const struct nn_node *soft = nn_onnx_node_of(w, in[0]), *score;
    int id = soft->op == &nn_op_softmax ? products(w, soft->in[0], &h) : -1, rank;
    const real *table = NULL;
    bool by_head;

    if (id < 0)
        return -1;
    score = nn_onnx_node_of(w, id);
    rank = score->type.rank;
    if (rank != old->type.rank || (rank != 3 && rank != 4))
        return -1;
    h.groups = old->type.dim[0].n;
    h.heads = rank == 4 ? old->type.dim[1].n : 1;
    h.tokens = old->type.dim[rank - 2].n;
    h.depth = old->type.dim[rank - 1].n;
    h.turned[1] = !((const struct nn_matmul *)score->attr)->turned;
    h.turned[2] = ((const struct nn_matmul *)old->attr)->turned;
    for (int i = 0; i < 3; i++)
        h.part[i] = nn_onnx_trace(w->g2, i < 2 ? score->in[i] : in[1], i < 2);
    if (!are_parts(w, &h) || ((h.cut || h.n_summand) && !find_windows(w, &h)) ||
        (h.n_summand && nn_onnx_numbers(&score->type) > PAIRS_MOST))
        return -1;
    by_head = !parts_lie(&h, false);
    if ((by_head && !parts_lie(&h, true)) || (h.n_summand && !(table = table_of(w, &h))) ||
        (h.w.shift && !table))
        return -1;
    return attend(w, old, &h, by_head, table);
}
