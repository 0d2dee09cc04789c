/*
 * conv2d_winograd -- which convolutions can be computed by Winograd's tiles, and which are
 */
#ifndef NN_OP_CONV2D_WINOGRAD_H
#define NN_OP_CONV2D_WINOGRAD_H

#include "nn/op/conv2d_cut.h"

/* Can forward, and the pass towards x? */
bool nn_conv2d_winograd_can(const struct nn_call *c);

/* Are they, by rule: is it faster?  Shapes say so, in INFER those of one picture. */
bool nn_conv2d_winograd(const struct nn_call *c);
bool nn_conv2d_winograd_dx(const struct nn_call *c);

/* Bytes of scratch of a worker, for pieces of pictures of `channels`; 64-byte aligned. */
size_t nn_conv2d_winograd_scratch(const struct nn_conv2d_cut *u, int channels);

#endif
