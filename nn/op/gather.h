/* gather -- attributes, for importers; the operator is in gather.c */
#ifndef NN_OP_GATHER_H
#define NN_OP_GATHER_H

struct nn_gather {
    int axis;                   /* of x, as it lies */
};

#endif
