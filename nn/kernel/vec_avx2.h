/*
 * vec_avx2 -- the words that kernels written once for all vectors are made of: AVX2 and FMA
 *
 * The same words as in vec_avx512.h, for 8 lanes.  Every function is inlined into a file compiled
 * for AVX2, so that none is left for the linker to give to other files.
 */
#ifndef NN_VEC_AVX2_H
#define NN_VEC_AVX2_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define KERNEL_FN(slot) nn_##slot##_avx2
#define VEC_FN static inline __attribute__((always_inline, unused))

enum { LANES = 8, VEC_REGISTERS = 16 };

typedef __m256 vec;             /* floats */
typedef __m256i vint;           /* 32-bit whole numbers */
typedef __m256 vmask;           /* a truth value a lane: all bits or none */

/* Which lanes of a vector are in memory: all, or the first few.  Loads fill the others with 0. */
struct part {
    bool whole;
    __m256i lanes;
    int n;
};

VEC_FN struct part whole(void)
{
    return (struct part){ true, _mm256_set1_epi32(-1), LANES };
}

/* first, first + 1 ... */
VEC_FN vint v_count_from(int32_t first)
{
    return _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The first n lanes, 0 < n <= LANES. */
VEC_FN struct part first_lanes(int64_t n)
{
    return (struct part){
        false, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), v_count_from(0)), (int)n
    };
}

/* ---- memory ---------------------------------------------------------------------------------- */

VEC_FN vec v_load(const float *x, struct part p)
{
    return p.whole ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, p.lanes);
}

VEC_FN void v_store(float *y, struct part p, vec v)
{
    if (p.whole)
        _mm256_storeu_ps(y, v);
    else
        _mm256_maskstore_ps(y, p.lanes, v);
}

VEC_FN void v_store_int(int32_t *y, struct part p, vint v)
{
    if (p.whole)
        _mm256_storeu_si256((__m256i *)y, v);
    else
        _mm256_maskstore_epi32(y, p.lanes, v);
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

/* bf16 is the upper half of a float.  There are no masks for 16 bits: a part goes through a
 * vector's worth of memory. */
VEC_FN vec v_load_bf16(const uint16_t *x, struct part p)
{
    __m128i half;

    if (p.whole) {
        half = _mm_loadu_si128((const __m128i *)x);
    } else {
        uint16_t all[LANES] = { 0 };

        __builtin_memcpy(all, x, (size_t)p.n * sizeof *x);
        half = _mm_loadu_si128((const __m128i *)all);
    }
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

/* bf16 of each lane, in its lower half: the nearest, ties to even; a NaN stays one. */
VEC_FN vint v_round_bf16(vec v)
{
    __m256i bits = _mm256_castps_si256(v);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i round = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256 nan = _mm256_cmp_ps(v, v, _CMP_UNORD_Q);
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(1 << 22));

    return _mm256_srli_epi32(_mm256_blendv_epi8(round, quiet, _mm256_castps_si256(nan)), 16);
}

VEC_FN __m128i v_halves(vec v)
{
    __m256i all = v_round_bf16(v);

    return _mm_packus_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

VEC_FN void v_store_bf16(uint16_t *y, struct part p, vec v)
{
    __m128i half = v_halves(v);

    if (p.whole) {
        _mm_storeu_si128((__m128i *)y, half);
    } else {
        uint16_t eight[LANES];

        _mm_storeu_si128((__m128i *)eight, half);
        __builtin_memcpy(y, eight, (size_t)p.n * sizeof *y);
    }
}

/* To aligned memory that will not be read soon, past the caches; v_fence() before others may. */
VEC_FN void v_stream(float *y, vec v)
{
    _mm256_stream_ps(y, v);
}

VEC_FN void v_stream_bf16(uint16_t *y, vec v)
{
    _mm_stream_si128((__m128i *)y, v_halves(v));
}

VEC_FN void v_fence(void)
{
    _mm_sfence();
}

/* y[2 i] = bf16 of lane i of a, y[2 i + 1] of b. */
VEC_FN void v_store_pairs(uint16_t *y, vec a, vec b)
{
    _mm256_storeu_si256((__m256i *)y, _mm256_or_si256(v_round_bf16(a),
                                                      _mm256_slli_epi32(v_round_bf16(b), 16)));
}

/* And back: a those with even numbers, b those with odd ones. */
VEC_FN void v_load_pairs(const uint16_t *x, vec *a, vec *b)
{
    __m256i both = _mm256_loadu_si256((const __m256i *)x);

    *a = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
    *b = _mm256_castsi256_ps(_mm256_and_si256(both, _mm256_set1_epi32((int)0xffff0000)));
}

/* The same of floats. */
VEC_FN void v_unzip(const float *x, vec *a, vec *b)
{
    __m256 low = _mm256_loadu_ps(x), high = _mm256_loadu_ps(x + 8);
    __m256d even = _mm256_castps_pd(_mm256_shuffle_ps(low, high, 0x88));
    __m256d odd = _mm256_castps_pd(_mm256_shuffle_ps(low, high, 0xdd));

    *a = _mm256_castpd_ps(_mm256_permute4x64_pd(even, 0xd8));
    *b = _mm256_castpd_ps(_mm256_permute4x64_pd(odd, 0xd8));
}

/* x[2 i] = lane i of a, x[2 i + 1] of b. */
VEC_FN void v_store_zipped(float *x, vec a, vec b)
{
    __m256 first = _mm256_unpacklo_ps(a, b), last = _mm256_unpackhi_ps(a, b);

    _mm256_storeu_ps(x, _mm256_permute2f128_ps(first, last, 0x20));
    _mm256_storeu_ps(x + 8, _mm256_permute2f128_ps(first, last, 0x31));
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

VEC_FN vec v_set(float x)
{
    return _mm256_set1_ps(x);
}

VEC_FN vec v_zero(void)
{
    return _mm256_setzero_ps();
}

VEC_FN vec v_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

VEC_FN vec v_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}

VEC_FN vec v_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

VEC_FN vec v_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}

VEC_FN vec v_sqrt(vec a)
{
    return _mm256_sqrt_ps(a);
}

/* a b + c, rounded once */
VEC_FN vec v_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

/* c - a b, rounded once */
VEC_FN vec v_fnma(vec a, vec b, vec c)
{
    return _mm256_fnmadd_ps(a, b, c);
}

/* The smaller and the larger; b where either is NaN, and of two zeros. */
VEC_FN vec v_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}

VEC_FN vec v_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

VEC_FN vec v_abs(vec a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

/* a with the sign of b */
VEC_FN vec v_copysign(vec a, vec b)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);

    return _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, b));
}

/* To the nearest whole number, ties to even. */
VEC_FN vec v_round(vec a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* 2^n, n whole and in [-126,127] */
VEC_FN vec v_power(vint n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* a 2^n, n whole and in [-250,250], rounded once where |a| is near 1: in two steps, of which only
 * the second can leave the range of normal numbers. */
VEC_FN vec v_scale(vec a, vec n)
{
    vint all = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(all, 1);

    return _mm256_mul_ps(_mm256_mul_ps(a, v_power(half)), v_power(_mm256_sub_epi32(all, half)));
}

/* ---- choices --------------------------------------------------------------------------------- */

/* A comparison with a NaN is false. */
VEC_FN vmask v_less(vec a, vec b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

VEC_FN vmask v_is_nan(vec a)
{
    return _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
}

/* Is v a better maximum than best: larger, or the first NaN? */
VEC_FN vmask v_beats(vec v, vec best)
{
    return _mm256_and_ps(_mm256_cmp_ps(best, best, _CMP_ORD_Q),
                         _mm256_cmp_ps(v, best, _CMP_NLE_UQ));
}

VEC_FN vmask m_and(vmask a, vmask b)
{
    return _mm256_and_ps(a, b);
}

/* m ? a : b */
VEC_FN vec v_select(vmask m, vec a, vec b)
{
    return _mm256_blendv_ps(b, a, m);
}

VEC_FN vint v_select_int(vmask m, vint a, vint b)
{
    return _mm256_blendv_epi8(b, a, _mm256_castps_si256(m));
}

/* v in the lanes of the part, others elsewhere. */
VEC_FN vec v_only(struct part p, vec v, vec others)
{
    return p.whole ? v : _mm256_blendv_ps(others, v, _mm256_castsi256_ps(p.lanes));
}

/* Where the numbers are equal; of lanes outside of the part nothing is said. */
VEC_FN vmask v_equal_int(const int32_t *x, struct part p, vint v)
{
    __m256i in = p.whole ? _mm256_loadu_si256((const __m256i *)x)
                         : _mm256_maskload_epi32(x, p.lanes);

    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(in, v));
}

VEC_FN vint v_load_int(const int32_t x[LANES])
{
    return _mm256_loadu_si256((const __m256i *)x);
}

/* ---- across the lanes ------------------------------------------------------------------------ */

/* Lane i is lane from[i] of v. */
VEC_FN vec v_pick(vec v, vint from)
{
    return _mm256_permutevar8x32_ps(v, from);
}

/* The rows of a square become its columns. */
VEC_FN void v_transpose(vec r[LANES])
{
    vec a[LANES], b[LANES];     /* pairs of rows, fours of rows: 4 j + i has column i of halves */

#pragma GCC unroll 4
    for (int i = 0; i < LANES; i += 2) {
        a[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < LANES; i += 4) {
        b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x20);
        r[4 + i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x31);
    }
}

/* The sum of the lanes, in an order of its own. */
VEC_FN float v_sum(vec v)
{
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

VEC_FN float v_largest(vec v)
{
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

/* A vector of doubles. */
struct vwide {
    __m256d low, high;
};

/* s + v^2 */
VEC_FN struct vwide v_add_square(struct vwide s, vec v)
{
    __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(v)),
            high = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));

    return (struct vwide){ _mm256_fmadd_pd(low, low, s.low), _mm256_fmadd_pd(high, high, s.high) };
}

VEC_FN struct vwide v_wide_zero(void)
{
    return (struct vwide){ _mm256_setzero_pd(), _mm256_setzero_pd() };
}

VEC_FN struct vwide v_wide_add(struct vwide a, struct vwide b)
{
    return (struct vwide){ _mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high) };
}

VEC_FN double v_wide_sum(struct vwide s)
{
    __m256d a = _mm256_add_pd(s.low, s.high);
    __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));

    return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
}

#endif
