/*
 * tensor -- element types, shapes, dense arrays
 */
#include "nn/base/tensor.h"

#include "nn/base/arena.h"

#include <assert.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[DTYPE_COUNT] = {
    [DTYPE_F32] = { "f32", sizeof(real) },
    [DTYPE_F16] = { "f16", 2 },
    [DTYPE_BF16] = { "bf16", 2 },
    [DTYPE_I8] = { "i8", 1 },
    [DTYPE_U8] = { "u8", 1 },
    [DTYPE_I32] = { "i32", 4 },
    [DTYPE_I64] = { "i64", 8 },
};

size_t dtype_size(enum dtype t)
{
    assert((unsigned)t < DTYPE_COUNT);
    return dtypes[t].size;
}

const char *dtype_name(enum dtype t)
{
    assert((unsigned)t < DTYPE_COUNT);
    return dtypes[t].name;
}

bool dtype_find(const char *name, enum dtype *t)
{
    for (int i = 0; i < DTYPE_COUNT; i++) {
        if (!strcmp(dtypes[i].name, name)) {
            *t = (enum dtype)i;
            return true;
        }
    }
    return false;
}

int64_t shape_count(const struct shape *s)
{
    int64_t n = 1;

    for (int i = 0; i < s->rank; i++)
        n *= s->dim[i];
    return n;
}

bool shape_equal(const struct shape *a, const struct shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

bool shape_bytes(const struct shape *s, enum dtype t, size_t *bytes)
{
    size_t n = dtype_size(t);
    bool empty = false;

    if (s->rank < 0 || s->rank > SHAPE_MAX_RANK)
        return false;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0)
            return false;
        if (s->dim[i] == 0)
            empty = true;
        /* A 0 does not excuse the others: shape_count multiplies in order. */
        else if ((uint64_t)s->dim[i] > SIZE_MAX || !size_mul(n, (size_t)s->dim[i], &n))
            return false;
    }
    if (n > PTRDIFF_MAX)
        return false;
    *bytes = empty ? 0 : n;
    return true;
}

void *tensor_at(const struct tensor *t, int64_t i)
{
    return t->data ? (char *)t->data + (size_t)i * dtype_size(t->dtype) : NULL;
}

real tensor_number(const struct tensor *t, int64_t i)
{
    return t->dtype == DTYPE_BF16 ? (real)bf16_float(((const bf16 *)t->data)[i])
                                  : ((const real *)t->data)[i];
}
