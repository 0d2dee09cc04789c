/* lrn -- attributes, for importers; the operator is in lrn.c */
#ifndef NN_OP_LRN_H
#define NN_OP_LRN_H

struct nn_lrn {
    int size;                   /* channels that count */
    double alpha, beta, bias;
};

#endif
