/*
 * onnx_check -- an ONNX file computed as ONNX says, slowly and by itself
 *
 * For checking files as they are written: it shares no code with the operators and knows nothing of
 * our order of dimensions, reads the bytes back, and computes them literally, sums in double.  It
 * knows the operators and attributes that nn_onnx_pack writes, and refuses all others; it is no way
 * to run foreign files.
 */
#ifndef NN_ONNX_CHECK_H
#define NN_ONNX_CHECK_H

#include "nn/base/err.h"
#include "nn/base/tensor.h"

/* A value of the file by its name, of n numbers, wanted in out[n]. */
struct nn_onnx_asked {
    const char *name;
    float *out;
    int64_t n;
};

/* Computes the file in bytes for one input x, of DTYPE_F32 (float, whatever `real` is) or DTYPE_U8,
 * in the shape and order that the file says; but for its first dimension, which may be any.
 * ERR_INPUT: the bytes are no such file, or do not fit x or what is asked. */
bool nn_onnx_compute(const uint8_t *bytes, size_t size, enum dtype type, const struct shape *shape,
                     const void *x, int n_asked, const struct nn_onnx_asked *asked,
                     struct err *err);

#endif
