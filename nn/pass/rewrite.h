/*
 * rewrite -- a new graph and its values, written node by node from an old one
 *
 * What every pass stands on.  Errors are sticky: calls after one return -1; nn_rewrite_end reports.
 */
#ifndef NN_REWRITE_H
#define NN_REWRITE_H

#include "nn/params.h"

struct nn_rewrite {
    const struct nn_graph *g;
    const struct nn_values *v;
    struct nn_graph *g2;
    int *map;                   /* old node id -> new one; -1: not there */
    const struct nn_value **value;      /* of new node id; NULL: no parameter */
    int room;                   /* of value */
    struct arena *mem;          /* v's: what the new values are made of */
    struct err *err;
    bool failed;
};

bool nn_rewrite_begin(struct nn_rewrite *w, const struct nn_graph *g, const struct nn_values *v,
                      struct err *err);

/* Node `old` as it is, its inputs mapped; sets map[old] and returns the new id. */
int nn_rewrite_copy(struct nn_rewrite *w, int old);

/* A new node.  value for a param. */
int nn_rewrite_add(struct nn_rewrite *w, const struct nn_op *op, const char *name, const void *attr,
                   int n_in, const int *in, const struct nn_value *value);

/* A parameter of n numbers: number[i], or all of them `all` where that is NULL.  A name that is
 * made (name NULL) may be that of a node that is copied later. */
int nn_rewrite_numbers(struct nn_rewrite *w, const char *name, int n, const double *number,
                       double all);
/* y = x * factor + summand, both of each of n channels (the last dimension): a batch-norm called
 * name, or NULL, of mean 0 and variance 1. */
int nn_rewrite_affine(struct nn_rewrite *w, const char *name, int x, int n, const double *factor,
                      const double *summand);

/* Maps the outputs and checks.  Releases w either way. */
bool nn_rewrite_end(struct nn_rewrite *w, struct nn_graph **g2, struct nn_values *v2);

#endif
