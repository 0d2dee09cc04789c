/*
 * planner -- what planning needs and the plan does not: shared by plan.c, plan_memory.c and
 * plan_again.c
 */
#ifndef NN_PLANNER_H
#define NN_PLANNER_H

#include "nn/plan.h"

/* Bytes of what a step has beside values and gradients. */
struct nn_space {
    size_t stash, scratch, packed;
};

/* Arrays are of g->n. */
struct nn_planner {
    struct nn_plan *p;
    const struct nn_graph *g;
    int *forward_step, *backward_step, *again_step;     /* of node i, -1 where it has none */
    int *back, n_back;          /* the nodes that have a backward step, in their order */
    bool *carried;              /* node i's value stays from forward to backward, if read there */
    int *last, *late_first, *late_last; /* steps that read node i's value: the last in forward; the
                                           first and the last behind it, -1 none */
    int *first_grad;            /* step that first touches node i's gradient */
    int *stack;                 /* room for a list of nodes */
    struct nn_space *space;     /* of node i's step */
    int cap_buffer;
    struct err *err;
};

static inline bool nn_planner_leaf(const struct nn_planner *w, int i)
{
    return w->g->node[i].op->flags & NN_OP_LEAF;
}

/* What the step of node i reads: its inputs, then the residual. */
static inline int nn_planner_reads(const struct nn_planner *w, int i)
{
    return w->g->node[i].n_in + (w->p->fused.residual[i] >= 0);
}

static inline int nn_planner_read(const struct nn_planner *w, int i, int k)
{
    return k < w->g->node[i].n_in ? w->g->node[i].in[k] : w->p->fused.residual[i];
}

/* The backward step of node i looks at what forward read k-th; at what it wrote. */
static inline bool nn_planner_keeps_x(const struct nn_planner *w, int i, int k)
{
    return k < w->g->node[i].n_in && w->g->node[i].op->keep & NN_KEEP_X;
}

static inline bool nn_planner_keeps_y(const struct nn_planner *w, int i)
{
    bool from_x = w->g->node[i].op->flags & NN_OP_CUT_FROM_X && w->p->fused.residual[i] < 0;

    return w->g->node[i].op->keep & NN_KEEP_Y || (w->p->fused.cut[i] >= 0 && !from_x);
}

/* The backward step of node i adds to the gradient of what forward read k-th. */
bool nn_planner_gives_grad(const struct nn_planner *w, int i, int k);

/* Steps behind forward, with those that make again what is not carried, and buffers for all: of
 * `carried` as it is now. */
bool nn_planner_lay_out(struct nn_planner *w);

/* The buffers' offsets. */
bool nn_planner_map(struct nn_planner *w);

/* Decides what is carried, and lays out. */
bool nn_planner_choose(struct nn_planner *w);

#endif
