/*
 * cut -- where a network is cut to see what it knows of a picture before it says labels
 *
 * The last layer is looked for from the output "logits" backwards: the first linear layer or
 * convolution on every way there.  Features are what goes into it, pictures as the mean of their
 * pixels; of several such layers (a network with two heads) what goes into each, one behind the
 * other.  Where there is none, what stands before "logits".
 */
#ifndef INFER_CUT_H
#define INFER_CUT_H

#include "nn/pass/rewrite.h"

enum { INFER_CUT_MOST = 4 };    /* layers */

/* Of a trained graph or its inference form. */
struct infer_cut {
    int layer[INFER_CUT_MOST];  /* nodes: the last layers, in rising order, */
    int n;                      /* how many; 0: there is none */
    int from[INFER_CUT_MOST];   /* nodes whose values are taken, each once: */
    int n_from;
    int width;                  /* numbers of a picture's features */
    bool alone;                 /* one layer, with a bias, and logits are what it says and nothing
                                   more: any linear classifier of features fits into it */
};

/* g has an output "logits".  Fails for want of memory alone. */
bool infer_cut_find(const struct nn_graph *g, struct infer_cut *cut, struct err *err);

/* In w, whose old graph is cut so and was copied as far as that, the node of the features,
 * [N,width]. */
int infer_cut_add(struct nn_rewrite *w, const struct infer_cut *cut);

/* Appends what is taken, in words: "what goes into fc (512 numbers)". */
void infer_cut_tell(const struct nn_graph *g, const struct infer_cut *cut, struct str *out);

#endif
