/* matmul -- attributes, for importers; the operator is in matmul.c */
#ifndef NN_OP_MATMUL_H
#define NN_OP_MATMUL_H

#include "nn/op/strided.h"

struct nn_matmul {
    bool turned;                /* b is [..., N, K] */
};

/* Where matrices of y have theirs: input i's in steps of matrices; the last dimension is 1. */
struct nn_strided nn_matmul_places(const struct nn_call *c);

#endif
