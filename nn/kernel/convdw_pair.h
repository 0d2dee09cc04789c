/*
 * convdw_pair -- cells that are pairs of bf16, for AVX-512 with instructions for these
 */
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
