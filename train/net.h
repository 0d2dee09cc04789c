/*
 * net -- a network in training: graph with a loss, values, gradients, moments, and one step of it
 *
 * Everything that a step needs and nothing about pictures, epochs or files.  One thread, over a
 * pool.
 */
#ifndef TRAIN_NET_H
#define TRAIN_NET_H

#include "data/index.h"
#include "nn/params.h"
#include "train/optim/optim.h"

struct train_net;

struct train_net_options {
    enum data_task task; /* SINGLE: cross-entropy with smoothing; MULTI: binary cross-entropy */
    double smooth;
    double momentum, beta2, decay; /* decay: of parameters of rank 2 and more */
    const struct train_optim *optim;
    const struct nn_kernels *kernels;
    struct pool *pool; /* lent; may be NULL */
    uint64_t seed;     /* of initial values and dropout */
};

/* Initial values of g's parameters, from the seed.  g is lent; its input is "image", its output
 * "logits". */
struct train_net *train_net_new(const struct nn_graph *g, const struct train_net_options *opt,
                                struct err *err);
void train_net_free(struct train_net *t); /* NULL is fine */

/* Plans for batches of n, so that train_net_step of n allocates nothing.  One more n is kept. */
bool train_net_prepare(struct train_net *t, int n, struct err *err);

/*
 * Forward, backward, update, on image[n,H,W,C] and target[n,labels]; n >= 2 where the graph has
 * batch-norms.  *loss is the mean over the batch before the update.  A loss or gradient that is no
 * finite number is ERR_DIVERGED, and no weight has changed then (running statistics have).  `step`
 * numbers what dropout draws.
 */
bool train_net_step(struct train_net *t, int n, const float *image, const float *target,
                    double rate, uint64_t step, double *loss, struct err *err);

/* Every value is finite, and small enough to compute with. */
bool train_net_sound(const struct train_net *t);

/* Copies the values into p, which belongs to the graph given to train_net_new. */
void train_net_values(const struct train_net *t, struct nn_params *p);

/* Numbers that are trained, and the cost of a forward pass of one picture (once prepared). */
int64_t train_net_trained(const struct train_net *t);
int64_t train_net_flops(const struct train_net *t);

#endif
