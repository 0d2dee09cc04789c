/* made -- nodes that tidy puts in the place of others: helpers of it */
#ifndef NN_IO_ONNX_IN_MADE_H
#define NN_IO_ONNX_IN_MADE_H

#include "nn/io/onnx_in/trace.h"
#include "nn/pass/rewrite.h"

/* Each returns a node of the new graph; -1: an error is set, or where it is said, it is no such. */

const struct nn_node *nn_onnx_node_of(const struct nn_rewrite *w, int id);
/* A node with a name that neither graph has. */
int nn_onnx_made(struct nn_rewrite *w, const struct nn_op *op, const void *attr, int n_in,
                 const int *in);
/* A value with other dimensions: first a multiple of the batch, then `rank` others. */
int nn_onnx_reshaped(struct nn_rewrite *w, int id, int first, int rank, const int *dim);
/* What a trace's linear layer makes of its base. */
int nn_onnx_linear_of(struct nn_rewrite *w, const struct nn_onnx_trace *t);

/* softmax(q k' / sqrt(d) + bias) v, where the three are parts of one value, as one operator; old:
 * the last product, in: what it is of.  -1 also where it is none. */
int nn_onnx_attention(struct nn_rewrite *w, const struct nn_node *old, const int in[2]);

#endif
