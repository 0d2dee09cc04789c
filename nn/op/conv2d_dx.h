/* conv2d_dx -- conv2d towards its input */
#ifndef NN_OP_CONV2D_DX_H
#define NN_OP_CONV2D_DX_H

#include "nn/op.h"

/* Bytes of c->scratch that it wants, and the step: c->dx[0] += the gradient, or = where c->fresh
 * says so.  Not for depthwise ones. */
size_t nn_conv2d_dx_scratch(const struct nn_call *c);
void nn_conv2d_dx(const struct nn_call *c);

/* Of nn_choice, with nn_conv2d_names. */
bool nn_conv2d_dx_can(const struct nn_call *c, int variant);
int nn_conv2d_dx_rule(const struct nn_call *c);

#endif
