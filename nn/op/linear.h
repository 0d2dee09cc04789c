/* linear -- attributes, for builders and passes; the operator is in linear.c */
#ifndef NN_OP_LINEAR_H
#define NN_OP_LINEAR_H

#include <stdbool.h>

struct nn_linear {
    int width;                  /* of the output */
    bool bias;                  /* input 2 exists */
};

#endif
