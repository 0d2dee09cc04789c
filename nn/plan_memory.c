/*
 * plan, memory -- the steps behind forward, and a buffer for everything
 *
 * A buffer lives from its first to its last step; buffers whose lives do not meet share memory.
 * Large ones are placed first, each at the lowest offset that is free for its whole life (greedy by
 * size; Pisarchyk and Lee, "Efficient memory management for deep neural net inference",
 * arXiv:2001.03288).
 */
#include "nn/planner.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "plan: no memory");
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* A step behind forward reads the value of node i, and nobody has it or makes it yet. */
static bool is_missing(const struct nn_planner *w, int i)
{
    return !w->carried[i] && w->again_step[w->p->fused.host[i]] < 0;
}

static int by_number(const void *a, const void *b)
{
    const int *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Steps that make the value of node i again, from what is there: hosts are in the order in which
 * they ran. */
static void add_again(struct nn_planner *w, int i)
{
    struct nn_plan *p = w->p;
    int n = 0;

    if (!is_missing(w, i))
        return;
    w->again_step[w->stack[n++] = p->fused.host[i]] = 0;        /* to be numbered */
    for (int at = 0; at < n; at++)
        for (int k = 0; k < nn_planner_reads(w, w->stack[at]); k++) {
            int x = nn_planner_read(w, w->stack[at], k);

            if (is_missing(w, x))
                w->again_step[w->stack[n++] = p->fused.host[x]] = 0;
        }
    qsort(w->stack, (size_t)n, sizeof *w->stack, by_number);
    for (int k = 0; k < n; k++) {
        w->again_step[w->stack[k]] = p->n_step;
        p->step[p->n_step++] = (struct nn_step){ NN_STEP_AGAIN, w->stack[k], -1, -1 };
    }
}

static void add_steps(struct nn_planner *w)
{
    struct nn_plan *p = w->p;

    p->n_step = p->n_forward;
    for (int i = 0; i < w->g->n; i++)
        w->again_step[i] = -1;
    for (int b = 0; b < w->n_back; b++) {
        int i = w->back[b];

        for (int k = 0; k < w->g->node[i].n_in; k++)
            if (nn_planner_keeps_x(w, i, k))
                add_again(w, w->g->node[i].in[k]);
        if (nn_planner_keeps_y(w, i))
            add_again(w, p->fused.tail[i]);
        w->backward_step[i] = p->n_step;
        p->step[p->n_step++] = (struct nn_step){ NN_STEP_BACKWARD, i, -1, -1 };
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

static int add_buffer(struct nn_planner *w, enum dtype dtype, const struct shape *shape,
                      size_t bytes, int first, int last)
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
        .dtype = dtype, .bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN, .first = first,
        .last = last };
    if (shape)
        p->buffer[p->n_buffer].shape = *shape;
    return p->n_buffer++;
}

/* For the value of node i, or its gradient. */
static int add_tensor(struct nn_planner *w, int i, int first, int last)
{
    size_t bytes = 0;

    shape_bytes(&w->p->shape[i], w->p->dtype[i], &bytes);
    return add_buffer(w, w->p->dtype[i], &w->p->shape[i], bytes, first, last);
}

static void read_late(struct nn_planner *w, int i, int step)
{
    if (w->late_first[i] < 0)
        w->late_first[i] = step;
    w->late_last[i] = step;
}

/* Steps of a chain run at one time: when its first begins, and its last ends. */
static int begin_of(const struct nn_planner *w, int t)
{
    return nn_chain_begin(w->p->chain, w->p->n_chain, t);
}

static int end_of(const struct nn_planner *w, int t)
{
    return nn_chain_end(w->p->chain, w->p->n_chain, t);
}

/* Who reads each value when. */
static void find_last(struct nn_planner *w)
{
    struct nn_plan *p = w->p;

    for (int i = 0; i < w->g->n; i++)
        w->last[i] = w->late_first[i] = w->late_last[i] = -1;
    for (int t = 0; t < p->n_step; t++) {
        int i = p->step[t].node;
        bool backward = p->step[t].kind == NN_STEP_BACKWARD;

        for (int k = 0; k < nn_planner_reads(w, i); k++) {
            int x = nn_planner_read(w, i, k);

            if (t < p->n_forward)
                w->last[x] = end_of(w, t);
            else if (!backward || nn_planner_keeps_x(w, i, k))
                read_late(w, x, t);
        }
        if (t < p->n_forward)
            w->last[p->fused.tail[i]] = t;
        else if (backward && nn_planner_keeps_y(w, i))
            read_late(w, p->fused.tail[i], t);
    }
    for (int o = 0; o < w->g->n_output; o++)
        w->last[w->g->output[o].node] = p->n_step;
}

/* The last step that reads the value of node i as forward wrote it. */
static int last_of(const struct nn_planner *w, int i)
{
    return w->carried[i] && w->late_last[i] > w->last[i] ? w->late_last[i] : w->last[i];
}

/* May what step i writes take the place of its input 0?  Only where nobody reads that later. */
static bool in_place(const struct nn_planner *w, int i)
{
    const struct nn_node *node = &w->g->node[i];
    int x, tail = w->p->fused.tail[i];

    if (w->p->opt.apart || !(node->op->flags & NN_OP_INPLACE) || !node->n_in)
        return false;
    x = node->in[0];
    for (int k = 1; k < nn_planner_reads(w, i); k++)
        if (nn_planner_read(w, i, k) == x)
            return false;
    return w->p->value[x] >= 0 && w->g->node[x].op != &nn_op_input &&
           last_of(w, x) == w->forward_step[i] && w->p->dtype[x] == w->p->dtype[tail] &&
           shape_count(&w->p->shape[x]) == shape_count(&w->p->shape[tail]);
}

/* The buffer that forward writes the value of node i's step to. */
static int place_value(struct nn_planner *w, int i)
{
    struct nn_plan *p = w->p;
    int tail = p->fused.tail[i], last = last_of(w, tail), x;

    if (!in_place(w, i))
        return add_tensor(w, tail, begin_of(w, w->forward_step[i]), last);
    x = p->value[w->g->node[i].in[0]];
    if (p->buffer[x].last < last)
        p->buffer[x].last = last;
    return x;
}

static bool place_values(struct nn_planner *w)
{
    struct nn_plan *p = w->p;

    for (int i = 0; i < w->g->n; i++) {
        int tail = p->fused.tail[i];
        bool leaf = nn_planner_leaf(w, i);

        if (tail < 0 || (leaf ? w->g->node[i].op != &nn_op_input : w->forward_step[i] < 0))
            continue;
        if (!leaf && end_of(w, w->forward_step[i]) > w->forward_step[i])
            continue;           /* windows */
        p->value[tail] = p->late[tail] = place_value(w, i);
        if (p->value[tail] >= 0 && w->again_step[i] >= 0)
            p->late[tail] = add_tensor(w, tail, w->again_step[i], w->late_last[tail]);
        if (p->value[tail] < 0 || p->late[tail] < 0)
            return false;
    }
    return true;
}

/* ---- gradients ------------------------------------------------------------------------------- */

static int by_first(const void *a, const void *b)
{
    const struct nn_zero *x = a, *y = b;

    return x->step != y->step ? (x->step > y->step) - (x->step < y->step) : x->buffer - y->buffer;
}

/* What step i reads k-th has a gradient that its backward is the first to touch, once, and can
 * write. */
static bool writes_first(const struct nn_planner *w, int i, int k)
{
    int x = nn_planner_read(w, i, k), times = 0;
    bool heeds = k >= w->g->node[i].n_in || w->g->node[i].op->fresh >> k & 1;

    for (int m = 0; m < nn_planner_reads(w, i); m++)
        times += nn_planner_read(w, i, m) == x;
    return heeds && times == 1 && nn_planner_gives_grad(w, i, k) && w->p->fused.host[x] >= 0 &&
           w->backward_step[w->p->fused.host[x]] >= 0 && w->first_grad[x] == w->backward_step[i];
}

static unsigned written_by(const struct nn_planner *w, int i)
{
    unsigned fresh = 0;

    for (int k = 0; w->backward_step[i] >= 0 && k < nn_planner_reads(w, i); k++)
        if (writes_first(w, i, k))
            fresh |= 1u << (k < w->g->node[i].n_in ? k : NN_FRESH_RESIDUAL);
    return fresh;
}

/* Some step writes the gradient of node x before others add. */
static bool is_written(const struct nn_planner *w, int x)
{
    int i = w->p->step[w->first_grad[x]].node;

    for (int k = 0; k < nn_planner_reads(w, i); k++)
        if (nn_planner_read(w, i, k) == x && writes_first(w, i, k))
            return true;
    return false;
}

/* The gradient of what a step writes lives from the backward of its last consumer, the first that
 * adds to it, to that of the step. */
static bool place_grads(struct nn_planner *w)
{
    struct nn_plan *p = w->p;

    p->n_zero = 0;
    for (int i = 0; i < w->g->n; i++)
        if (w->backward_step[i] >= 0)
            w->first_grad[p->fused.tail[i]] = w->backward_step[i];
    for (int i = 0; i < w->g->n; i++)
        for (int k = 0; w->backward_step[i] >= 0 && k < nn_planner_reads(w, i); k++) {
            int x = nn_planner_read(w, i, k);

            if (nn_planner_gives_grad(w, i, k) && w->backward_step[i] < w->first_grad[x])
                w->first_grad[x] = w->backward_step[i];
        }
    for (int i = 0; i < w->g->n; i++)
        p->fresh[i] = written_by(w, i);
    for (int i = 0; i < w->g->n; i++) {
        int tail = p->fused.tail[i];

        if (w->backward_step[i] < 0)
            continue;
        p->grad[tail] = add_tensor(w, tail, w->first_grad[tail], w->backward_step[i]);
        if (p->grad[tail] < 0)
            return false;
        if (tail != p->loss && !is_written(w, tail))
            p->zero[p->n_zero++] = (struct nn_zero){ w->first_grad[tail], p->grad[tail] };
    }
    qsort(p->zero, (size_t)p->n_zero, sizeof *p->zero, by_first);
    return true;
}

/* ---- what steps have beside ------------------------------------------------------------------ */

/* A buffer for one step; without bytes -1. */
static bool place_for_step(struct nn_planner *w, size_t bytes, int t, int *buffer)
{
    *buffer = bytes ? add_buffer(w, DTYPE_U8, NULL, bytes, begin_of(w, t), end_of(w, t)) : -1;
    return !bytes || *buffer >= 0;
}

/* Windows keep their place from chain to chain. */
static bool place_windows(struct nn_planner *w)
{
    struct nn_plan *p = w->p;

    p->windows = p->room ? add_buffer(w, DTYPE_U8, NULL, p->room * (size_t)p->opt.threads, 0,
                                      p->n_forward) : -1;
    return !p->room || p->windows >= 0;
}

static bool place_space(struct nn_planner *w)
{
    struct nn_plan *p = w->p;
    bool train = p->opt.mode == NN_TRAIN;

    for (int t = 0; t < p->n_step; t++) {
        struct nn_step *step = &p->step[t];
        const struct nn_space *space = &w->space[step->node];
        bool packs = train && step->kind != NN_STEP_BACKWARD;

        if (!place_for_step(w, space->scratch, t, &step->scratch) ||
            !place_for_step(w, packs ? space->packed : 0, t, &step->packed))
            return false;
    }
    for (int i = 0; train && i < w->g->n; i++) {
        int last = w->forward_step[i];

        if (!w->space[i].stash)
            continue;
        last = w->again_step[i] > last ? w->again_step[i] : last;
        last = w->backward_step[i] > last ? w->backward_step[i] : last;
        p->stash[i] = add_buffer(w, DTYPE_U8, NULL, w->space[i].stash, w->forward_step[i], last);
        if (p->stash[i] < 0)
            return false;
    }
    return true;
}

/* INFER: weights lie packed as long as the exec does. */
static void place_packed(struct nn_planner *w)
{
    w->p->packed_bytes = 0;
    for (int i = 0; w->p->opt.mode == NN_INFER && i < w->g->n; i++) {
        w->p->packed_at[i] = w->p->packed_bytes;
        w->p->packed_bytes += (w->space[i].packed + ALIGN - 1) / ALIGN * ALIGN;
    }
}

bool nn_planner_lay_out(struct nn_planner *w)
{
    w->p->n_buffer = 0;
    add_steps(w);
    find_last(w);
    place_packed(w);
    return place_values(w) && place_grads(w) && place_windows(w) && place_space(w);
}

/* ---- the map --------------------------------------------------------------------------------- */

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

bool nn_planner_map(struct nn_planner *w)
{
    struct nn_plan *p = w->p;
    struct nn_buffer **order = calloc(2 * (size_t)p->n_buffer + 1, sizeof *order);
    struct nn_buffer **placed = order ? order + p->n_buffer : NULL;

    if (!order)
        return no_memory(w->err);
    p->bytes = 0;
    for (int i = 0; i < p->n_buffer; i++)
        order[i] = &p->buffer[i];
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
    free(order);
    return true;
}
