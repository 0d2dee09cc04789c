/* onnx_check_ops -- the operators of onnx_check.h, each as ONNX describes it */
#ifndef NN_ONNX_CHECK_OPS_H
#define NN_ONNX_CHECK_OPS_H

#include "nn/base/arena.h"
#include "nn/base/err.h"
#include "nn/base/tensor.h"

#include "onnx.pb-c.h"

enum {
    NN_ONNX_FLOAT = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
    NN_ONNX_UINT8 = ONNX__TENSOR_PROTO__DATA_TYPE__UINT8,
    NN_ONNX_INT64 = ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
    NN_ONNX_CHECK_IN = 32,
};

struct nn_onnx_value {
    const char *name;
    int type;                   /* one of the three above */
    struct shape shape;
    const void *data;
};

/* A node that is computed. */
struct nn_onnx_job {
    const Onnx__NodeProto *node;
    int n_in;
    struct nn_onnx_value x[NN_ONNX_CHECK_IN];   /* data NULL where an input was left out */
    struct nn_onnx_value *y;    /* its name is set */
    struct arena *mem;          /* of y's numbers */
    struct err *err;
};

/* Fills y, or says what does not fit: ERR_INPUT without the node's name. */
bool nn_onnx_check_node(struct nn_onnx_job *j);

#endif
