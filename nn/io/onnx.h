/*
 * onnx -- a graph and its values as an ONNX file
 *
 * No operator's name appears here or in onnx_write.c: an operator's ONNX form is its .onnx name
 * and field table, or its onnx_write hook over the calls below.  Our meaning is NHWC, ONNX's
 * NCHW: a value of rank 4 is written as NCHW; hooks whose result depends on the order (flatten,
 * reshape) ask for a transpose.  All forms are the same in opsets 13 to 17.
 */
#ifndef NN_ONNX_H
#define NN_ONNX_H

#include "nn/params.h"

enum { NN_ONNX_OPSET_MIN = 13, NN_ONNX_OPSET_MAX = 17 };

struct nn_onnx_options {
    const char *input, *output;         /* names in the file, not alike: "image", "probability" */
    int node;                           /* its value is the output; what that needs is written */
    int opset;
    int batch;                          /* the first dimension; 0: "N", any */
    bool nhwc;                          /* the input of rank 4 as NHWC, turned inside */
    /* Of each channel, or both NULL.  With them the input is uint8, and the graph begins with
     * x * scale + shift. */
    const float *scale, *shift;
    int n_meta;
    const char *const (*meta)[2];       /* metadata_props: key, value */
};

/* The file's bytes; free() them.  The graph is the inference form; its values are in p.  NULL on
 * failure. */
uint8_t *nn_onnx_pack(const struct nn_graph *g, const struct nn_params *p,
                      const struct nn_onnx_options *opt, size_t *size, struct err *err);

/* --- for onnx_write hooks ---
 *
 * False and NULL mean that memory ran out and nothing else; nn_onnx_write reports it, a hook passes
 * it on.  After it all calls do nothing.
 */
struct nn_onnx_out;

struct nn_onnx_node {
    const struct nn_graph *graph;
    int id;
    const void *attr;
    int n_in;
    const char *const *in;              /* names of the inputs in the file */
    const char *out;                    /* name of the result */
};

/* Starts a node; the attributes that follow belong to it.  Names are copied. */
bool nn_onnx_begin(struct nn_onnx_out *o, const char *op_type, int n_in, const char *const *in,
                   const char *out);
bool nn_onnx_int(struct nn_onnx_out *o, const char *name, int64_t value);
bool nn_onnx_float(struct nn_onnx_out *o, const char *name, double value);
bool nn_onnx_word(struct nn_onnx_out *o, const char *name, const char *value);
bool nn_onnx_ints(struct nn_onnx_out *o, const char *name, int n, const int *value);
/* The attributes of the node's field table that have an ONNX name. */
bool nn_onnx_fields(struct nn_onnx_out *o, const struct nn_onnx_node *node);

/* A new unique name: "BASE_7".  Lent until the file is written; NULL when memory is out. */
const char *nn_onnx_name(struct nn_onnx_out *o, const char *base);
/* An initializer; returns its name.  A scalar has rank 0, the others rank 1. */
const char *nn_onnx_scalar(struct nn_onnx_out *o, const char *base, double value);
/* n numbers, all of this value. */
const char *nn_onnx_repeat(struct nn_onnx_out *o, const char *base, int n, double value);
const char *nn_onnx_floats(struct nn_onnx_out *o, const char *base, int n, const float *value);
const char *nn_onnx_int64s(struct nn_onnx_out *o, const char *base, int n, const int64_t *value);
/* Input i of the node, one number a channel, so that it can be multiplied with or added to the
 * node's result. */
const char *nn_onnx_channels(struct nn_onnx_out *o, const struct nn_onnx_node *node, int i);
/* out = from as another type: TensorProto's numbers of them. */
enum { NN_ONNX_TO_FLOAT = 1, NN_ONNX_TO_INT64 = 7, NN_ONNX_TO_BOOL = 9 };
bool nn_onnx_cast(struct nn_onnx_out *o, const char *from, int to, const char *out);
/* out = from * scale + shift, these two as nn_onnx_channels returns them. */
bool nn_onnx_affine(struct nn_onnx_out *o, const char *from, const char *scale, const char *shift,
                    const char *out);
/* Dimension `ours` of a value of this rank in the file, and the other way round. */
int nn_onnx_axis(int rank, int ours);
int nn_onnx_ours(int rank, int axis);
/* Name of a value in NHWC order when `from` is a rank-4 value of the graph (NCHW in the file) with
 * more than one pixel; `from` itself otherwise.  And back. */
const char *nn_onnx_to_nhwc(struct nn_onnx_out *o, const char *from, const struct nn_type *type);
/* As nn_onnx_to_nhwc, of one pixel too. */
const char *nn_onnx_turned(struct nn_onnx_out *o, const char *from, const struct nn_type *type);
bool nn_onnx_from_nhwc(struct nn_onnx_out *o, const char *from, const struct nn_type *type,
                       const char *out);

#endif
