/*
 * remake -- a graph once more, with other attributes here and there
 */
#ifndef TRAIN_REMAKE_H
#define TRAIN_REMAKE_H

#include "nn/graph.h"

/* The attributes that node i of g is to have: g's own, or others, which need to live until the next
 * call. */
typedef const void *train_attr_fn(void *ctx, const struct nn_graph *g, int i);

/* g's nodes with these attributes and the types that follow, under g's names and ids.  The error of
 * a node that is not possible so is the graph's. */
struct nn_graph *train_remake(const struct nn_graph *g, train_attr_fn *attr, void *ctx,
                              struct err *err);

/* g with last layers (infer/embed/cut.h) that answer `labels` labels.  ERR_UNSUPPORTED: there is
 * none that can. */
struct nn_graph *train_remake_head(const struct nn_graph *g, int labels, struct err *err);

#endif
