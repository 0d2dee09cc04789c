/*
 * net -- a network in training: graph with a loss, values, gradients, moments, averages, and a step
 *
 * Everything that a step needs and nothing about pictures, epochs or files.  One thread, over a
 * pool; the same bits for any number of threads.
 */
#ifndef TRAIN_NET_H
#define TRAIN_NET_H

#include "nn/params.h"
#include "nn/tune.h"
#include "train/block.h"
#include "train/loss.h"
#include "train/optim/optim.h"
#include "train/outcome.h"

struct train_net;

struct train_net_options {
    struct train_loss loss;
    double momentum, beta2, decay; /* decay: of parameters of rank 2 and more */
    double bias_lr;                /* of the others, times the rate; 0: 1 */
    bool bias_decay;               /* they decay too, a step by as much */
    double layer_lr;               /* times the rate for each layer further down; 0: 1 */
    double clip;                   /* longest gradient, Euclidean; 0: any */
    double ema;                    /* of the average that is judged (train/average.h); 0: none */
    int lookahead;                 /* updates between two looks; 0: none */
    const char *freeze;            /* patterns (train/freeze.h); NULL: nothing is frozen */
    bool keep_norms;               /* batch-norms go by the statistics that they begin with */
    const struct train_optim *optim;
    const struct nn_kernels *kernels;
    enum nn_precision precision;
    const struct nn_variants *variants; /* lent while it lives; NULL: by rule */
    int64_t limit; /* bytes that activations should take (nn/plan.h); 0: any */
    int slice;     /* pictures of a batch that go through at a time; 0: all */
    struct pool *pool; /* lent; may be NULL */
    uint64_t seed;     /* of initial values and dropout */
};

/* Initial values of g's parameters, from the seed.  g is lent during the call; its input is
 * "image", its output "logits". */
struct train_net *train_net_new(const struct nn_graph *g, const struct train_net_options *opt,
                                struct err *err);
void train_net_free(struct train_net *t); /* NULL is fine */

/* Begins with p's values instead, where they have the same name and type; they belong to g, which
 * may be another graph: before the first step. */
void train_net_begin(struct train_net *t, const struct nn_graph *g, const struct nn_params *p);

/* From here on pictures are of height x width; nothing is prepared then.  False, and all as before:
 * memory is out, or there is no such network (train/grow.h). */
bool train_net_resize(struct train_net *t, int height, int width, struct err *err);

/* Plans for batches of n, so that train_net_learn of n allocates nothing.  One more n is kept where
 * there is no limit. */
bool train_net_prepare(struct train_net *t, int n, struct err *err);

/*
 * Forward and backward on image[n,H,W,C], target[n,labels] and, where opt.loss is taught,
 * taught[n,labels], else NULL; n >= 2 where the graph has batch-norms, whose statistics are this
 * batch's.  A batch larger than a slice is taken in slices, as if they were batches.  Any number of
 * batches may precede an update: gradient and loss are then the means over all their pictures.
 * `step` numbers what dropout draws, with how many batches came before.  ERR_DIVERGED: the loss is
 * no finite number; all is as it was after the last update, running statistics too.
 */
bool train_net_learn(struct train_net *t, int n, const float *image, const float *target,
                     const float *taught, uint64_t step, struct err *err);

/*
 * Clips, updates, averages.  ERR_DIVERGED: a gradient or running statistic was no finite number:
 * all is as it was after the last update; or a value has left the numbers that can be computed
 * with: values and moments are then lost (the average is not), and must be overwritten with earlier
 * ones before anything else.
 */
bool train_net_update(struct train_net *t, double rate, struct train_outcome *out,
                      struct err *err);

/* The values that answer, are judged and are shipped: the average, else lookahead's slow values,
 * else those that are trained.  Into p, which belongs to the graph given to train_net_new. */
void train_net_values(const struct train_net *t, struct nn_params *p);

/* Those of one parameter, a node of that graph; lent until the next step. */
const real *train_net_value(const struct train_net *t, int node);

/* What a checkpoint must hold, between two steps: arrays, listed in block[most], which is enough,
 * and returned how many; and single numbers.  Once they are overwritten with those of a net of the
 * same graph and options, this one goes on as that one. */
enum { TRAIN_NET_BLOCKS = 5 };
int train_net_blocks(struct train_net *t, struct train_block *block, int most);
extern const struct field train_net_fields[];
void *train_net_state(struct train_net *t); /* what the fields are of */

/* The graph with the loss, and its values as they are trained; lent. */
const struct nn_graph *train_net_graph(const struct train_net *t);
const struct nn_params *train_net_params(const struct train_net *t);

/* Numbers that are trained, and the cost of a forward pass of one picture (once prepared). */
int64_t train_net_trained(const struct train_net *t);
int64_t train_net_flops(const struct train_net *t);

/* What such a net takes, prepared for batches of n on `threads` threads: all but a percent. */
struct train_net_bytes {
    int64_t state;              /* values, gradients, moments, averages */
    int64_t activations;        /* all that steps write: with a limit as little as it comes to */
    int64_t kept, again;        /* of values that backward reads: kept for it; made again there */
};

/* Without allocating it. */
bool train_net_bytes(const struct nn_graph *g, const struct train_net_options *opt, int n,
                     int threads, struct train_net_bytes *out, struct err *err);

/* Which variants are the fastest for batches of n: appends the table (nn/tune.h). */
bool train_net_tune(const struct nn_graph *g, const struct train_net_options *opt, int n,
                    const struct nn_tune_options *how, struct str *table, struct err *err);

/* The plan of the first batches that were prepared, lent; NULL: none was. */
const struct nn_plan *train_net_plan(const struct train_net *t);

/* Whether slices of a batch teach what the batch does: nothing in the network or its loss looks
 * across pictures. */
bool train_net_slices(const struct nn_graph *g, const struct train_net_options *opt, bool *slices,
                      struct err *err);

#endif
