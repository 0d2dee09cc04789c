/* expand -- attributes, for importers; the operator is in expand.c */
#ifndef NN_OP_EXPAND_H
#define NN_OP_EXPAND_H

#include "nn/base/tensor.h"

struct nn_expand {
    int shape[SHAPE_MAX_RANK - 1];      /* after the batch */
};

#endif
