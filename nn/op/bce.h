/* bce -- attributes, for builders; the operator is in bce.c */
#ifndef NN_OP_BCE_H
#define NN_OP_BCE_H

struct nn_bce {
    double gamma_pos, gamma_neg;        /* focus on what is hard, where t is 1 and 0; 0: none */
    double margin;                      /* probabilities up to it are right where t is 0 */
};

#endif
