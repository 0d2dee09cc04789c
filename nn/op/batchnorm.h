/* batchnorm -- attributes, for builders and passes; the operator is in batchnorm.c */
#ifndef NN_OP_BATCHNORM_H
#define NN_OP_BATCHNORM_H

#include <stdbool.h>

struct nn_bn {
    double epsilon;             /* added to the variance */
    double momentum;            /* share of the new batch in the running statistics */
    bool frozen;                /* TRAIN, too, takes the running statistics and leaves them */
};

#endif
