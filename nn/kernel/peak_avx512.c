/*
 * peak, AVX-512 -- twenty-four accumulators, as the kernels have
 */
#include "nn/kernel/peak.h"

#include <immintrin.h>

enum { SUMS = 24 };

#define RUN             nn_peak_f32_avx512
#define VEC             __m512
#define STEP(s, a, b)   _mm512_fmadd_ps(a, b, s)
#include "nn/kernel/peak_body.h"

uint64_t nn_peak_read_avx512(int64_t n, const uint64_t *a)
{
    __m512i s = _mm512_setzero_si512(), t = s;

    for (int64_t i = 0; i < n; i += 16) {
        s = _mm512_add_epi64(s, _mm512_load_si512(a + i));
        t = _mm512_add_epi64(t, _mm512_load_si512(a + i + 8));
    }
    return (uint64_t)_mm512_reduce_add_epi64(_mm512_add_epi64(s, t));
}

void nn_peak_triad_avx512(int64_t n, const uint64_t *a, const uint64_t *b, uint64_t *c)
{
    for (int64_t i = 0; i < n; i += 8) {
        __m512i x = _mm512_load_si512(a + i), y = _mm512_load_si512(b + i);

        _mm512_store_si512(c + i, _mm512_add_epi64(x, _mm512_add_epi64(y, y)));
    }
}
