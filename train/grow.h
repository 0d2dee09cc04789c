/*
 * grow -- pictures that begin small and grow while a training goes on
 *
 * Small pictures teach the coarse first, and cost a fraction (Tan and Le, "EfficientNetV2",
 * arXiv:2104.00298, sec. 4; Howard's progressive resizing).  The last quarter of a training sees
 * them at full size, since that is how they are checked and answered.
 */
#ifndef TRAIN_GROW_H
#define TRAIN_GROW_H

#include "nn/graph.h"

/*
 * The side of the pictures of an epoch that begins when `done` in [0,1] of the training is over:
 * from `share` of `full`, which is the side at the end, or a little more, up in even steps (32
 * pixels; 16 below 128, 4 below 64).  share 1 is always `full`.
 */
int train_grow_side(double share, int full, double done);

/* g with an input "image" of height x width, whose parameters are g's.  ERR_UNSUPPORTED where there
 * is no such network: weights that count pixels, pictures too small for its windows. */
struct nn_graph *train_grow_graph(const struct nn_graph *g, int height, int width,
                                  struct err *err);

#endif
