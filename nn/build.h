/*
 * build -- constructors with a sticky error, for models and importers
 *
 * After a failure every call returns -1 and does nothing: check once, with nn_build_end.
 */
#ifndef NN_BUILD_H
#define NN_BUILD_H

#include "nn/graph.h"

struct nn_build {
    struct nn_graph *g;         /* NULL after a failure */
    struct err *err;            /* where the first failure goes */
};

struct nn_build nn_build_begin(struct err *err);
/* The finished, checked graph, which the caller owns; NULL after a failure. */
struct nn_graph *nn_build_end(struct nn_build *b);

/* A node with its derived parameters: inputs that the operator's param hook describes are made and
 * called NAME.SUFFIX.  Any n_in from the ones that are no parameters up. */
int nn_build_node(struct nn_build *b, const struct nn_op *op, const char *name, const void *attr,
                  int n_in, const int *in);
void nn_build_output(struct nn_build *b, const char *name, int node);
/* Dimension i of a node's type: 1 and 2 a picture's height and width, 3 its channels; 0 after a
 * failure. */
int nn_build_dim(const struct nn_build *b, int node, int i);

/* name may be NULL where no parameter is named after it. */
int nn_input(struct nn_build *b, const char *name, int rank, const int *dim);   /* no batch */
int nn_relu(struct nn_build *b, int x);
int nn_relu6(struct nn_build *b, int x);
int nn_add(struct nn_build *b, int x, int y);
int nn_flatten(struct nn_build *b, int x);
int nn_meanpool(struct nn_build *b, int x);
int nn_dropout(struct nn_build *b, int x, double rate);
int nn_droppath(struct nn_build *b, int x, double rate);    /* 0: x itself */
int nn_gelu(struct nn_build *b, int x);
int nn_silu(struct nn_build *b, int x);
int nn_sigmoid(struct nn_build *b, int x);
int nn_hardswish(struct nn_build *b, int x);

struct nn_conv2d;
struct nn_linear;
struct nn_pool;
int nn_conv(struct nn_build *b, const char *name, int x, struct nn_conv2d attr);
int nn_dense(struct nn_build *b, const char *name, int x, struct nn_linear attr);
int nn_batchnorm(struct nn_build *b, const char *name, int x);      /* momentum 0.1 */
struct nn_bn;
int nn_batchnorm_of(struct nn_build *b, const char *name, int x, struct nn_bn attr);
int nn_groupnorm(struct nn_build *b, const char *name, int x, int groups);
int nn_layernorm(struct nn_build *b, const char *name, int x, double epsilon);
struct nn_scale;
int nn_scale(struct nn_build *b, const char *name, int x, struct nn_scale attr);
int nn_maxpool(struct nn_build *b, int x, struct nn_pool attr);
int nn_avgpool(struct nn_build *b, int x, struct nn_pool attr);
struct nn_reshape;
int nn_reshape(struct nn_build *b, int x, struct nn_reshape attr);
struct nn_pad;
int nn_pad(struct nn_build *b, int x, struct nn_pad attr);
int nn_gate(struct nn_build *b, int x, int gate);

#endif
