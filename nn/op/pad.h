/* pad -- attributes, for importers; the operator is in pad.c */
#ifndef NN_OP_PAD_H
#define NN_OP_PAD_H

enum nn_pad_mode { NN_PAD_CONSTANT, NN_PAD_REFLECT, NN_PAD_EDGE, NN_PAD_WRAP };

struct nn_pad {
    int axis;                   /* from 1 */
    int before, after;          /* places added to it */
    int mode;                   /* enum nn_pad_mode */
    double value;               /* of constant */
};

/* Where place i of the longer dimension lies in one of n; -1: in the constant. */
int nn_pad_place(const struct nn_pad *a, int n, int i);

#endif
