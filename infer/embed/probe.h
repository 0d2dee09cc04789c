/*
 * probe -- a linear classifier on features: logistic regression, drawn to 0
 *
 * With z the features, each moved and scaled to mean 0 and deviation 1 over the pictures that are
 * learnt from (or all scaled alike, infer_probe_options.together), weights W and biases b minimise
 *
 *     sum over pictures of the log loss of (W z + b)  +  |W|^2 / (2 C)
 *
 * the loss that of a softmax where a picture has one label, the sum of each label's own sigmoid
 * where it may have several; that is scikit-learn's LogisticRegression behind a StandardScaler.  C
 * is chosen by cross-validation on the same pictures.  Found by L-BFGS (infer/embed/minimize.h);
 * same pictures, options and machine, same bits, for any number of threads.
 */
#ifndef INFER_PROBE_H
#define INFER_PROBE_H

#include "data/index.h"
#include "nn/base/pool.h"
#include "nn/params.h"

/* What is learnt from; all is lent. */
struct infer_probe_data {
    enum data_task task;
    int n, width, n_labels;
    const float *row;           /* [n,width] finite where used */
    const float *target;        /* [n,n_labels] as struct data_batch has it: SINGLE a row adds up to
                                   1 or is 0s (unknown: left out); MULTI 1, 0, -1 unknown */
    const bool *use;            /* [n] rows that count; NULL: all */
};

/* The targets of an index's pictures: out[x->n * x->n_labels]. */
void infer_probe_targets(const struct data_index *x, float *out);

enum { INFER_PROBE_FOLDS = 5, INFER_PROBE_TRIED = 16 };

struct infer_probe_options {
    double c;                   /* > 0: C is this; 0: it is chosen */
    bool together;              /* features share one scale: their deviation over all of them, as
                                   each's own is chance where there are few pictures */
    int folds;                  /* of the cross-validation: 0: INFER_PROBE_FOLDS; n or more: each
                                   picture is held out alone */
    uint64_t seed;              /* which picture falls into which fold */
    struct pool *pool;          /* NULL: the caller alone */
    const char *isa;            /* as in nn_kernels_get */
    bool (*stop)(void *ctx);    /* NULL, or true ends it with ERR_CANCELLED: asked between fits */
    void *stop_ctx;
};

struct infer_probe {
    enum data_task task;
    int width, n_labels;
    float *weight;              /* [n_labels,width], of features as they are: logits = W x + b */
    float *bias;                /* [n_labels] */
    double c;
    int n, folds;               /* pictures that were learnt from; 0 folds: none was held out */
    /* What each C gave on pictures that were held out: mean log loss, and how many in a hundred
     * were right (SINGLE: the likeliest label; MULTI: known cells on the right side of 1/2). */
    struct infer_probe_try {
        double c, log_loss, right;
    } tried[INFER_PROBE_TRIED];
    int n_tried, best;          /* best: the one with the least log loss */
    /* [n,n_labels]: what was said of each picture by the fit (with that C) that had not seen it;
     * NaN in rows that do not count.  NULL where none was held out. */
    float *held_out;
    int *fold;                  /* [n] which part it was held out with; -1: it does not count.  NULL
                                   where held_out is */
};

/*
 * Folds share out each label's pictures evenly (MULTI: by the rarest label that a picture has).
 * With a C of the caller's pictures are held out for `held_out` alone; 1 picture, or pictures of
 * one label alone, are not: C is 1 then, where nobody said it.  ERR_INPUT: no label of any row is
 * known, or a number is not finite.  Release it.
 */
bool infer_probe_fit(const struct infer_probe_data *d, const struct infer_probe_options *o,
                     struct infer_probe *out, struct err *err);
void infer_probe_release(struct infer_probe *p);        /* a zeroed one is fine */

/* probability[n,n_labels] of these features. */
void infer_probe_ask(const struct infer_probe *p, int n, const float *row, float *probability);

/* The classifier into the last layer of a network, where that is one for it (struct infer_cut,
 * alone): p's values of g, which answers p's labels from p's features.  False, and nothing was
 * done: it is none. */
bool infer_probe_put(const struct infer_probe *p, const struct nn_graph *g, struct nn_params *to,
                     struct err *err);

/* A fold for each of n pictures, from 0 to folds - 1, -1 where use (NULL: all) is not set: those of
 * equal kind[i] are shared out evenly, in an order drawn from seed.  False: memory is out. */
bool infer_probe_share_out(int n, const int *kind, const bool *use, int folds, uint64_t seed,
                           int *fold);

#endif
