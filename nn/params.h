/*
 * params -- the values of a graph's parameters and constants, and their gradients: one block each
 *
 * Entry p belongs to node node[p] and lies at value + offset[p], in the memory order of the node's
 * type.  Optimisers, averages and checkpoints are loops over entries or over the whole block.
 */
#ifndef NN_PARAMS_H
#define NN_PARAMS_H

#include "nn/value.h"

struct nn_params {
    int n;
    int *node;                  /* node id of entry p, ascending */
    int *entry;                 /* of every node of the graph its entry, -1 where it has none */
    int64_t *offset, *count;    /* in numbers; offsets are multiples of 16 */
    bool *trained;              /* has a gradient: op param and no buffer */
    int64_t total;              /* numbers in a block */
    real *value, *grad;         /* 64-byte aligned; grad NULL when not asked for */
    void *grad_block;           /* private: what grad lies in, not touched by who makes it */
};

/* Numbers in a block of g's parameters; -1: too many. */
int64_t nn_params_numbers(const struct nn_graph *g);

/* Values 0.  Uses g during the call only. */
struct nn_params *nn_params_new(const struct nn_graph *g, bool with_grad, struct err *err);
/* Without gradients; nodes of `without` (NULL: none) have no entry. */
struct nn_params *nn_params_some(const struct nn_graph *g, const bool *without, struct err *err);
void nn_params_free(struct nn_params *p);

/* p's values, lent, as those of g; and a copy of such. */
bool nn_params_values(const struct nn_params *p, const struct nn_graph *g, struct arena *mem,
                      struct nn_values *v, struct err *err);
struct nn_params *nn_params_of(const struct nn_graph *g, const struct nn_values *v,
                               struct err *err);

/* Initial values by each parameter's rule, from seed.  `const` entries keep what they have. */
void nn_params_init(struct nn_params *p, const struct nn_graph *g, uint64_t seed);
/* The same, but trained matrices and filters (rank 2 and more) by `rule`. */
void nn_params_init_by(struct nn_params *p, const struct nn_graph *g, uint64_t seed,
                       enum nn_init rule);

/* What nn_params_init gives entry `entry`, the parameter `node` of g, in out[its count]. */
void nn_params_init_one(const struct nn_graph *g, int node, int entry, uint64_t seed, real *out);

/* The node of g that has a value, and the name and type of `node` of graph `like`; -1: none has. */
int nn_params_find(const struct nn_graph *g, const struct nn_graph *like, int node);

/* Entries of `from` into those of the same name and shape in `to`; returns how many were copied. */
int nn_params_copy(struct nn_params *to, const struct nn_graph *to_graph,
                   const struct nn_params *from, const struct nn_graph *from_graph);

int64_t nn_params_trained(const struct nn_params *p);       /* numbers that are trained */

/* Shape of entry p in files, and its values moved to / from that order.  out[count] / in[count]. */
struct shape nn_params_file_shape(const struct nn_graph *g, int node);
void nn_params_to_file(const struct nn_graph *g, int node, const real *value, float *out);
void nn_params_from_file(const struct nn_graph *g, int node, const float *in, real *value);

#endif
