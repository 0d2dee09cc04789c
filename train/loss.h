/*
 * loss -- the loss of a supervised training over a graph's logits, and weights of labels
 */
#ifndef TRAIN_LOSS_H
#define TRAIN_LOSS_H

#include "data/index.h"
#include "nn/params.h"

enum train_loss_kind { TRAIN_LOSS_AUTO, TRAIN_LOSS_CE, TRAIN_LOSS_BCE, TRAIN_LOSS_FOCAL,
                       TRAIN_LOSS_ASYMMETRIC };
extern const char *const train_loss_names[]; /* by kind; NULL at the end */

struct train_loss {
    enum data_task task;
    int kind;            /* enum train_loss_kind; AUTO: what fits the task */
    double smooth;       /* of softmax */
    const float *weight; /* of a label each, lent; NULL: all 1 */
    double focus;        /* gamma of FOCAL and ASYMMETRIC; < 0: their own, 2 and 4 */
    double taught;       /* share that what a teacher says has, 0 to 1; 0: there is none */
    double temperature;  /* by which its logits were divided, > 0 */
};

enum train_class_weights { TRAIN_CLASS_NONE, TRAIN_CLASS_BALANCED };
extern const char *const train_class_weights_names[];

/*
 * Appends to a training copy the input "target" and the output "loss".  The model's nodes keep
 * their ids, its parameters their places.  ERR_USAGE: the loss does not fit the task.
 *
 * With a teacher, whose answers q at temperature T are another input, "taught":
 *   loss = (1 - taught) L(x, target) + taught T^2 H(x / T, q)
 * H the cross-entropy of softmax, or of each label's sigmoid, as the task answers; no smoothing,
 * focus or weights in it.  d(T^2 H)/dx = T (softmax(x / T) - q), and x / T and the teacher's logits
 * differ by a T-th as much: so T^2 keeps the gradient as large whatever T (Hinton et al. 2015,
 * arXiv:1503.02531, sec. 2).  H is the divergence from q but for what q alone decides.
 */
bool train_loss_add(struct nn_graph *g, const struct train_loss *how, struct err *err);
/* Writes what train_loss_add added into the parameters of g: the weights. */
void train_loss_fill(const struct nn_graph *g, struct nn_params *p, const struct train_loss *how);

/*
 * Weights that make up for labels being rare, from pictures and labels that are known:
 * SINGLE: n / (K n_k), of the K labels that have any; MULTI: for the pictures that have a label,
 * the number of those that have it not by that of those that have it.  Between a 10th and 10, so
 * that a handful of pictures does not rule; 1 where there is no picture.  weight[n_labels].
 */
void train_balanced_weights(const struct data_index *x, float *weight);

#endif
