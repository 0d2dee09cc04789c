/* ops -- the operators of ONNX files, each lowered by a function: val.h */
#ifndef NN_IO_ONNX_IN_OPS_H
#define NN_IO_ONNX_IN_OPS_H

#include "nn/io/onnx_in/val.h"

/* A node of the file that becomes ours. */
typedef struct nn_onnx_at {
    nn_onnx_reader *r;
    const Onnx__NodeProto *node;
    int n_in, n_out;
    nn_onnx_val **x;            /* NULL: left out */
    nn_onnx_val **y;            /* to be set; all that somebody reads */
} nn_onnx_at;

typedef bool nn_onnx_lower_fn(nn_onnx_at *a);

/* NULL: no such operator is known. */
nn_onnx_lower_fn *nn_onnx_lower_find(const Onnx__NodeProto *node);

/* ---- attributes ---- */

const Onnx__AttributeProto *nn_onnx_attribute(const Onnx__NodeProto *node, const char *name);
/* The number that was meant by a float: 1e-05 is no 9.99999975e-06. */
double nn_onnx_decimal(float x);
int64_t nn_onnx_at_int(const nn_onnx_at *a, const char *name, int64_t otherwise);
double nn_onnx_at_float(const nn_onnx_at *a, const char *name, double otherwise);
/* Whether a word is what the attribute says, or otherwise where it is not there. */
bool nn_onnx_at_is(const nn_onnx_at *a, const char *name, const char *word, const char *otherwise);
/* Up to `most` whole numbers; how many, -1: there is no such attribute, -2: an error is set. */
int nn_onnx_at_ints(const nn_onnx_at *a, const char *name, int most, int64_t *out);
/* The same, or from input i, which newer opsets have instead. */
int nn_onnx_at_ints_or(nn_onnx_at *a, const char *name, int i, int most, int64_t *out);
/* A dimension, counted from the end where negative; -1 and an error: there is none. */
int nn_onnx_at_axis(const nn_onnx_at *a, int64_t axis, int rank);
/* Input i; an error where it was left out. */
nn_onnx_val *nn_onnx_at_in(const nn_onnx_at *a, int i);
/* Sets result 0; false where v is NULL. */
bool nn_onnx_at_done(nn_onnx_at *a, nn_onnx_val *v);
bool nn_onnx_at_cannot(const nn_onnx_at *a, const char *what);

/* The file's name of the operator's parameter "X.weight", or "X.bias", is what our node is called:
 * X; else it is called as its result. */
const char *nn_onnx_at_name(const nn_onnx_at *a, const nn_onnx_val *weight);

#define NN_ONNX_OPS(OP) \
    OP(conv) OP(max_pool) OP(average_pool) OP(global_pool) OP(batch_norm) OP(instance_norm) \
    OP(layer_norm) OP(gemm) OP(matmul) OP(softmax) OP(identity) OP(reshape) OP(flatten) \
    OP(transpose) OP(squeeze) OP(unsqueeze) OP(concat) OP(slice) OP(split) OP(pad) OP(gather) \
    OP(shape) OP(size) OP(constant) OP(constant_of_shape) OP(range) OP(expand) OP(tile) OP(cast) \
    OP(unary) OP(binary) OP(clip) OP(activation) OP(reduce) OP(arg) OP(where) \
    OP(resize) OP(lrn) OP(group_norm) OP(space) OP(trilu) OP(cumsum) OP(gather_elements) \
    OP(gather_nd) \
    OP(scatter_nd) OP(quantize) OP(dequantize) OP(dynamic_quantize) OP(integer) OP(quantized)
#define NN_ONNX_OP(name) nn_onnx_lower_fn nn_onnx_lower_##name;
NN_ONNX_OPS(NN_ONNX_OP)
#undef NN_ONNX_OP

/* A linear layer: x over its last dimension; weight as in files, [out,in]. */
nn_onnx_val *nn_onnx_linear(nn_onnx_reader *r, nn_onnx_val *x, nn_onnx_val *weight,
                            nn_onnx_val *bias, const char *name);
/* x with numbers before and behind those of a dimension; p's own axis is not looked at. */
struct nn_pad;
nn_onnx_val *nn_onnx_padded(nn_onnx_reader *r, nn_onnx_val *x, int axis, const struct nn_pad *p);
/* x made one along dimensions (a set), which go. */
nn_onnx_val *nn_onnx_reduced(nn_onnx_reader *r, int kind, nn_onnx_val *x, unsigned set,
                             bool last);
/* log sum exp along dimensions, with the largest taken off so that nothing overflows. */
nn_onnx_val *nn_onnx_log_sum_exp(nn_onnx_reader *r, nn_onnx_val *x, unsigned set);
/* x normalised over its dimension `axis`. */
nn_onnx_val *nn_onnx_layer_normed(nn_onnx_reader *r, nn_onnx_val *x, int axis, nn_onnx_val *gamma,
                                  nn_onnx_val *beta, double epsilon);
nn_onnx_val *nn_onnx_group_normed(nn_onnx_reader *r, nn_onnx_val *x, int groups,
                                  nn_onnx_val *gamma, nn_onnx_val *beta, double epsilon);

#endif
