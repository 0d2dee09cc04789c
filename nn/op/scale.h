/* scale -- attributes, for builders; the operator is in scale.c */
#ifndef NN_OP_SCALE_H
#define NN_OP_SCALE_H

#include <stdbool.h>

struct nn_scale {
    double first;               /* value of each factor before training */
    bool fixed;                 /* and ever after */
};

#endif
