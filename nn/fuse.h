/*
 * fuse -- which nodes are computed in one step
 *
 * An operator that says NN_OP_AFTER adds a residual to its result and cuts it before it writes it.
 * So the nodes behind it that do just that, and that nobody else reads, need no step and no memory:
 * its step writes what the last of them would be.  In TRAIN only behind NN_OP_AFTER_TRAIN.
 */
#ifndef NN_FUSE_H
#define NN_FUSE_H

#include "nn/graph.h"

/* Arrays of g->n, the caller's. */
struct nn_fusion {
    int *tail;          /* the node whose value the step of node i writes: i itself, or behind it;
                           -1: node i has no step, another's computes it or what it would be */
    int *host;          /* the node whose step writes the value of node i; -1: nobody keeps it */
    int *residual;      /* of the step of node i: the node that it adds, -1 none */
    int *cut;           /* the node whose cut() it does, -1 none */
    int *reader;        /* the one node that reads node i; -1: several, none, or an output does */
};

/* need: nodes that run at all.  Leaves and what does not run are their own hosts. */
void nn_fuse(const struct nn_graph *g, enum nn_mode mode, const bool *need,
             const struct nn_fusion *f);

/* Every node by itself. */
void nn_fuse_none(const struct nn_graph *g, const struct nn_fusion *f);

#endif
