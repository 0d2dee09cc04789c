/*
 * plan -- see plan.h
 *
 * Time is counted in steps: forward step t runs the t-th node that has a step (nn/fuse.h), backward
 * steps follow in reverse order, each behind those that make again what it reads and nobody kept.
 */
#include "nn/planner.h"

#include <stdlib.h>
#include <string.h>

const char *const nn_precision_names[] = { "auto", "fp32", "bf16", NULL };

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "plan: no memory");
}

static bool infer_shapes(struct nn_planner *w)
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
static bool *reachable(const struct nn_planner *w)
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
static bool takes_grad(const struct nn_planner *w, int j, int k)
{
    const struct nn_node *node = &w->g->node[j];

    return node->op->backward && !(node->op->no_grad >> k & 1) && w->p->wants_grad[node->in[k]];
}

bool nn_planner_gives_grad(const struct nn_planner *w, int i, int k)
{
    return k < w->g->node[i].n_in ? takes_grad(w, i, k) : w->p->wants_grad[w->p->fused.residual[i]];
}

static void find_grads(struct nn_planner *w)
{
    for (int i = 0; i < w->g->n; i++) {
        const struct nn_node *node = &w->g->node[i];

        if (node->op == &nn_op_param)
            w->p->wants_grad[i] = !((const struct nn_param *)node->attr)->buffer;
        for (int k = 0; k < node->n_in && !w->p->wants_grad[i]; k++)
            w->p->wants_grad[i] = takes_grad(w, i, k);
    }
}

static bool make_steps(struct nn_planner *w)
{
    struct nn_plan *p = w->p;
    const bool *need = reachable(w);
    bool *flows = arena_array(p->mem, (size_t)w->g->n + 1, sizeof *flows);  /* loss depends on it */

    p->step = arena_array(p->mem, 3 * (size_t)w->g->n + 1, sizeof *p->step);
    if (!need || !flows || !p->step)
        return no_memory(w->err);
    if (p->opt.bare || p->opt.single)
        nn_fuse_none(w->g, &p->fused);
    else
        nn_fuse(w->g, p->opt.mode, need, &p->fused);
    for (int i = 0; i < w->g->n; i++) {
        if (need[i] && !nn_planner_leaf(w, i) && p->fused.tail[i] >= 0) {
            w->forward_step[i] = p->n_step;
            p->step[p->n_step++] = (struct nn_step){ NN_STEP_FORWARD, i, -1, -1 };
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
        w->back[w->n_back++] = i;
        for (int k = 0; k < nn_planner_reads(w, i); k++)
            flows[nn_planner_read(w, i, k)] |= nn_planner_gives_grad(w, i, k);
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

    return t->rank == 4 && t->dtype == DTYPE_F32 && !(g->node[i].op->flags & NN_OP_LEAF) &&
           t->dim[3].n <= NN_TILE && t->dim[3].n % 2 == 0;
}

/* What an operator wants alike and is not becomes real; true: something changed. */
static bool make_alike(struct nn_planner *w)
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

static bool choose_dtypes(struct nn_planner *w)
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
        for (int k = 0; w->forward_step[i] >= 0 && k < nn_planner_reads(w, i); k++) {
            int x = nn_planner_read(w, i, k);

            if (!(w->g->node[i].op->flags & NN_OP_HALF))
                p->dtype[x] = w->g->node[x].type.dtype;
        }
    for (int o = 0; o < w->g->n_output; o++)
        p->dtype[w->g->output[o].node] = w->g->node[w->g->output[o].node].type.dtype;
    while (make_alike(w))
        ;
    return true;
}

/* ---- variants -------------------------------------------------------------------------------- */

static bool choose_variants(struct nn_planner *w)
{
    struct nn_plan *p = w->p;

    for (int i = 0; i < w->g->n; i++) {
        struct nn_call c = nn_plan_call(p, i);

        if (!nn_variants_choose(p->opt.variants, w->g->node[i].op, &c, w->err))
            return false;
        memcpy(p->variant[i], c.variant, sizeof c.variant);
    }
    p->opt.variants = NULL;
    return true;
}

/* ---- cost ------------------------------------------------------------------------------------ */

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
    memcpy(c.variant, p->variant[i], sizeof c.variant);
    return c;
}

/* What each step costs, and needs beside values. */
static void measure_steps(struct nn_planner *w)
{
    for (int i = 0; i < w->g->n; i++) {
        const struct nn_op *op = w->g->node[i].op;
        struct nn_space *space = &w->space[i];
        struct nn_call c;

        if (w->forward_step[i] < 0)
            continue;
        c = nn_plan_call(w->p, i);
        w->p->flops += nn_op_flops(op, &c);
        if (op->pack && !w->p->opt.bare)
            space->packed = op->packed(&c);
        if (op->space && !w->p->opt.bare)
            op->space(&c, &space->stash, &space->scratch);
    }
}

static bool find_loss(struct nn_planner *w)
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
static bool new_ints(struct nn_planner *w, size_t n, int **array)
{
    *array = arena_array(w->p->mem, n, sizeof **array);
    for (size_t i = 0; *array && i < n; i++)
        (*array)[i] = -1;
    return *array;
}

static bool new_arrays(struct nn_planner *w, size_t n)
{
    struct nn_plan *p = w->p;
    struct nn_fusion *f = &p->fused;
    int **ints[] = { &f->tail, &f->host, &f->residual, &f->cut, &f->reader, &p->value, &p->late,
                     &p->grad, &p->stash, &w->forward_step, &w->backward_step, &w->again_step,
                     &w->back, &w->last, &w->late_last, &w->late_first, &w->first_grad,
                     &w->stack };

    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        if (!new_ints(w, n, ints[i]))
            return false;
    p->shape = arena_array(p->mem, n, sizeof *p->shape);
    p->dtype = arena_array(p->mem, n, sizeof *p->dtype);
    p->variant = arena_array(p->mem, n, sizeof *p->variant);
    p->packed_at = arena_array(p->mem, n, sizeof *p->packed_at);
    p->fresh = arena_array(p->mem, n, sizeof *p->fresh);
    p->zero = arena_array(p->mem, n, sizeof *p->zero);
    p->wants_grad = arena_array(p->mem, n, sizeof *p->wants_grad);
    w->carried = arena_array(p->mem, n, sizeof *w->carried);
    w->space = arena_array(p->mem, n, sizeof *w->space);
    return p->shape && p->dtype && p->variant && p->packed_at && p->fresh && p->zero &&
           p->wants_grad && w->carried && w->space;
}

struct nn_plan *nn_plan_new(const struct nn_graph *g, const struct nn_plan_options *opt,
                            struct err *err)
{
    struct nn_plan *p = calloc(1, sizeof *p);
    struct nn_planner w = { .p = p, .g = g, .err = err };
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
             choose_variants(&w)) {
        measure_steps(&w);
        nn_chain_find(&w);
        if (nn_planner_choose(&w) && nn_planner_map(&w))
            return p;
    }
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
