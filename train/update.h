/*
 * update -- one update of all parameters by an optimiser, and the moments that it keeps
 */
#ifndef TRAIN_UPDATE_H
#define TRAIN_UPDATE_H

#include "nn/params.h"
#include "train/optim/optim.h"

struct train_update_options {
    const struct train_optim *optim;
    const struct nn_kernels *kernels;
    struct pool *pool; /* lent; may be NULL */
    double momentum, beta2, decay;
    double bias_rate; /* what the rate is multiplied with for biases and norms (rank below 2) */
    bool bias_decay;  /* they decay, too, in a step by the share that weights do */
    double layer_rate; /* what the rate is multiplied with once more for each group of layers that
                          lies further before the last one (train/depth.h); 1: nothing */
};

struct train_update;

/* g: the model's graph, which says what its first and last weights and its layers are; p: the
 * parameters of a training copy, which may have more of them and train less.  Both are looked at,
 * not kept. */
struct train_update *train_update_new(const struct nn_graph *g, const struct nn_params *p,
                                      const struct train_update_options *opt, struct err *err);
void train_update_free(struct train_update *u); /* NULL is fine */

/* Update number t, from 1, of p's values; uses its gradients up. */
void train_update_run(struct train_update *u, struct nn_params *p, double rate, int64_t t);

/* Moment i, laid out as p->value; NULL when the optimiser has no more. */
real *train_update_moment(struct train_update *u, int i);

/* What train_update_new takes, where `total` numbers are trained: what is kept of others is never
 * touched. */
int64_t train_update_bytes(const struct nn_graph *g, int64_t total,
                           const struct train_optim *optim);

#endif
