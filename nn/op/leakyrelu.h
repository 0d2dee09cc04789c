/* leakyrelu -- attributes, for writers of other forms; the operator is in leakyrelu.c */
#ifndef NN_OP_LEAKYRELU_H
#define NN_OP_LEAKYRELU_H

struct nn_leakyrelu {
    double slope;
};

#endif
