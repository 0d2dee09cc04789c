/*
 * block -- an array that a training must find again to go on
 */
#ifndef TRAIN_BLOCK_H
#define TRAIN_BLOCK_H

#include "nn/base/tensor.h"

#include <stdint.h>

enum { TRAIN_MAX_BLOCKS = 16 }; /* of one training */

struct train_block {
    const char *name; /* unique in its training; lives as long as the array */
    real *data;       /* [count], lent: written by who saves, overwritten by who restores */
    int64_t count;
};

#endif
