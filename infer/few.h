/*
 * few -- the head that is best for few pictures of each label, on the features of a network
 *
 * Three kinds, of features as they are and of rows each moved and scaled to mean 0 and deviation 1
 * (a layer norm, so that a picture's contrast does not count); z, the same for each number over the
 * pictures that are learnt from:
 *
 *   prototypes  u[l] = -t |z - m[l]|^2, m[l] the mean of the label's pictures: Snell et al. 2017,
 *               "Prototypical networks for few-shot learning", arXiv:1703.05175
 *   neighbours  u[l] = b sum over its pictures i of softmax over i of -t |z - z[i]|^2: soft k-NN
 *   probe       logistic regression, infer/probe.h
 *
 * |z|^2 is the same for all labels and pictures, so the first layer of each is a linear one of the
 * features.  t, b and C are those with the least log loss on pictures that were held out.  Which
 * head: the probe of even rows, unless another's log loss on them is less by more than twice the
 * standard error of the difference.  Of 25 pictures whoever takes the least takes what chance says:
 * docs/train.md has what that cost.  Where pictures may have several labels there is the probe
 * alone.
 */
#ifndef INFER_FEW_H
#define INFER_FEW_H

#include "infer/probe.h"

enum infer_few_kind { INFER_FEW_PROTOTYPES, INFER_FEW_NEIGHBOURS, INFER_FEW_PROBE };
extern const char *const infer_few_names[];     /* "prototypes" "neighbours" "probe" NULL */

enum { INFER_FEW_TRIED = 6 };

struct infer_few {
    enum infer_few_kind kind;
    bool norm;                  /* of rows of mean 0 and deviation 1 */
    int width, n_labels;
    int first;                  /* answers of the first layer: labels; NEIGHBOURS: pictures */
    float *weight;              /* [first,width] */
    float *bias;                /* [first] */
    float *second;              /* NEIGHBOURS: [n_labels,first] of the softmax of that; else NULL */
    int n, folds;               /* pictures that were learnt from; 0 folds: none could be held
                                   out, and this is a probe with C = 1 */
    /* What each gave on pictures that were held out, as struct infer_probe_try has it. */
    struct infer_few_try {
        enum infer_few_kind kind;
        bool norm;
        double log_loss, right;
    } tried[INFER_FEW_TRIED];
    int n_tried, best;          /* tried[0] is the probe of even rows */
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
