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

/* ---- for the operators ---- */

/* The error that shapes or attributes are none that are written here; false. */
bool nn_onnx_job_misfit(const struct nn_onnx_job *j);

/* y of this shape; NULL when memory is out or the shape is none. */
float *nn_onnx_job_make(const struct nn_onnx_job *j, int rank, const int64_t *dim);

/* An attribute, or NULL; a whole number, and out[n] of them, each `otherwise` where it is not
 * there.  False: there are not n. */
const Onnx__AttributeProto *nn_onnx_job_attribute(const struct nn_onnx_job *j, const char *name);
int64_t nn_onnx_job_int(const struct nn_onnx_job *j, const char *name, int64_t otherwise);
bool nn_onnx_job_ints(const struct nn_onnx_job *j, const char *name, int n, int64_t otherwise,
                      int64_t *out);

/* Operators of onnx_check_window.c. */
bool nn_onnx_check_conv(struct nn_onnx_job *j);
bool nn_onnx_check_pool(struct nn_onnx_job *j);

/* Operators of onnx_check_more.c, which look at the types of their inputs themselves. */
bool nn_onnx_check_shape(struct nn_onnx_job *j);
bool nn_onnx_check_slice(struct nn_onnx_job *j);
bool nn_onnx_check_pad(struct nn_onnx_job *j);
bool nn_onnx_check_expand(struct nn_onnx_job *j);
bool nn_onnx_check_gather(struct nn_onnx_job *j);
bool nn_onnx_check_matmul(struct nn_onnx_job *j);
bool nn_onnx_check_reduce(struct nn_onnx_job *j);
bool nn_onnx_check_where(struct nn_onnx_job *j);
bool nn_onnx_check_binary(struct nn_onnx_job *j);
bool nn_onnx_check_cast(struct nn_onnx_job *j);
bool nn_onnx_check_resize(struct nn_onnx_job *j);
bool nn_onnx_check_lrn(struct nn_onnx_job *j);

/* ---- for onnx_check ---- */

/* Fills y, or says what does not fit: ERR_INPUT without the node's name. */
bool nn_onnx_check_node(struct nn_onnx_job *j);

#endif
