/*
 * resnet -- what residual networks of four stages share
 *
 * He et al., "Deep residual learning for image recognition", arXiv:1512.03385, table 1.  Parameter
 * names are timm's and torchvision's.  Strides, paddings and epsilon too, so their weights fit.
 */
#ifndef NN_MODEL_RESNET_H
#define NN_MODEL_RESNET_H

#include "nn/model/model.h"

/* One block behind x, named PREFIX and so on: `channels` wide within, stride `stride` somewhere. */
typedef int nn_resnet_block_fn(struct nn_build *b, const char *prefix, int x, int channels,
                               int stride);

/* A stem; stages of blocks[i] blocks, 64 << i wide, that end `wider` times as wide: each block with
 * droppath and a shortcut, by a 1x1 convolution where the shape changes; the mean and a linear
 * layer. */
struct nn_resnet {
    const struct nn_model *model;
    int blocks[4], wider;
    nn_resnet_block_fn *block;
};
struct nn_graph *nn_resnet_build(const struct nn_resnet *r, const struct nn_model_args *args,
                                 struct err *err);

/* A convolution with padding for its size, and a batch-norm: nn_model_conv_bn. */
int nn_resnet_conv_bn(struct nn_build *b, const char *prefix, const char *conv, const char *bn,
                      int x, int channels, int size, int stride);

#endif
