/*
 * plan -- see plan.h
 *
 * Time is counted in steps: forward step t runs the t-th node that has a step (nn/fuse.h), backward
 * steps follow in reverse order.  A buffer lives from its first to its last step; buffers whose
 * lives do not meet share memory.  Large ones are placed first, each at the lowest offset that is
 * free for its whole life (greedy by size; Pisarchyk and Lee, "Efficient memory management for deep
 * neural net inference", arXiv:2001.03288).
 */
#include "nn/plan.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

const char *const nn_precision_names[] = { "auto", "fp32", "bf16", NULL };

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

/* What the step of node i reads: its inputs, then the residual. */
static int n_reads(const struct planner *w, int i)
{
    return w->g->node[i].n_in + (w->p->fused.residual[i] >= 0);
}

static int read_by(const struct planner *w, int i, int k)
{
    return k < w->g->node[i].n_in ? w->g->node[i].in[k] : w->p->fused.residual[i];
}

/* Its backward step adds to the gradient of what it reads k-th. */
static bool gives_grad(const struct planner *w, int i, int k)
{
    return k < w->g->node[i].n_in ? takes_grad(w, i, k) : w->p->wants_grad[read_by(w, i, k)];
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
    if (p->opt.bare || p->opt.single)
        nn_fuse_none(w->g, &p->fused);
    else
        nn_fuse(w->g, p->opt.mode, need, &p->fused);
    for (int i = 0; i < w->g->n; i++) {
        w->forward_step[i] = w->backward_step[i] = -1;
        if (need[i] && !is_leaf(&w->g->node[i]) && p->fused.tail[i] >= 0) {
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
        int tail = p->fused.tail[i];

        if (w->forward_step[i] < 0 || !flows[tail] || !p->wants_grad[tail])
            continue;
        w->backward_step[i] = p->n_step;
        p->step[p->n_step++] = (struct nn_step){ NN_STEP_BACKWARD, i };
        for (int k = 0; k < n_reads(w, i); k++)
            flows[read_by(w, i, k)] |= gives_grad(w, i, k);
    }
    for (int i = 0; i < w->g->n; i++)       /* trained, but the loss does not see it */
        p->wants_grad[i] &= flows[i];
    return true;
}

/* ---- precision ------------------------------------------------------------------------------- */

/* Pictures between operators that know bf16 may be kept so; what the caller sees may not. */
static bool may_be_half(const struct nn_graph *g, int i)
{
    const struct nn_type *t = &g->node[i].type;

    return t->rank == 4 && t->dtype == DTYPE_F32 && !is_leaf(&g->node[i]) &&
           t->dim[3].n <= NN_TILE && t->dim[3].n % 2 == 0;
}

/* What an operator wants alike and is not becomes real; true: something changed. */
static bool make_alike(struct planner *w)
{
    struct nn_plan *p = w->p;
    bool changed = false;

    for (int i = 0; i < w->g->n; i++) {
        int tail = p->fused.tail[i], x;

        if (w->forward_step[i] < 0 || !(w->g->node[i].op->flags & NN_OP_ALIKE))
            continue;
        x = w->g->node[i].in[0];
        if (p->dtype[x] == p->dtype[tail])
            continue;
        p->dtype[x] = w->g->node[x].type.dtype;
        p->dtype[tail] = w->g->node[tail].type.dtype;
        changed = true;
    }
    return changed;
}

enum nn_precision nn_precision_auto(enum nn_mode mode, const struct nn_kernels *k)
{
    return mode == NN_TRAIN && k->multiplies_bf16 ? NN_PRECISION_BF16 : NN_PRECISION_FP32;
}

static bool choose_dtypes(struct planner *w)
{
    struct nn_plan *p = w->p;
    bool half;

    if (p->opt.precision == NN_PRECISION_AUTO)
        p->opt.precision = nn_precision_auto(p->opt.mode, p->opt.kernels);
    half = p->opt.precision == NN_PRECISION_BF16 && !p->opt.bare;
    for (int i = 0; i < w->g->n; i++) {
        int host = p->fused.host[i];

        p->dtype[i] = w->g->node[i].type.dtype;
        if (half && host >= 0 && w->forward_step[host] >= 0 && may_be_half(w->g, i) &&
            w->g->node[host].op->flags & NN_OP_HALF)
            p->dtype[i] = DTYPE_BF16;
    }
    for (int i = 0; i < w->g->n; i++)
        for (int k = 0; w->forward_step[i] >= 0 && k < n_reads(w, i); k++)
            if (!(w->g->node[i].op->flags & NN_OP_HALF))
                p->dtype[read_by(w, i, k)] = w->g->node[read_by(w, i, k)].type.dtype;
    for (int o = 0; o < w->g->n_output; o++)
        p->dtype[w->g->output[o].node] = w->g->node[w->g->output[o].node].type.dtype;
    while (make_alike(w))
        ;
    return true;
}

/* ---- memory ---------------------------------------------------------------------------------- */

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
        bool keeps_y = node->op->keep & NN_KEEP_Y || w->p->fused.cut[i] >= 0;

        if (fwd < 0)
            continue;
        last[w->p->fused.tail[i]] = bwd >= 0 && keeps_y ? bwd : fwd;
        for (int k = 0; k < n_reads(w, i); k++) {
            bool keeps_x = k < node->n_in && node->op->keep & NN_KEEP_X;
            int read = bwd >= 0 && keeps_x ? bwd : fwd, x = read_by(w, i, k);

            if (read > last[x])
                last[x] = read;
        }
    }
    for (int o = 0; o < w->g->n_output; o++)
        last[w->g->output[o].node] = w->p->n_step;
}

/* May what step i writes take the place of its input 0?  Only where nobody reads that later. */
static bool in_place(const struct planner *w, int i, const int *last)
{
    const struct nn_node *node = &w->g->node[i];
    int x, tail = w->p->fused.tail[i];

    if (w->p->opt.apart || !(node->op->flags & NN_OP_INPLACE) || !node->n_in)
        return false;
    x = node->in[0];
    for (int k = 1; k < n_reads(w, i); k++)
        if (read_by(w, i, k) == x)
            return false;
    return w->p->value[x] >= 0 && w->g->node[x].op != &nn_op_input &&
           last[x] == w->forward_step[i] && w->p->dtype[x] == w->p->dtype[tail] &&
           shape_count(&w->p->shape[x]) == shape_count(&w->p->shape[tail]);
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
        int tail = p->fused.tail[i];
        size_t bytes = 0;

        if (in_params(node) || tail < 0 || (!is_leaf(node) && w->forward_step[i] < 0))
            continue;
        if (in_place(w, i, last)) {
            p->value[tail] = p->value[node->in[0]];
            if (p->buffer[p->value[tail]].last < last[tail])
                p->buffer[p->value[tail]].last = last[tail];
            continue;
        }
        shape_bytes(&p->shape[tail], p->dtype[tail], &bytes);
        p->value[tail] = add_buffer(w, p->dtype[tail], &p->shape[tail], bytes, w->forward_step[i],
                                    last[tail]);
        if (p->value[tail] < 0)
            return false;
    }
    return true;
}

static int by_first(const void *a, const void *b)
{
    const struct nn_zero *x = a, *y = b;

    return x->step != y->step ? (x->step > y->step) - (x->step < y->step) : x->buffer - y->buffer;
}

/* What step i reads k-th has a gradient that its backward is the first to touch, once, and can
 * write. */
static bool writes_first(const struct planner *w, int i, int k, const int *first)
{
    int x = read_by(w, i, k), times = 0;
    bool heeds = k >= w->g->node[i].n_in || w->g->node[i].op->fresh >> k & 1;

    for (int m = 0; m < n_reads(w, i); m++)
        times += read_by(w, i, m) == x;
    return heeds && times == 1 && gives_grad(w, i, k) && w->p->fused.host[x] >= 0 &&
           w->backward_step[w->p->fused.host[x]] >= 0 && first[x] == w->backward_step[i];
}

static unsigned written_by(const struct planner *w, int i, const int *first)
{
    unsigned fresh = 0;

    for (int k = 0; w->backward_step[i] >= 0 && k < n_reads(w, i); k++)
        if (writes_first(w, i, k, first))
            fresh |= 1u << (k < w->g->node[i].n_in ? k : NN_FRESH_RESIDUAL);
    return fresh;
}

/* Some step writes the gradient of node x before others add. */
static bool is_written(const struct planner *w, int x, const int *first)
{
    int i = w->p->step[first[x]].node;

    for (int k = 0; k < n_reads(w, i); k++)
        if (read_by(w, i, k) == x && writes_first(w, i, k, first))
            return true;
    return false;
}

/* The gradient of what a step writes lives from the backward of its last consumer, the first that
 * adds to it, to that of the step. */
static bool place_grads(struct planner *w)
{
    struct nn_plan *p = w->p;
    int *first = arena_array(p->mem, (size_t)w->g->n + 1, sizeof *first);

    p->zero = arena_array(p->mem, (size_t)w->g->n + 1, sizeof *p->zero);
    if (!first || !p->zero)
        return no_memory(w->err);
    for (int i = 0; i < w->g->n; i++)
        if (w->backward_step[i] >= 0)
            first[p->fused.tail[i]] = w->backward_step[i];
    for (int i = 0; i < w->g->n; i++)
        for (int k = 0; w->backward_step[i] >= 0 && k < n_reads(w, i); k++) {
            int x = read_by(w, i, k);

            if (gives_grad(w, i, k) && w->backward_step[i] < first[x])
                first[x] = w->backward_step[i];
        }
    for (int i = 0; i < w->g->n; i++)
        p->fresh[i] = written_by(w, i, first);
    for (int i = 0; i < w->g->n; i++) {
        int tail = p->fused.tail[i];
        size_t bytes = 0;

        if (w->backward_step[i] < 0)
            continue;
        shape_bytes(&p->shape[tail], p->dtype[tail], &bytes);
        p->grad[tail] = add_buffer(w, p->dtype[tail], &p->shape[tail], bytes, first[tail],
                                   w->backward_step[i]);
        if (p->grad[tail] < 0)
            return false;
        if (tail != p->loss && !is_written(w, tail, first))
            p->zero[p->n_zero++] = (struct nn_zero){ first[tail], p->grad[tail] };
    }
    qsort(p->zero, (size_t)p->n_zero, sizeof *p->zero, by_first);
    return true;
}

struct nn_call nn_plan_call(const struct nn_plan *p, int i)
{
    const struct nn_node *node = &p->graph->node[i];
    int tail = p->fused.tail[i] < 0 ? i : p->fused.tail[i];
    struct nn_call c = {
        .attr = node->attr, .mode = p->opt.mode, .n_in = node->n_in,
        .k = p->opt.kernels, .threads = p->opt.threads };

    for (int k = 0; k < node->n_in; k++) {
        c.x[k].dtype = p->dtype[node->in[k]];
        c.x[k].shape = p->shape[node->in[k]];
    }
    c.y.dtype = p->dtype[tail];
    c.y.shape = p->shape[tail];
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

/* An array of n numbers, -1 each. */
static bool new_ints(struct planner *w, size_t n, int **array)
{
    *array = arena_array(w->p->mem, n, sizeof **array);
    for (size_t i = 0; *array && i < n; i++)
        (*array)[i] = -1;
    return *array;
}

static bool new_arrays(struct planner *w, size_t n)
{
    struct nn_plan *p = w->p;
    struct nn_fusion *f = &p->fused;
    int **ints[] = { &f->tail, &f->host, &f->residual, &f->cut, &f->reader, &p->value, &p->grad,
                     &p->stash, &p->scratch_fwd, &p->scratch_bwd, &p->packed, &w->forward_step,
                     &w->backward_step };

    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        if (!new_ints(w, n, ints[i]))
            return false;
    p->shape = arena_array(p->mem, n, sizeof *p->shape);
    p->dtype = arena_array(p->mem, n, sizeof *p->dtype);
    p->packed_at = arena_array(p->mem, n, sizeof *p->packed_at);
    p->fresh = arena_array(p->mem, n, sizeof *p->fresh);
    p->wants_grad = arena_array(p->mem, n, sizeof *p->wants_grad);
    return p->shape && p->dtype && p->packed_at && p->fresh && p->wants_grad;
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
    if (!new_arrays(&w, n))
        no_memory(err);
    else if (opt->batch < 1)
        err_set(err, ERR_INPUT, "plan: a batch has at least one picture");
    else if (infer_shapes(&w) && find_loss(&w) && make_steps(&w) && choose_dtypes(&w) &&
             place_values(&w) && place_grads(&w) && place_space(&w) && map_memory(&w))
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
