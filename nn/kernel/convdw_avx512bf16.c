/* convdw, avx512bf16: cells are pairs of bf16 of two pictures */
#include "nn/kernel/vec_avx512.h"

enum { PAIR = 2, VECTORS = 4 };
#define BLOCKS TO_6(4) TO_8(3) TO_12(2) TO_14(1)
VEC_FN int most_channels(int v)
{
    return v == 4 ? 6 : v == 3 ? 8 : v == 2 ? 12 : 14;
}

#include "nn/kernel/convdw_cell.h"

/* bf16 of one place, each in 32 bits. */
VEC_FN __m512i halves(const void *x, bool half, int64_t i, struct part p)
{
    __m256i h;

    if (!x)
        return _mm512_setzero_si512();
    if (half)
        h = p.whole ? _mm256_loadu_si256((const __m256i *)((const uint16_t *)x + i))
                    : _mm256_maskz_loadu_epi16(p.lanes, (const uint16_t *)x + i);
    else
        h = (__m256i)_mm512_cvtneps_pbh(v_load((const float *)x + i, p));
    return _mm512_cvtepu16_epi32(h);
}

VEC_FN vec cell_load(const struct from *f, int64_t i, struct part p)
{
    __m512i a = halves(f->a, f->half, i, p), b = halves(f->b, f->half, i, p);

    return _mm512_castsi512_ps(_mm512_or_si512(a, _mm512_slli_epi32(b, 16)));
}

VEC_FN vec cell_mac(vec sum, vec x, vec dy)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)dy);
}

#include "nn/kernel/convdw_body.h"

void nn_convdw_bf16_avx512bf16(const struct nn_convdw *job)
{
    convdw(job, true);
}
