/*
 * order -- see order.h
 */
#include "nn/base/order.h"

#include <stdint.h>

#define RISING(type, a, b) \
    ((*(const type *)(a) > *(const type *)(b)) - (*(const type *)(a) < *(const type *)(b)))

int order_ints(const void *a, const void *b)
{
    return RISING(int, a, b);
}

int order_hashes(const void *a, const void *b)
{
    return RISING(uint64_t, a, b);
}

int order_floats(const void *a, const void *b)
{
    return RISING(float, a, b);
}

int order_doubles(const void *a, const void *b)
{
    return RISING(double, a, b);
}

int order_floats_falling(const void *a, const void *b)
{
    return RISING(float, b, a);
}

int order_doubles_falling(const void *a, const void *b)
{
    return RISING(double, b, a);
}
