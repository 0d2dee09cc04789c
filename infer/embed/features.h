/*
 * features -- what a network has seen in a picture before its last layer says labels (cut.h)
 *
 * They are one more output of the network as it answers (struct infer_network_options, `features`;
 * infer_predictor_features), so they come by the road of every answer: the same preparation,
 * precision and instructions, and a picture's bits do not depend on its neighbours.
 */
#ifndef INFER_FEATURES_H
#define INFER_FEATURES_H

#include "infer/eval/evaluate.h"

/* The features of pictures of an index: a row for each, in its order. */
struct infer_features {
    int n, width;
    float *row;                 /* [n,width]; NaN where the picture cannot be read */
    bool *read;                 /* [n] whether it could be */
    int n_read;
};

/*
 * The features of every picture of x, whatever its labels, by q, a predictor of a network that was
 * made with `features`; prep makes pictures of q's size.  Pictures that cannot be read are told to
 * how->bad, in order, and marked.  ERR_INPUT where none can be read, or where what the network
 * says or sees of one is no finite number.  Release it.
 */
bool infer_features_of(struct infer_predictor *q, const struct data_index *x,
                       const struct data_prep *prep, const struct infer_evaluate_options *how,
                       struct infer_features *out, struct err *err);
void infer_features_release(struct infer_features *f);  /* a zeroed one is fine */

/* Each of n rows is made of length 1; rows of 0 stay. */
void infer_features_normalize(int n, int width, float *row);

#endif
