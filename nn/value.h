/*
 * value -- where the numbers of parameters come from, made when somebody wants to keep them
 *
 * Passes say how numbers are made of others', and make none: a model is opened for answers without
 * being in memory twice.
 */
#ifndef NN_VALUE_H
#define NN_VALUE_H

#include "nn/graph.h"

/* The value of one parameter.  What makes it begins with this and has its own members behind. */
struct nn_value {
    int64_t count;
    const real *numbers;        /* where they lie, in the order of the node's type; or NULL */
    /* Writes them to out[count].  Any thread. */
    bool (*make)(const struct nn_value *v, real *out, struct err *err);
};

/* The values of a graph: of[node], NULL where it is no param and no const.  All are in mem, which
 * is lent, and lend what they are made of. */
struct nn_values {
    struct arena *mem;
    const struct nn_value **of;
};

/* Room for those of g, all NULL. */
bool nn_values_new(const struct nn_graph *g, struct arena *mem, struct nn_values *v,
                   struct err *err);

/* Numbers that lie somewhere, lent; NULL: memory is out. */
const struct nn_value *nn_value_of(struct arena *mem, int64_t count, const real *numbers);

/* Writes a value's numbers to out[count]. */
bool nn_value_make(const struct nn_value *v, real *out, struct err *err);

/* Numbers that lie somewhere: the value's own, or made in room[count]; NULL on failure. */
const real *nn_value_at(const struct nn_value *v, real *room, struct err *err);

#endif
