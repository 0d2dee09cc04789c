/*
 * few -- the head that is best for few pictures of each label, on the features of a network
 *
 * Logistic regression (infer/embed/probe.h) of rows each moved and scaled to mean 0 and deviation 1
 * (a layer norm, so that a picture's contrast does not count), or of the features as they are,
 * where their log loss on pictures that were held out is less by more than twice the standard error
 * of the difference; where pictures may have several labels, where it is less.  Where a label has
 * one or two pictures features share a scale: two pictures make each feature -1 and 1, whatever it
 * is worth.  Of one picture each it is then the nearest mean.  Of 25 pictures whoever takes the
 * least takes what chance says: docs/train.md has what that cost, and what the
 * nearest mean of a label and soft k-NN gave.
 */
#ifndef INFER_FEW_H
#define INFER_FEW_H

#include "infer/embed/probe.h"

enum { INFER_FEW_TRIED = 2 };

struct infer_few {
    bool norm;                  /* of rows of mean 0 and deviation 1 */
    bool together;              /* features had one scale (struct infer_probe_options) */
    int width, n_labels;
    float *weight;              /* [n_labels,width] */
    float *bias;                /* [n_labels] */
    int n, folds;               /* pictures that were learnt from; 0 folds: none could be held
                                   out, and this is a probe with C = 1 */
    /* What each gave on pictures that were held out, as struct infer_probe_try has it. */
    struct infer_few_try {
        bool norm;
        double log_loss, right;
    } tried[INFER_FEW_TRIED];
    int n_tried, best;          /* tried[0] is that of even rows */
};

/* c of the options is not looked at.  Errors as of infer_probe_fit.  Release it. */
bool infer_few_fit(const struct infer_probe_data *d, const struct infer_probe_options *o,
                   struct infer_few *out, struct err *err);
void infer_few_release(struct infer_few *f);    /* a zeroed one is fine */

/* g with values p, which has these features, with this head for its own: its last layer where a
 * linear one fits there, else new nodes.  g and p stay. */
bool infer_few_graph(const struct infer_few *f, const struct nn_graph *g, const struct nn_params *p,
                     struct nn_graph **g2, struct nn_params **p2, struct err *err);

#endif
