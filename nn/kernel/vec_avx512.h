/*
 * vec_avx512 -- the words that kernels written once for all vectors are made of: AVX-512
 *
 * The same words as in vec_avx2.h, for 16 lanes.  Every function is inlined into a file compiled
 * for AVX-512, so that none is left for the linker to give to other files.
 */
#ifndef NN_VEC_AVX512_H
#define NN_VEC_AVX512_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define KERNEL_FN(slot) nn_##slot##_avx512
#define VEC_FN static inline __attribute__((always_inline, unused))

enum { LANES = 16, VEC_REGISTERS = 32 };

typedef __m512 vec;             /* floats */
typedef __m512i vint;           /* 32-bit whole numbers */
typedef __mmask16 vmask;        /* a truth value a lane */

/* Which lanes of a vector are in memory: all, or the first few.  Loads fill the others with 0. */
struct part {
    bool whole;
    __mmask16 lanes;
};

VEC_FN struct part whole(void)
{
    return (struct part){ true, 0xffff };
}

/* The first n lanes, 0 < n <= LANES. */
VEC_FN struct part first_lanes(int64_t n)
{
    return (struct part){ false, (__mmask16)((1u << n) - 1) };
}

/* ---- memory ---------------------------------------------------------------------------------- */

VEC_FN vec v_load(const float *x, struct part p)
{
    return p.whole ? _mm512_loadu_ps(x) : _mm512_maskz_loadu_ps(p.lanes, x);
}

VEC_FN void v_store(float *y, struct part p, vec v)
{
    if (p.whole)
        _mm512_storeu_ps(y, v);
    else
        _mm512_mask_storeu_ps(y, p.lanes, v);
}

VEC_FN void v_store_int(int32_t *y, struct part p, vint v)
{
    if (p.whole)
        _mm512_storeu_si512(y, v);
    else
        _mm512_mask_storeu_epi32(y, p.lanes, v);
}

/* Will be read soon; any address. */
VEC_FN void v_prefetch(const void *x)
{
    _mm_prefetch((const char *)x, _MM_HINT_T0);
}

/* The same, but not so soon: into the second cache. */
VEC_FN void v_prefetch_far(const void *x)
{
    _mm_prefetch((const char *)x, _MM_HINT_T1);
}

/* bf16 is the upper half of a float. */
VEC_FN vec v_load_bf16(const uint16_t *x, struct part p)
{
    __m256i half = p.whole ? _mm256_loadu_si256((const __m256i *)x)
                           : _mm256_maskz_loadu_epi16(p.lanes, x);

    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* bf16 of each lane, in its lower half: the nearest, ties to even; a NaN stays one. */
VEC_FN vint v_round_bf16(vec v)
{
    __m512i bits = _mm512_castps_si512(v);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i round = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(1 << 22));

    return _mm512_srli_epi32(_mm512_mask_blend_epi32(nan, round, quiet), 16);
}

VEC_FN void v_store_bf16(uint16_t *y, struct part p, vec v)
{
    __m256i half = _mm512_cvtepi32_epi16(v_round_bf16(v));

    if (p.whole)
        _mm256_storeu_si256((__m256i *)y, half);
    else
        _mm256_mask_storeu_epi16(y, p.lanes, half);
}

/* To aligned memory that will not be read soon, past the caches; v_fence() before others may. */
VEC_FN void v_stream(float *y, vec v)
{
    _mm512_stream_ps(y, v);
}

VEC_FN void v_stream_bf16(uint16_t *y, vec v)
{
    _mm256_stream_si256((__m256i *)y, _mm512_cvtepi32_epi16(v_round_bf16(v)));
}

VEC_FN void v_fence(void)
{
    _mm_sfence();
}

/* y[2 i] = bf16 of lane i of a, y[2 i + 1] of b. */
VEC_FN void v_store_pairs(uint16_t *y, vec a, vec b)
{
    _mm512_storeu_si512(y, _mm512_or_si512(v_round_bf16(a),
                                           _mm512_slli_epi32(v_round_bf16(b), 16)));
}

/* And back: a those with even numbers, b those with odd ones. */
VEC_FN void v_load_pairs(const uint16_t *x, vec *a, vec *b)
{
    __m512i both = _mm512_loadu_si512(x);

    *a = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
    *b = _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32((int)0xffff0000)));
}

/* The same of floats. */
VEC_FN void v_unzip(const float *x, vec *a, vec *b)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28,
                                           30);
    __m512 low = _mm512_loadu_ps(x), high = _mm512_loadu_ps(x + 16);

    *a = _mm512_permutex2var_ps(low, even, high);
    *b = _mm512_permutex2var_ps(low, _mm512_or_si512(even, _mm512_set1_epi32(1)), high);
}

/* x[2 i] = lane i of a, x[2 i + 1] of b. */
VEC_FN void v_store_zipped(float *x, vec a, vec b)
{
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);

    _mm512_storeu_ps(x, _mm512_permutex2var_ps(a, low, b));
    _mm512_storeu_ps(x + 16, _mm512_permutex2var_ps(
                                 a, _mm512_add_epi32(low, _mm512_set1_epi32(8)), b));
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

VEC_FN vec v_set(float x)
{
    return _mm512_set1_ps(x);
}

VEC_FN vec v_zero(void)
{
    return _mm512_setzero_ps();
}

VEC_FN vec v_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

VEC_FN vec v_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

VEC_FN vec v_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

VEC_FN vec v_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}

VEC_FN vec v_sqrt(vec a)
{
    return _mm512_sqrt_ps(a);
}

/* a b + c, rounded once */
VEC_FN vec v_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* c - a b, rounded once */
VEC_FN vec v_fnma(vec a, vec b, vec c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

/* The smaller and the larger; b where either is NaN, and of two zeros. */
VEC_FN vec v_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}

VEC_FN vec v_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

VEC_FN vec v_abs(vec a)
{
    return _mm512_abs_ps(a);
}

/* a with the sign of b */
VEC_FN vec v_copysign(vec a, vec b)
{
    const __m512 sign = _mm512_set1_ps(-0.0f);

    return _mm512_or_ps(_mm512_andnot_ps(sign, a), _mm512_and_ps(sign, b));
}

/* To the nearest whole number, ties to even. */
VEC_FN vec v_round(vec a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* a 2^n, n whole and in [-250,250], rounded once. */
VEC_FN vec v_scale(vec a, vec n)
{
    return _mm512_scalef_ps(a, n);
}

/* ---- choices --------------------------------------------------------------------------------- */

/* A comparison with a NaN is false. */
VEC_FN vmask v_less(vec a, vec b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

VEC_FN vmask v_is_nan(vec a)
{
    return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}

/* Is v a better maximum than best: larger, or the first NaN? */
VEC_FN vmask v_beats(vec v, vec best)
{
    return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(best, best, _CMP_ORD_Q), v, best,
                                   _CMP_NLE_UQ);
}

VEC_FN vmask m_and(vmask a, vmask b)
{
    return a & b;
}

/* m ? a : b */
VEC_FN vec v_select(vmask m, vec a, vec b)
{
    return _mm512_mask_blend_ps(m, b, a);
}

VEC_FN vint v_select_int(vmask m, vint a, vint b)
{
    return _mm512_mask_blend_epi32(m, b, a);
}

/* v in the lanes of the part, others elsewhere. */
VEC_FN vec v_only(struct part p, vec v, vec others)
{
    return p.whole ? v : _mm512_mask_blend_ps(p.lanes, others, v);
}

/* first, first + 1 ... */
VEC_FN vint v_count_from(int32_t first)
{
    return _mm512_add_epi32(_mm512_set1_epi32(first),
                            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                              15));
}

/* Where the numbers are equal. */
VEC_FN vmask v_equal_int(const int32_t *x, struct part p, vint v)
{
    return p.whole ? _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(x), v)
                   : _mm512_mask_cmpeq_epi32_mask(p.lanes, _mm512_maskz_loadu_epi32(p.lanes, x),
                                                  v);
}

VEC_FN vint v_load_int(const int32_t x[LANES])
{
    return _mm512_loadu_si512(x);
}

/* ---- across the lanes ------------------------------------------------------------------------ */

/* Lane i is lane from[i] of v. */
VEC_FN vec v_pick(vec v, vint from)
{
    return _mm512_permutexvar_ps(from, v);
}

/* The rows of a square become its columns. */
VEC_FN void v_transpose(vec r[LANES])
{
    vec a[LANES], b[LANES];     /* pairs of rows, fours of rows: 4 j + i has column i of quarters */

#pragma GCC unroll 8
    for (int i = 0; i < LANES; i += 2) {
        a[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < LANES; i += 4) {
        b[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {       /* 0x88: quarters 0 and 2 of both; 0xdd: 1 and 3 */
        vec p = _mm512_shuffle_f32x4(b[i], b[4 + i], 0x88);
        vec q = _mm512_shuffle_f32x4(b[i], b[4 + i], 0xdd);
        vec s = _mm512_shuffle_f32x4(b[8 + i], b[12 + i], 0x88);
        vec t = _mm512_shuffle_f32x4(b[8 + i], b[12 + i], 0xdd);

        r[i] = _mm512_shuffle_f32x4(p, s, 0x88);
        r[4 + i] = _mm512_shuffle_f32x4(q, t, 0x88);
        r[8 + i] = _mm512_shuffle_f32x4(p, s, 0xdd);
        r[12 + i] = _mm512_shuffle_f32x4(q, t, 0xdd);
    }
}

/* The sum of the lanes, in an order of its own. */
VEC_FN float v_sum(vec v)
{
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));

    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

VEC_FN float v_largest(vec v)
{
    __m256 a = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));

    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

/* A vector of doubles. */
struct vwide {
    __m512d low, high;
};

/* s + v^2 */
VEC_FN struct vwide v_add_square(struct vwide s, vec v)
{
    __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(v)),
            high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));

    return (struct vwide){ _mm512_fmadd_pd(low, low, s.low), _mm512_fmadd_pd(high, high, s.high) };
}

VEC_FN struct vwide v_wide_zero(void)
{
    return (struct vwide){ _mm512_setzero_pd(), _mm512_setzero_pd() };
}

VEC_FN struct vwide v_wide_add(struct vwide a, struct vwide b)
{
    return (struct vwide){ _mm512_add_pd(a.low, b.low), _mm512_add_pd(a.high, b.high) };
}

VEC_FN double v_wide_sum(struct vwide s)
{
    __m512d all = _mm512_add_pd(s.low, s.high);
    __m256d a = _mm256_add_pd(_mm512_castpd512_pd256(all), _mm512_extractf64x4_pd(all, 1));
    __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));

    return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
}

#endif
