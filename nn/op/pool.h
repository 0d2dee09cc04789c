/* pool -- attributes that maxpool and avgpool share */
#ifndef NN_OP_POOL_H
#define NN_OP_POOL_H

#include "nn/op.h"

struct nn_pool {
    int size[2], stride[2];     /* rows, columns */
    int pad[4];                 /* top, left, bottom, right */
    bool whole;                 /* avgpool: padding counts in the mean */
};

#endif
