/*
 * whiten -- first filters that see pictures without what neighbouring pixels have in common
 *
 * The filters are the directions in which patches of the training pictures vary, each divided by
 * how much: their answers are uncorrelated and of deviation 1 (Page, "How to train your ResNet 8",
 * 2019; Jordan, "94% on CIFAR-10 in 3.29 seconds", arXiv:2404.00498, sec. 3.2).  Each comes with
 * its negative, since a ReLU follows.
 */
#ifndef TRAIN_WHITEN_H
#define TRAIN_WHITEN_H

#include "nn/params.h"

/*
 * Eigenvalues and eigenvectors of the symmetric a[n,n]: a = sum_i value[i] v_i v_i^T, values
 * descending, vector[i,n] of length 1, its largest number positive.  Jacobi's rotations, in a fixed
 * order.  Overwrites a.
 */
void train_eigen(int n, double *a, double *value, double *vector);

/* The first convolution of g, whose patches are the picture's: ERR_UNSUPPORTED where "image" does
 * not go into one ungrouped convolution alone, or this has filters of more than TRAIN_WHITEN_MOST
 * numbers or fewer than two.  Returns its node, or -1. */
enum { TRAIN_WHITEN_MOST = 256 };
int train_whiten_find(const struct nn_graph *g, struct err *err);

/*
 * Sets the filters of convolution `node` from the patches of image[n,H,W,C]: the directions that
 * vary most and their negatives, as many as there are filters; of a bank with more than two for
 * each direction the rest stays as it is.  Returns how many directions; -1 on
 * failure.
 */
int train_whiten(struct nn_params *p, const struct nn_graph *g, int node, int n,
                 const float *image, struct err *err);

#endif
