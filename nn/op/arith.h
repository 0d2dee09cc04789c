/* arith -- attributes and the functions, for importers; the operator is in arith.c */
#ifndef NN_OP_ARITH_H
#define NN_OP_ARITH_H

enum nn_arith_kind {
    NN_ARITH_ADD, NN_ARITH_SUB, NN_ARITH_MUL, NN_ARITH_DIV, NN_ARITH_POW, NN_ARITH_MIN,
    NN_ARITH_MAX, NN_ARITH_PRELU, NN_ARITH_MOD, NN_ARITH_FMOD, NN_ARITH_LESS, NN_ARITH_LESS_EQUAL,
    NN_ARITH_EQUAL, NN_ARITH_AND, NN_ARITH_OR, NN_ARITH_XOR, NN_ARITH_WHOLE_DIV, NN_ARITH_KINDS
};

struct nn_arith {
    int kind;                   /* enum nn_arith_kind */
};

double nn_arith_of(enum nn_arith_kind kind, double x, double y);

#endif
