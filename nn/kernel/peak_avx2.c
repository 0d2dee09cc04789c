/*
 * peak, AVX2 -- twelve accumulators hide the four cycles of two multiply-adders
 */
#include "nn/kernel/peak.h"

#include <immintrin.h>

enum { SUMS = 12 };

#define RUN             nn_peak_f32_avx2
#define VEC             __m256
#define STEP(s, a, b)   _mm256_fmadd_ps(a, b, s)
#include "nn/kernel/peak_body.h"

uint64_t nn_peak_read_avx2(int64_t n, const uint64_t *a)
{
    __m256i s[4] = { _mm256_setzero_si256() };
    _Alignas(32) uint64_t sum[4];

    s[1] = s[2] = s[3] = s[0];
    for (int64_t i = 0; i < n; i += 16)
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
            s[k] = _mm256_add_epi64(s[k], _mm256_load_si256((const __m256i *)(a + i) + k));
    s[0] = _mm256_add_epi64(_mm256_add_epi64(s[0], s[1]), _mm256_add_epi64(s[2], s[3]));
    _mm256_store_si256((__m256i *)sum, s[0]);
    return sum[0] + sum[1] + sum[2] + sum[3];
}

void nn_peak_triad_avx2(int64_t n, const uint64_t *a, const uint64_t *b, uint64_t *c)
{
    for (int64_t i = 0; i < n; i += 4) {
        __m256i x = _mm256_load_si256((const __m256i *)(a + i));
        __m256i y = _mm256_load_si256((const __m256i *)(b + i));

        _mm256_store_si256((__m256i *)(c + i), _mm256_add_epi64(x, _mm256_add_epi64(y, y)));
    }
}
