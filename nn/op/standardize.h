/* standardize -- attributes, for builders; the operator is in standardize.c */
#ifndef NN_OP_STANDARDIZE_H
#define NN_OP_STANDARDIZE_H

#include "nn/base/tensor.h"

struct nn_standardize {
    double epsilon;             /* added to the variance */
};

/* What the operator makes of filters x: columns of n rows, each output channel by itself. */
void nn_standardize_columns(int64_t rows, int n, double epsilon, const real *x, real *y);

#endif
