/* layernorm -- attributes, for builders; the operator is in layernorm.c */
#ifndef NN_OP_LAYERNORM_H
#define NN_OP_LAYERNORM_H

struct nn_layernorm {
    double epsilon;             /* added to the variance */
};

#endif
