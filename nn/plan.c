/*
 * plan -- see plan.h
 *
 * Time is counted in steps: forward step t runs the t-th node that is no leaf, backward steps
 * follow in reverse order.  A buffer lives from its first to its last step; buffers whose lives do
 * not meet share memory.  Large ones are placed first, each at the lowest offset that is free for
 * its whole life (greedy by size; Pisarchyk and Lee, "Efficient memory management for deep neural
 * net inference", arXiv:2001.03288).
 */
#include "nn/plan.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

/* What planning needs and the plan does not. */
struct planner {
    struct nn_plan *p;
    const struct nn_graph *g;
    int *forward_step, *backward_step;  /* of node i, -1 where it has none */
    int *uses;
    int cap_buffer;
    struct err *err;
};

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "plan: no memory");
}

static bool is_leaf(const struct nn_node *node)
{
    return node->op->flags & NN_OP_LEAF;
}

static bool in_params(const struct nn_node *node)
{
    return node->op == &nn_op_param || node->op == &nn_op_const;
}

static bool infer_shapes(struct planner *w)
{
    struct nn_plan *p = w->p;

    for (int i = 0; i < w->g->n; i++) {
        size_t bytes;

        if (!nn_type_shape(&w->g->node[i].type, p->opt.batch, &p->shape[i]) ||
            !shape_bytes(&p->shape[i], w->g->node[i].type.dtype, &bytes))
            return err_set(w->err, ERR_MEMORY, "node \"%s\" is too large at batch %lld",
                           w->g->node[i].name, (long long)p->opt.batch);
    }
    return true;
}

/* Which nodes some output needs: the others are not run. */
static bool *reachable(const struct planner *w)
{
    bool *need = arena_array(w->p->mem, (size_t)w->g->n + 1, sizeof *need);

    if (!need)
        return NULL;
    for (int i = 0; i < w->g->n_output; i++)
        if (w->p->loss < 0 || w->g->output[i].node == w->p->loss)
            need[w->g->output[i].node] = true;
    for (int i = w->g->n - 1; i >= 0; i--)
        for (int k = 0; need[i] && k < w->g->node[i].n_in; k++)
            need[w->g->node[i].in[k]] = true;
    return need;
}

/* A gradient flows into node i from its consumer j's backward as input k. */
static bool takes_grad(const struct planner *w, int j, int k)
{
    const struct nn_node *node = &w->g->node[j];

    return node->op->backward && !(node->op->no_grad >> k & 1) && w->p->wants_grad[node->in[k]];
}

static void find_grads(struct planner *w)
{
    for (int i = 0; i < w->g->n; i++) {
        const struct nn_node *node = &w->g->node[i];

        if (node->op == &nn_op_param)
            w->p->wants_grad[i] = !((const struct nn_param *)node->attr)->buffer;
        for (int k = 0; k < node->n_in && !w->p->wants_grad[i]; k++)
            w->p->wants_grad[i] = takes_grad(w, i, k);
    }
}

static bool make_steps(struct planner *w)
{
    struct nn_plan *p = w->p;
    const bool *need = reachable(w);
    bool *flows = arena_array(p->mem, (size_t)w->g->n + 1, sizeof *flows);  /* loss depends on it */

    p->step = arena_array(p->mem, 2 * (size_t)w->g->n + 1, sizeof *p->step);
    if (!need || !flows || !p->step)
        return no_memory(w->err);
    for (int i = 0; i < w->g->n; i++) {
        w->forward_step[i] = w->backward_step[i] = -1;
        if (need[i] && !is_leaf(&w->g->node[i])) {
            w->forward_step[i] = p->n_step;
            p->step[p->n_step++] = (struct nn_step){ NN_STEP_FORWARD, i };
        }
    }
    p->n_forward = p->n_step;
    if (p->opt.mode != NN_TRAIN)
        return true;
    find_grads(w);
    if (!p->wants_grad[p->loss])
        return err_set(w->err, ERR_INPUT,
                       "plan: nothing to train: the loss depends on no parameter");
    flows[p->loss] = true;
    for (int i = p->loss; i >= 0; i--) {
        if (!flows[i] || !p->wants_grad[i] || is_leaf(&w->g->node[i]))
            continue;
        w->backward_step[i] = p->n_step;
        p->step[p->n_step++] = (struct nn_step){ NN_STEP_BACKWARD, i };
        for (int k = 0; k < w->g->node[i].n_in; k++)
            flows[w->g->node[i].in[k]] |= takes_grad(w, i, k);
    }
    for (int i = 0; i < w->g->n; i++)       /* trained, but the loss does not see it */
        p->wants_grad[i] &= flows[i];
    return true;
}

static int add_buffer(struct planner *w, enum dtype dtype, const struct shape *shape, size_t bytes,
                      int first, int last)
{
    struct nn_plan *p = w->p;

    if (p->n_buffer == w->cap_buffer) {
        int cap = w->cap_buffer ? 2 * w->cap_buffer : 64;
        struct nn_buffer *more = realloc(p->buffer, (size_t)cap * sizeof *more);

        if (!more) {
            no_memory(w->err);
            return -1;
        }
        p->buffer = more;
        w->cap_buffer = cap;
    }
    p->buffer[p->n_buffer] = (struct nn_buffer){
        .dtype = dtype, .bytes = bytes, .first = first, .last = last };
    if (shape)
        p->buffer[p->n_buffer].shape = *shape;
    return p->n_buffer++;
}

/* last[i] = the last step that reads the value of node i, as it was when written. */
static void find_last(const struct planner *w, int *last)
{
    for (int i = 0; i < w->g->n; i++) {
        const struct nn_node *node = &w->g->node[i];
        int fwd = w->forward_step[i], bwd = w->backward_step[i];

        last[i] = bwd >= 0 && node->op->keep & NN_KEEP_Y ? bwd : fwd < 0 ? 0 : fwd;
        for (int k = 0; k < node->n_in; k++) {
            int read = bwd >= 0 && node->op->keep & NN_KEEP_X ? bwd : fwd;

            if (read > last[node->in[k]])
                last[node->in[k]] = read;
        }
    }
    for (int o = 0; o < w->g->n_output; o++)
        last[w->g->output[o].node] = w->p->n_step;
}

/* May y of node i take the place of its input 0?  Only where nobody reads that input afterwards. */
static bool in_place(const struct planner *w, int i, const int *last)
{
    const struct nn_node *node = &w->g->node[i];
    int x;

    if (w->p->opt.apart || !(node->op->flags & NN_OP_INPLACE) || !node->n_in)
        return false;
    x = node->in[0];
    for (int k = 1; k < node->n_in; k++)
        if (node->in[k] == x)
            return false;
    return w->p->value[x] >= 0 && w->g->node[x].op != &nn_op_input &&
           last[x] == w->forward_step[i] &&
           shape_count(&w->p->shape[x]) == shape_count(&w->p->shape[i]);
}

static bool place_values(struct planner *w)
{
    struct nn_plan *p = w->p;
    int *last = arena_array(p->mem, (size_t)w->g->n + 1, sizeof *last);

    if (!last)
        return no_memory(w->err);
    find_last(w, last);
    for (int i = 0; i < w->g->n; i++) {
        const struct nn_node *node = &w->g->node[i];
        size_t bytes = 0;

        p->value[i] = -1;
        if (in_params(node) || (!is_leaf(node) && w->forward_step[i] < 0))
            continue;
        if (in_place(w, i, last)) {
            p->value[i] = p->value[node->in[0]];
            if (p->buffer[p->value[i]].last < last[i])
                p->buffer[p->value[i]].last = last[i];
            continue;
        }
        shape_bytes(&p->shape[i], node->type.dtype, &bytes);
        p->value[i] = add_buffer(w, node->type.dtype, &p->shape[i], bytes, w->forward_step[i],
                                 last[i]);
        if (p->value[i] < 0)
            return false;
    }
    return true;
}

static int by_first(const void *a, const void *b)
{
    const struct nn_zero *x = a, *y = b;

    return x->step != y->step ? (x->step > y->step) - (x->step < y->step) : x->buffer - y->buffer;
}

/* The inputs whose gradients node i's backward step is the first to touch, once, and can write:
 * the bits of nn_call.fresh. */
static unsigned written_by(const struct planner *w, int i, const int *first)
{
    const struct nn_node *node = &w->g->node[i];
    unsigned fresh = 0;

    for (int k = 0; w->backward_step[i] >= 0 && k < node->n_in; k++) {
        int x = node->in[k], times = 0;

        for (int m = 0; m < node->n_in; m++)
            times += node->in[m] == x;
        if (times == 1 && takes_grad(w, i, k) && w->backward_step[x] >= 0 &&
            first[x] == w->backward_step[i] && node->op->fresh >> k & 1)
            fresh |= 1u << k;
    }
    return fresh;
}

/* Some step writes the gradient of node i before others add. */
static bool is_written(const struct planner *w, int i, const int *first)
{
    int j = w->p->step[first[i]].node;

    for (int k = 0; k < w->g->node[j].n_in; k++)
        if (w->g->node[j].in[k] == i && w->p->fresh[j] >> k & 1)
            return true;
    return false;
}

/* A node's gradient lives from the backward of its last consumer,
 * the first that adds to it, to its own. */
static bool place_grads(struct planner *w)
{
    struct nn_plan *p = w->p;
    int *first = arena_array(p->mem, (size_t)w->g->n + 1, sizeof *first);

    p->zero = arena_array(p->mem, (size_t)w->g->n + 1, sizeof *p->zero);
    if (!first || !p->zero)
        return no_memory(w->err);
    for (int i = 0; i < w->g->n; i++) {
        first[i] = w->backward_step[i];
        for (int k = 0; w->backward_step[i] >= 0 && k < w->g->node[i].n_in; k++) {
            int x = w->g->node[i].in[k];

            if (takes_grad(w, i, k) && w->backward_step[i] < first[x])
                first[x] = w->backward_step[i];
        }
    }
    for (int i = 0; i < w->g->n; i++)
        p->fresh[i] = written_by(w, i, first);
    for (int i = 0; i < w->g->n; i++) {
        size_t bytes = 0;

        p->grad[i] = -1;
        if (w->backward_step[i] < 0)
            continue;
        shape_bytes(&p->shape[i], DTYPE_F32, &bytes);
        p->grad[i] = add_buffer(w, DTYPE_F32, &p->shape[i], bytes, first[i], w->backward_step[i]);
        if (p->grad[i] < 0)
            return false;
        if (i != p->loss && !is_written(w, i, first))
            p->zero[p->n_zero++] = (struct nn_zero){ first[i], p->grad[i] };
    }
    qsort(p->zero, (size_t)p->n_zero, sizeof *p->zero, by_first);
    return true;
}

struct nn_call nn_plan_call(const struct nn_plan *p, int i)
{
    const struct nn_node *node = &p->graph->node[i];
    struct nn_call c = {
        .attr = node->attr, .mode = p->opt.mode, .n_in = node->n_in,
        .k = p->opt.kernels, .threads = p->opt.threads };

    for (int k = 0; k < node->n_in; k++) {
        c.x[k].dtype = p->graph->node[node->in[k]].type.dtype;
        c.x[k].shape = p->shape[node->in[k]];
    }
    c.y.dtype = node->type.dtype;
    c.y.shape = p->shape[i];
    return c;
}

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static bool place_packed(struct planner *w, int i, size_t bytes)
{
    struct nn_plan *p = w->p;
    int step = w->forward_step[i];

    if (p->opt.mode == NN_TRAIN)
        return (p->packed[i] = add_buffer(w, DTYPE_U8, NULL, bytes, step, step)) >= 0;
    p->packed_at[i] = p->packed_bytes;
    p->packed_bytes += aligned(bytes);
    return true;
}

static bool place_space(struct planner *w)
{
    struct nn_plan *p = w->p;

    for (int i = 0; i < w->g->n; i++) {
        const struct nn_op *op = w->g->node[i].op;
        size_t stash = 0, scratch = 0;
        struct nn_call c;
        int fwd = w->forward_step[i], bwd = w->backward_step[i];

        p->stash[i] = p->scratch_fwd[i] = p->scratch_bwd[i] = p->packed[i] = -1;
        if (fwd < 0)
            continue;
        c = nn_plan_call(p, i);
        p->flops += nn_op_flops(op, &c);
        if (p->opt.bare)
            continue;
        if (op->pack && !place_packed(w, i, op->packed(&c)))
            return false;
        if (!op->space)
            continue;
        op->space(&c, &stash, &scratch);
        if (stash && p->opt.mode == NN_TRAIN &&
            (p->stash[i] = add_buffer(w, DTYPE_U8, NULL, stash, fwd, bwd < 0 ? fwd : bwd)) < 0)
            return false;
        if (scratch && (p->scratch_fwd[i] = add_buffer(w, DTYPE_U8, NULL, scratch, fwd, fwd)) < 0)
            return false;
        if (scratch && bwd >= 0 &&
            (p->scratch_bwd[i] = add_buffer(w, DTYPE_U8, NULL, scratch, bwd, bwd)) < 0)
            return false;
    }
    return true;
}

static int by_size(const void *a, const void *b)
{
    const struct nn_buffer *x = *(struct nn_buffer *const *)a, *y = *(struct nn_buffer *const *)b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x < y ? -1 : x > y;
}

/* Lowest offset at which b meets none of the placed buffers that live when it does. */
static size_t lowest_gap(struct nn_buffer *const *placed, int n, const struct nn_buffer *b,
                         bool apart)
{
    size_t offset = 0;

    for (int i = 0; i < n; i++) {       /* placed[] is sorted by offset */
        const struct nn_buffer *q = placed[i];
        size_t q_end = q->offset + q->bytes;

        if (!apart && (q->last < b->first || b->last < q->first))
            continue;
        if (offset + b->bytes <= q->offset)
            break;
        if (q_end > offset)
            offset = q_end;
    }
    return offset;
}

static bool map_memory(struct planner *w)
{
    struct nn_plan *p = w->p;
    struct nn_buffer **order = arena_array(p->mem, (size_t)p->n_buffer + 1, sizeof *order);
    struct nn_buffer **placed = arena_array(p->mem, (size_t)p->n_buffer + 1, sizeof *placed);

    if (!order || !placed)
        return no_memory(w->err);
    for (int i = 0; i < p->n_buffer; i++) {
        order[i] = &p->buffer[i];
        p->buffer[i].bytes = aligned(p->buffer[i].bytes);
    }
    qsort(order, (size_t)p->n_buffer, sizeof *order, by_size);
    for (int i = 0; i < p->n_buffer; i++) {
        struct nn_buffer *b = order[i];
        int at = i;

        b->offset = lowest_gap(placed, i, b, p->opt.apart);
        while (at > 0 && placed[at - 1]->offset > b->offset)
            at--;
        memmove(placed + at + 1, placed + at, (size_t)(i - at) * sizeof *placed);
        placed[at] = b;
        if (b->offset + b->bytes > p->bytes)
            p->bytes = b->offset + b->bytes;
    }
    return true;
}

static bool find_loss(struct planner *w)
{
    struct nn_plan *p = w->p;

    p->loss = -1;
    if (p->opt.mode != NN_TRAIN)
        return true;
    p->loss = nn_graph_find_output(w->g, "loss");
    if (p->loss < 0 || w->g->node[p->loss].type.rank)
        return err_set(w->err, ERR_INPUT, "plan: training needs a scalar output called \"loss\"");
    return true;
}

struct nn_plan *nn_plan_new(const struct nn_graph *g, const struct nn_plan_options *opt,
                            struct err *err)
{
    struct nn_plan *p = calloc(1, sizeof *p);
    struct planner w = { .p = p, .g = g, .err = err };
    size_t n = (size_t)g->n + 1;

    if (!p || !(p->mem = arena_new())) {
        free(p);
        no_memory(err);
        return NULL;
    }
    p->graph = g;
    p->opt = *opt;
    if (p->opt.threads < 1)
        p->opt.threads = 1;
    p->shape = arena_array(p->mem, n, sizeof *p->shape);
    p->value = arena_array(p->mem, n, sizeof *p->value);
    p->grad = arena_array(p->mem, n, sizeof *p->grad);
    p->stash = arena_array(p->mem, n, sizeof *p->stash);
    p->scratch_fwd = arena_array(p->mem, n, sizeof *p->scratch_fwd);
    p->scratch_bwd = arena_array(p->mem, n, sizeof *p->scratch_bwd);
    p->packed = arena_array(p->mem, n, sizeof *p->packed);
    p->packed_at = arena_array(p->mem, n, sizeof *p->packed_at);
    p->fresh = arena_array(p->mem, n, sizeof *p->fresh);
    p->wants_grad = arena_array(p->mem, n, sizeof *p->wants_grad);
    w.forward_step = arena_array(p->mem, n, sizeof *w.forward_step);
    w.backward_step = arena_array(p->mem, n, sizeof *w.backward_step);
    if (!p->shape || !p->value || !p->grad || !p->stash || !p->scratch_fwd || !p->scratch_bwd ||
        !p->packed || !p->packed_at || !p->fresh || !p->wants_grad || !w.forward_step ||
        !w.backward_step)
        no_memory(err);
    else if (opt->batch < 1)
        err_set(err, ERR_INPUT, "plan: a batch has at least one picture");
    else if (infer_shapes(&w) && find_loss(&w) && make_steps(&w) && place_values(&w) &&
             place_grads(&w) && place_space(&w) && map_memory(&w))
        return p;
    nn_plan_free(p);
    return NULL;
}

void nn_plan_free(struct nn_plan *p)
{
    if (!p)
        return;
    free(p->buffer);
    arena_free(p->mem);
    free(p);
}
