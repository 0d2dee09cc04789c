/*
 * tensor -- element types, shapes, dense arrays
 *
 * Dense and row-major, the last dimension fastest; pictures are [N,H,W,C].  A tensor never owns its
 * memory.  `real` is what networks compute in: float, or double in the tree that checks gradients
 * (-DNN_REAL=double), where DTYPE_F32 stands for it too.
 */
#ifndef BASE_TENSOR_H
#define BASE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef NN_REAL
#define NN_REAL float
#endif
typedef NN_REAL real;

/* The upper half of a float: sign, 8 bits of exponent, 7 of mantissa.  Only for keeping: sums are
 * made in float. */
typedef uint16_t bf16;

static inline float bf16_float(bf16 h)
{
    uint32_t u = (uint32_t)h << 16;
    float x;

    memcpy(&x, &u, sizeof x);
    return x;
}

/* The nearest, of two the even one; NaN stays NaN. */
static inline bf16 bf16_of(float x)
{
    uint32_t u;

    memcpy(&u, &x, sizeof u);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (bf16)(u >> 16 | 0x40);          /* quiet: its upper half could be infinity's */
    return (bf16)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

enum { SHAPE_MAX_RANK = 8 };

enum dtype {
    DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_I8, DTYPE_U8, DTYPE_I32, DTYPE_I64, DTYPE_COUNT
};

struct shape {
    int rank;                           /* 0 is a scalar */
    int64_t dim[SHAPE_MAX_RANK];
};

struct tensor {
    enum dtype dtype;
    struct shape shape;
    void *data;
};

/* Bytes of one element: of `real` for DTYPE_F32. */
size_t dtype_size(enum dtype t);

/* Where number i lies, NULL where the tensor has no data; and what it is, of DTYPE_F32 and BF16. */
void *tensor_at(const struct tensor *t, int64_t i);
real tensor_number(const struct tensor *t, int64_t i);
const char *dtype_name(enum dtype t);           /* "f32" ... */
bool dtype_find(const char *name, enum dtype *t);

/* Product of the dimensions; 1 for a scalar.  The caller has checked that it fits (shape_bytes). */
int64_t shape_count(const struct shape *s);
bool shape_equal(const struct shape *a, const struct shape *b);

/* *bytes = size of a dense array; false on overflow or a negative dimension. */
bool shape_bytes(const struct shape *s, enum dtype t, size_t *bytes);

#endif
