/*
 * chain -- steps of an answer that are run together, a few rows of a picture at a time
 *
 * A depthwise convolution moves more than it multiplies.  Between it, the step before it and a 1x1
 * convolution behind it there are no whole pictures then, only windows of some rows, which stay in
 * the second cache of the thread that they belong to.  Rows are the same bits wherever a piece of
 * work begins, so how many pieces there are may follow the threads.
 */
#ifndef NN_CHAIN_H
#define NN_CHAIN_H

#include "nn/op.h"

enum { NN_CHAIN = 3 };          /* steps, at most */

struct nn_chain {
    int first, n;               /* steps of the plan; all their values but the last are windows */
    const struct nn_op *op[NN_CHAIN];
    int parts, band;            /* of a picture: pieces of work; rows of the last step at a time */
    int rows[NN_CHAIN];         /* that a window holds */
    size_t bytes[NN_CHAIN];     /* of such a row */
    size_t at[NN_CHAIN];        /* where it begins in the room of a thread */
    size_t room;                /* bytes of all windows */
};

struct nn_planner;              /* nn/planner.h */

/* Which there are; where there is no memory for them, none. */
void nn_chain_find(struct nn_planner *w);

/* The first and the last step of the chain that step t is in; t itself where there is none. */
int nn_chain_begin(const struct nn_chain *chain, int n, int t);
int nn_chain_end(const struct nn_chain *chain, int n, int t);

/* Runs it; call: of its steps, whose weights are packed.  room: for the windows of each thread, so
 * many bytes: the same for all chains, so that a core finds in its cache what it last wrote. */
void nn_chain_run(const struct nn_chain *chain, const struct nn_call *call, char *room,
                  size_t bytes, struct pool *pool);

#endif
