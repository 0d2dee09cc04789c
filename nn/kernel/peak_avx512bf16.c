/*
 * peak, AVX512-BF16 and VNNI -- products of pairs of bf16 and of fours of 8-bit numbers
 */
#include "nn/kernel/peak.h"

#include <immintrin.h>

enum { SUMS = 24 };

#define RUN             nn_peak_bf16_avx512bf16
#define VEC             __m512
#define STEP(s, a, b)   _mm512_dpbf16_ps(s, (__m512bh)(a), (__m512bh)(b))
#include "nn/kernel/peak_body.h"

#define RUN             nn_peak_i8_avx512bf16
#define VEC             __m512i
#define STEP(s, a, b)   _mm512_dpbusd_epi32(s, a, b)
#include "nn/kernel/peak_body.h"
