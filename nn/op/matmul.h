/* matmul -- attributes, for importers; the operator is in matmul.c */
#ifndef NN_OP_MATMUL_H
#define NN_OP_MATMUL_H

#include <stdbool.h>

struct nn_matmul {
    bool turned;                /* b is [..., N, K] */
};

#endif
