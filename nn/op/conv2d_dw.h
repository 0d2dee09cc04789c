/* conv2d_dw -- conv2d towards its weights */
#ifndef NN_OP_CONV2D_DW_H
#define NN_OP_CONV2D_DW_H

#include "nn/op.h"

/* Bytes of c->scratch that it wants, and the step: c->dx[1] += the gradient.  x and dy may
 * each be real or bf16.  Not for depthwise ones. */
size_t nn_conv2d_dw_scratch(const struct nn_call *c);
void nn_conv2d_dw(const struct nn_call *c);

/* Of nn_choice: how many parts there are, and pieces. */
extern const char *const nn_conv2d_dw_names[];
bool nn_conv2d_dw_can(const struct nn_call *c, int variant);
int nn_conv2d_dw_rule(const struct nn_call *c);

#endif
