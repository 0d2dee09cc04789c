/* transpose -- attributes, for importers; the operator is in transpose.c */
#ifndef NN_OP_TRANSPOSE_H
#define NN_OP_TRANSPOSE_H

#include "nn/op/strided.h"

struct nn_transpose {
    int perm[SHAPE_MAX_RANK - 1];       /* of each dimension after the batch the one of x, from 1 */
};

/* Where y's numbers are in x. */
struct nn_strided nn_transpose_places(const struct nn_call *c);

#endif
