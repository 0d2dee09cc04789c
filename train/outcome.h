/*
 * outcome -- what a step of a training was
 */
#ifndef TRAIN_OUTCOME_H
#define TRAIN_OUTCOME_H

struct train_outcome {
    double loss; /* mean over its pictures, before the update */
    double norm; /* of the gradient, before clipping */
    int pictures;
    int right; /* of them answered right, where each has one label */
};

#endif
