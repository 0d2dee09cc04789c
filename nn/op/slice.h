/* slice -- attributes, for importers; the operator is in slice.c */
#ifndef NN_OP_SLICE_H
#define NN_OP_SLICE_H

struct nn_slice {
    int axis;                   /* from 1 */
    int start, step, count;     /* places start, start + step ... of it, count of them */
};

#endif
