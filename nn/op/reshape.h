/* reshape -- attributes, for builders and importers; the operator is in reshape.c */
#ifndef NN_OP_RESHAPE_H
#define NN_OP_RESHAPE_H

#include "nn/base/tensor.h"

struct nn_reshape {
    int shape[SHAPE_MAX_RANK - 1];      /* after the batch */
    int batch;                          /* first dimension, of a batch of one; 0: as it is */
};

#endif
