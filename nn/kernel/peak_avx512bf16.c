/*
 * peak, AVX512-BF16 and VNNI -- products of pairs of bf16 and of fours of 8-bit numbers
 */
#include "nn/kernel/peak.h"

#include <immintrin.h>

enum { SUMS = 24 };

void nn_peak_bf16_avx512bf16(int64_t turns, const void *in, void *sum)
{
    const __m512 *x = in;
    __m512bh a = (__m512bh)x[0], b = (__m512bh)x[1];
    __m512 s[SUMS];

#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++)
        s[i] = _mm512_load_ps((float *)sum + 16 * i);
    for (int64_t t = 0; t < turns; t++)
#pragma GCC unroll 24
        for (int i = 0; i < SUMS; i++)
            s[i] = _mm512_dpbf16_ps(s[i], a, b);
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++)
        _mm512_store_ps((float *)sum + 16 * i, s[i]);
}

void nn_peak_i8_avx512bf16(int64_t turns, const void *in, void *sum)
{
    const __m512i *x = in;
    __m512i a = x[0], b = x[1], s[SUMS];

#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++)
        s[i] = _mm512_load_si512((__m512i *)sum + i);
    for (int64_t t = 0; t < turns; t++)
#pragma GCC unroll 24
        for (int i = 0; i < SUMS; i++)
            s[i] = _mm512_dpbusd_epi32(s[i], a, b);
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++)
        _mm512_store_si512((__m512i *)sum + i, s[i]);
}
