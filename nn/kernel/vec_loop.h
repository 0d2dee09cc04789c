/*
 * vec_loop -- from vectors to arrays, over the words of vec_ISA.h, which comes first, and kernel.h
 */
#ifndef NN_VEC_LOOP_H
#define NN_VEC_LOOP_H

/* Before a loop of a few turns over arrays of vectors, which are to be registers. */
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* The statement for every vector of n numbers, the last perhaps a part: `at` is its first number,
 * `part` its lanes. */
#define EACH_VEC(n, ...)                                                                           \
    do {                                                                                           \
        int64_t at = 0;                                                                            \
                                                                                                   \
        for (; at + LANES <= (n); at += LANES) {                                                   \
            const struct part part = whole();                                                      \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
        if (at < (n)) {                                                                            \
            const struct part part = first_lanes((n) - at);                                        \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)

#define IN(x) v_load((x) + at, part)
#define OUT(y, v) v_store((y) + at, part, (v))

/* Number `at` of an array of floats, or of bf16 where half, and those behind it. */
VEC_FN vec get(const void *x, bool half, int64_t at, struct part p)
{
    return half ? v_load_bf16((const bf16 *)x + at, p) : v_load((const float *)x + at, p);
}

VEC_FN void put(void *y, bool half, int64_t at, struct part p, vec v)
{
    if (half)
        v_store_bf16((bf16 *)y + at, p, v);
    else
        v_store((float *)y + at, p, v);
}

/* The same of a whole vector at an aligned address, around the caches; v_fence() comes last. */
VEC_FN void put_around(void *y, bool half, int64_t at, vec v)
{
    if (half)
        v_stream_bf16((bf16 *)y + at, v);
    else
        v_stream((float *)y + at, v);
}

#endif
