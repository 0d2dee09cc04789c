/*
 * exec -- see exec.h
 */
#include "nn/exec.h"
#include "nn/base/block.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct nn_exec {
    const struct nn_plan *plan;
    struct nn_params *params;
    struct pool *pool;
    unsigned char *block;       /* plan->bytes */
    unsigned char *own;         /* packed weights, where nobody lends them */
    const unsigned char *packed;        /* plan->packed_bytes; NULL when 0 */
    bool is_packed;
    struct nn_call *call;       /* of each step, but for what random operators draw from */
    uint64_t seed, step;
};

static struct nn_call call_of(const struct nn_exec *e, int step);

/* w NULL: weights are packed by the first forward. */
static struct nn_exec *new_exec(const struct nn_plan *plan, struct nn_params *params,
                                const struct nn_weights *w, struct pool *pool, struct err *err)
{
    struct nn_exec *e = calloc(1, sizeof *e);
    size_t bytes = plan->bytes ? plan->bytes : 64;
    bool packs = plan->packed_bytes && !w;

    assert(pool_threads(pool) <= plan->opt.threads);        /* each worker has scratch */
    if (e) {
        e->plan = plan;
        e->params = params;
        e->pool = pool;
        e->block = block_new(bytes);
        e->own = packs ? block_new(plan->packed_bytes) : NULL;
        e->packed = w ? w->packed : e->own;
        e->is_packed = w;
        e->call = malloc(((size_t)plan->n_step + 1) * sizeof *e->call);
    }
    if (!e || !e->block || (packs && !e->own) || !e->call) {
        err_set(err, ERR_MEMORY, "no memory for %zu MB of activations; a smaller batch needs less",
                bytes >> 20);
        nn_exec_free(e);
        return NULL;
    }
    if (plan->opt.mode == NN_TRAIN)
        memset(e->block, 0, bytes);
    for (int t = 0; t < plan->n_step; t++)
        e->call[t] = call_of(e, t);
    return e;
}

struct nn_exec *nn_exec_new(const struct nn_plan *plan, struct nn_params *params, struct pool *pool,
                            struct err *err)
{
    return new_exec(plan, params, NULL, pool, err);
}

struct nn_exec *nn_exec_of(const struct nn_plan *plan, const struct nn_weights *w,
                           struct pool *pool, struct err *err)
{
    return new_exec(plan, w->params, w, pool, err);
}

void nn_exec_free(struct nn_exec *e)
{
    if (!e)
        return;
    block_free(e->block);
    block_free(e->own);
    free(e->call);
    free(e);
}

void nn_exec_seed(struct nn_exec *e, uint64_t seed, uint64_t step)
{
    e->seed = seed;
    e->step = step;
}

static void *at(const struct nn_exec *e, int buffer)
{
    return buffer < 0 ? NULL : e->block + e->plan->buffer[buffer].offset;
}

/* late: as the steps behind forward have it. */
static struct tensor value(const struct nn_exec *e, int i, bool late)
{
    struct tensor t = { .dtype = e->plan->dtype[i], .shape = e->plan->shape[i] };
    int entry = e->params->entry[i];

    t.data = entry >= 0 ? (void *)(e->params->value + e->params->offset[entry])
                        : at(e, late ? e->plan->late[i] : e->plan->value[i]);
    return t;
}

static struct tensor gradient(const struct nn_exec *e, int i)
{
    struct tensor t = { .dtype = e->plan->dtype[i], .shape = e->plan->shape[i] };
    int entry = e->params->entry[i];

    if (!e->plan->wants_grad[i])
        return t;
    t.data = entry >= 0 ? (void *)(e->params->grad + e->params->offset[entry])
                        : at(e, e->plan->grad[i]);
    return t;
}

struct tensor nn_exec_input(struct nn_exec *e, const char *name)
{
    int i = nn_graph_find_input(e->plan->graph, name);

    return i < 0 ? (struct tensor){ 0 } : value(e, i, false);
}

struct tensor nn_exec_output(struct nn_exec *e, const char *name)
{
    int i = nn_graph_find_output(e->plan->graph, name);

    return i < 0 ? (struct tensor){ 0 } : value(e, i, false);
}

/* What a step does to its result. */
static struct nn_after after(const struct nn_exec *e, int step)
{
    const struct nn_plan *p = e->plan;
    int i = p->step[step].node, residual = p->fused.residual[i], cut = p->fused.cut[i];
    bool backward = p->step[step].kind == NN_STEP_BACKWARD;
    struct nn_after a = { .adds = residual >= 0, .cuts = cut >= 0 };

    if (cut >= 0)
        p->graph->node[cut].op->cut(p->graph->node[cut].attr, &a.lo, &a.hi);
    if (residual >= 0 && !backward)
        a.residual = value(e, residual, step >= p->n_forward);
    if (residual >= 0 && backward) {
        a.dresidual = gradient(e, residual);
        a.fresh = p->fresh[i] >> NN_FRESH_RESIDUAL & 1;
    }
    return a;
}

static void *packed(const struct nn_exec *e, const struct nn_step *s)
{
    bool packs = e->plan->graph->node[s->node].op->pack && s->kind != NN_STEP_BACKWARD;

    if (packs && e->plan->opt.mode == NN_INFER)
        return (void *)(uintptr_t)(e->packed + e->plan->packed_at[s->node]);
    return at(e, s->packed);
}

static struct nn_call call_of(const struct nn_exec *e, int step)
{
    const struct nn_plan *p = e->plan;
    const struct nn_step *s = &p->step[step];
    const struct nn_node *node = &p->graph->node[s->node];
    bool backward = s->kind == NN_STEP_BACKWARD, late = step >= p->n_forward;
    int tail = p->fused.tail[s->node];

    struct nn_call c = {
        .attr = node->attr, .mode = p->opt.mode, .n_in = node->n_in, .y = value(e, tail, late),
        .after = after(e, step), .again = s->kind == NN_STEP_AGAIN,
        .fresh = backward ? p->fresh[s->node] : 0,
        .packed = packed(e, s), .stash = at(e, p->stash[s->node]),
        .scratch = at(e, s->scratch),
        .k = p->opt.kernels, .pool = e->pool, .threads = p->opt.threads,
        .stream = rng_stream(RNG_DROPOUT, (uint32_t)s->node),
    };

    memcpy(c.variant, p->variant[s->node], sizeof c.variant);
    for (int k = 0; k < node->n_in; k++) {
        c.x[k] = value(e, node->in[k], late);
        if (backward && !(node->op->no_grad >> k & 1))
            c.dx[k] = gradient(e, node->in[k]);
    }
    if (backward)
        c.dy = gradient(e, tail);
    return c;
}

/* The call of a step as it is to be made now. */
static const struct nn_call *ready(struct nn_exec *e, int step)
{
    struct nn_call *c = &e->call[step];

    c->seed = e->seed;
    c->counter = e->step << 32;
    return c;
}

void nn_exec_call(struct nn_exec *e, int step, struct nn_call *c)
{
    *c = *ready(e, step);
}

bool nn_exec_lend(struct nn_exec *e, const char *name, const real *data)
{
    const struct nn_plan *p = e->plan;
    int input = nn_graph_find_input(p->graph, name);

    if (input < 0 || p->opt.mode != NN_INFER)
        return false;
    for (int t = 0; t < p->n_forward; t++) {
        const struct nn_node *node = &p->graph->node[p->step[t].node];
        void *from = data ? (void *)(uintptr_t)data : value(e, input, false).data;

        for (int k = 0; k < node->n_in; k++)
            if (node->in[k] == input)
                e->call[t].x[k].data = from;
        if (p->fused.residual[p->step[t].node] == input)
            e->call[t].after.residual.data = from;
    }
    return true;
}

/* NaN into every buffer whose life ends with this step. */
static void poison(const struct nn_exec *e, int step)
{
    for (int b = 0; b < e->plan->n_buffer; b++) {
        const struct nn_buffer *buffer = &e->plan->buffer[b];
        real *x = at(e, b);

        if (buffer->last == step)
            for (size_t i = 0; i < buffer->bytes / sizeof *x; i++)
                x[i] = (real)NAN;
    }
}

/* Of the steps of a chain; without `is_packed` their weights are packed first. */
static void run_chain(struct nn_exec *e, const struct nn_chain *c)
{
    for (int t = c->first; t < c->first + c->n && !e->is_packed; t++) {
        const struct nn_op *op = e->plan->graph->node[e->plan->step[t].node].op;

        if (op->pack)
            op->pack(&e->call[t]);
    }
    nn_chain_run(c, e->call + c->first, at(e, e->plan->windows), e->plan->room, e->pool);
}

void nn_exec_step(struct nn_exec *e, int step)
{
    const struct nn_plan *p = e->plan;

    for (int i = 0; i < p->n_chain; i++)
        if (step >= p->chain[i].first && step < p->chain[i].first + p->chain[i].n) {
            if (step == p->chain[i].first)
                run_chain(e, &p->chain[i]);
            return;
        }
    p->graph->node[p->step[step].node].op->forward(ready(e, step));
}

static void run(struct nn_exec *e, int first, int end)
{
    const struct nn_plan *p = e->plan;
    const struct nn_zero *zero = p->zero, *zero_end = p->zero + p->n_zero;
    const struct nn_chain *chain = p->chain, *chain_end = p->chain + p->n_chain;

    for (int t = first; t < end; t++) {
        const struct nn_step *s = &p->step[t];
        const struct nn_op *op = p->graph->node[s->node].op;
        const struct nn_call *c = ready(e, t);

        for (; s->kind == NN_STEP_BACKWARD && zero < zero_end && zero->step == t; zero++)
            memset(at(e, zero->buffer), 0, p->buffer[zero->buffer].bytes);
        if (chain < chain_end && t == chain->first) {
            run_chain(e, chain);
            t += chain++->n - 1;
        } else if (s->kind == NN_STEP_BACKWARD) {
            op->backward(c);
        } else if (e->is_packed) {
            op->forward(c);
        } else {
            nn_op_forward(op, c);
        }
        if (p->opt.poison)
            poison(e, t);
    }
}

void nn_exec_forward(struct nn_exec *e)
{
    run(e, 0, e->plan->n_forward);
    e->is_packed = e->plan->opt.mode == NN_INFER;
}

void nn_exec_backward(struct nn_exec *e)
{
    *(real *)gradient(e, e->plan->loss).data = 1;
    run(e, e->plan->n_forward, e->plan->n_step);
}
