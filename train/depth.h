/*
 * depth -- how many groups of layers lie between a parameter and the answer
 */
#ifndef TRAIN_DEPTH_H
#define TRAIN_DEPTH_H

#include "nn/graph.h"

/* A parameter that is trained and has two dimensions or more: a filter, a matrix. */
bool train_is_weight(const struct nn_graph *g, int node);

/*
 * depth[g->n]: of every node how many groups come after its own, 0 in the last; returns how many
 * groups there are.  Groups are what a picture goes through one after another: one ends at a value
 * that all of the network behind it is computed from, where weights follow.  So a layer of a chain
 * is one, and so is a residual or dense block with all its branches.  A parameter belongs to the
 * first operator that reads it.  What "logits" does not depend on has depth 0.
 */
int train_depths(const struct nn_graph *g, int *depth);

#endif
