/* input -- attributes, for builders and passes; the operator is in input.c */
#ifndef NN_OP_INPUT_H
#define NN_OP_INPUT_H

#include "nn/base/tensor.h"

struct nn_input {
    int shape[SHAPE_MAX_RANK - 1];      /* without the batch; ends at the first 0 */
};

#endif
