/* transpose -- attributes, for importers; the operator is in transpose.c */
#ifndef NN_OP_TRANSPOSE_H
#define NN_OP_TRANSPOSE_H

#include "nn/base/tensor.h"

struct nn_transpose {
    int perm[SHAPE_MAX_RANK - 1];       /* of each dimension after the batch the one of x, from 1 */
};

#endif
