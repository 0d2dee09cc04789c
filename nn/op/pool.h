/* pool -- what maxpool and avgpool share: attributes and the window they make */
#ifndef NN_OP_POOL_H
#define NN_OP_POOL_H

#include "nn/op.h"

struct nn_pool {
    int size[2], stride[2];     /* rows, columns */
    int pad[4];                 /* top, left, bottom, right */
    bool whole;                 /* avgpool: padding counts in the mean */
};

#define NN_POOL_FIELDS \
    FIELD_INTS(struct nn_pool, size, "kernel_shape", 2, 0, 1, 4096, \
               "window height and width, in pixels"), \
    FIELD_INTS(struct nn_pool, stride, "strides", 2, 1, 1, 4096, \
               "steps between windows, in pixels"), \
    FIELD_INTS(struct nn_pool, pad, "pads", 4, 0, 0, 4095, \
               "pixels added: top, left, bottom, right")

/* Type hook: no window may lie in the padding alone. */
bool nn_pool_type(const struct nn_op *op, const struct nn_pool *a, const struct nn_type *x,
                  struct nn_type *out, struct err *err);
struct nn_window nn_pool_window(const struct nn_call *c);
int64_t nn_pool_flops(const struct nn_call *c);     /* one a place of every window */
int64_t nn_pool_each(const struct tensor *t);       /* numbers of one picture */

#endif
