/* reduce -- attributes, for importers; the operator is in reduce.c */
#ifndef NN_OP_REDUCE_H
#define NN_OP_REDUCE_H

#include "nn/base/tensor.h"

enum nn_reduce_kind { NN_REDUCE_SUM, NN_REDUCE_MEAN, NN_REDUCE_MAX, NN_REDUCE_MIN, NN_REDUCE_PROD,
                      NN_REDUCE_ARGMAX, NN_REDUCE_ARGMIN };

struct nn_reduce {
    int kind;                   /* enum nn_reduce_kind */
    int axes[SHAPE_MAX_RANK - 1];       /* from 1 */
    bool keep;                  /* they stay, as 1 */
    bool last;                  /* argmax, argmin: of several the last place */
};

#endif
