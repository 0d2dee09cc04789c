/* conv2d_depthwise -- conv2d where each channel has its own filter */
#ifndef NN_OP_CONV2D_DEPTHWISE_H
#define NN_OP_CONV2D_DEPTHWISE_H

#include "nn/op.h"

/* Bytes of c->scratch that they want, and the passes; dx heeds c->fresh. */
size_t nn_conv2d_depthwise_scratch(const struct nn_call *c);
void nn_conv2d_depthwise(const struct nn_call *c);
/* As nn_op.rows. */
void nn_conv2d_depthwise_rows(const struct nn_call *c, int64_t picture, int first, int n,
                              int worker);
void nn_conv2d_depthwise_dx(const struct nn_call *c);
void nn_conv2d_depthwise_dw(const struct nn_call *c);

#endif
