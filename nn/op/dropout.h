/* dropout -- attributes, for builders and passes; the operator is in dropout.c */
#ifndef NN_OP_DROPOUT_H
#define NN_OP_DROPOUT_H

struct nn_dropout {
    double rate;                /* share of the numbers that is dropped */
};

#endif
