/* droppath -- attributes, for builders; the operator is in droppath.c */
#ifndef NN_OP_DROPPATH_H
#define NN_OP_DROPPATH_H

struct nn_droppath {
    double rate;                /* share of the pictures that are dropped */
};

#endif
