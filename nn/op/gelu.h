/* gelu -- attributes, for writers of other forms; the operator is in gelu.c */
#ifndef NN_OP_GELU_H
#define NN_OP_GELU_H

enum { NN_GELU_NONE, NN_GELU_TANH };        /* how P is computed */

struct nn_gelu {
    int approximate;
};

#endif
