/* concat -- attributes, for writers of other forms; the operator is in concat.c */
#ifndef NN_OP_CONCAT_H
#define NN_OP_CONCAT_H

struct nn_concat {
    int axis;                   /* from 1; -1 is the last */
};

#endif
