/*
 * tune -- which variants are the fastest on this machine: measured, for the calls of a plan
 *
 * Each call that differs (operator, attributes, shape, dtypes) is made by itself, on noise, with
 * all threads: of a choice with several variants each of them in turns, so often as takes some tens
 * of milliseconds.  Another variant than the rule's is taken where it was faster in three rounds of
 * four, and clearly in its shortest turn: what else runs on the machine can only add to that.
 * Calls with the most work come first; for those that are left when the time is out the rule stays.
 */
#ifndef NN_TUNE_H
#define NN_TUNE_H

#include "nn/plan.h"

/* A choice that was made. */
struct nn_tuned {
    const char *call;                   /* its name in a table (nn/variant.h) */
    const struct nn_choice *choice;
    int steps;                          /* nodes of the plan that make this call */
    int rule, taken;                    /* variants */
    double seconds[NN_VARIANTS];        /* of the shortest turn; 0: cannot be */
    int64_t done, all;                  /* calls */
};
/* False: no more are to be made, the rest is left to the rule. */
typedef bool nn_tuned_fn(void *ctx, const struct nn_tuned *t);

struct nn_tune_options {
    struct pool *pool;                  /* lent; no more threads than the plan's */
    double seconds;                     /* after which no other call is begun */
    nn_tuned_fn *tell;                  /* hears of each choice; may be NULL */
    void *ctx;
};

/* Appends the table to what is empty: of a plan for training.  False when memory is out. */
bool nn_tune(const struct nn_plan *p, const struct nn_tune_options *how, struct str *table,
             struct err *err);

#endif
