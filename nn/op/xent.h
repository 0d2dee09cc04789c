/* xent -- attributes, for builders; the operator is in xent.c */
#ifndef NN_OP_XENT_H
#define NN_OP_XENT_H

struct nn_xent {
    double smooth;              /* share of a target that is spread evenly over the labels */
    double gamma;               /* focus on what is hard; 0: none */
};

#endif
