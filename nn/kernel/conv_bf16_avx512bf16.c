/*
 * conv_bf16_avx512bf16 -- conv_bf16: a step is a pair of channels, two products and sums a lane
 */
#include "nn/kernel/kernel.h"
#include "nn/kernel/vec_avx512.h"

enum { SIZE = 2, MOST = 4, TALLEST = 12 };
#define BLOCKS TO_12(1) TO_12(2) TO_8(3) TO_6(4)
#define PICKED_BLOCKS TO_12(1) TO_6(2)
#define TALL_PICKED(g) (12 / (g))
#define EACH_BLOCKS BLOCKS_OF(1) BLOCKS_OF(2) BLOCKS_OF(3) BLOCKS_OF(4)
#define TALL(g) ((g) < 3 ? 12 : (g) < 4 ? 8 : 6)

typedef __m512i step;

VEC_FN step step_all(const char *x)
{
    int pair;

    __builtin_memcpy(&pair, x, sizeof pair);
    return _mm512_set1_epi32(pair);
}

/* A vector of x, and the lanes of it that `from` says. */
VEC_FN step step_seen(const char *x, struct part there)
{
    return _mm512_maskz_loadu_epi32(there.lanes, x);
}

VEC_FN step step_pick(step x, vint from)
{
    return _mm512_permutexvar_epi32(from, x);
}

VEC_FN step step_load(const char *b)
{
    return _mm512_loadu_si512(b);
}

VEC_FN vec step_add(step x, step w, vec sum)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);
}

VEC_FN void store_half(bf16 *y, struct part p, vec v)
{
    __m256i half = (__m256i)_mm512_cvtneps_pbh(v);

    if (p.whole)
        _mm256_storeu_si256((__m256i *)y, half);
    else
        _mm256_mask_storeu_epi16(y, p.lanes, half);
}

/* 32 of two vectors. */
VEC_FN void store_halves(bf16 *y, vec a, vec b)
{
    _mm512_storeu_si512(y, (__m512i)_mm512_cvtne2ps_pbh(b, a));
}

#include "nn/kernel/conv_body.h"

void nn_conv_bf16_avx512bf16(const struct nn_conv *job)
{
    conv(job);
}
