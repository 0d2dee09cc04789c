/*
 * resize, AVX-512 -- as resize_avx2.c, four rows in the four quarters of a register
 */
#include "data/resize.h"

#include <immintrin.h>
#include <string.h>

enum { OUTPUTS = 4 };

/* weight[0], weight[1] in every pair. */
static inline __m512i pair(const int16_t *weight)
{
    int32_t both;

    memcpy(&both, weight, sizeof both);
    return _mm512_set1_epi32(both);
}

static inline __m512i add_pair(__m512i sum, __m512i samples, __m512i weights)
{
    return _mm512_add_epi32(sum, _mm512_madd_epi16(samples, weights));
}

static inline __m512i level(__m512i low, __m512i high)
{
    __m512i sum = _mm512_add_epi32(low, _mm512_slli_epi32(high, DATA_RESIZE_LOW));

    return _mm512_srai_epi32(sum, DATA_RESIZE_BITS);
}

static inline __m512i four_rows(const uint8_t *const *rows, ptrdiff_t at)
{
    __m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(rows[0] + at)));

    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(rows[1] + at)), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(rows[2] + at)), 2);
    return _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(rows[3] + at)), 3);
}

void data_resize_across_avx512(const struct data_resize_pass *p, const uint8_t *const *rows,
                               uint8_t *const *out)
{
    const __m512i first_two = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
    const __m512i next_two = _mm512_broadcast_i32x4(
        _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
    const __m512i rgb = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    const __m512i half = _mm512_set1_epi32(1 << (DATA_RESIZE_BITS - 1));
    const uint8_t *const four[DATA_RESIZE_ROWS] = { rows[0], rows[1], rows[2], rows[3] };
    int taps = p->taps;

    for (int i = 0; i < p->n; i += OUTPUTS) {
        __m512i low[OUTPUTS], high[OUTPUTS], v;

        for (int k = 0; k < OUTPUTS; k++) {
            int o = i + k < p->n ? i + k : p->n - 1;    /* behind the last: again the last */
            const int16_t *w = p->weight + 2 * (ptrdiff_t)o * taps;
            ptrdiff_t at = 3 * (ptrdiff_t)p->first[o];

            low[k] = half;
            high[k] = _mm512_setzero_si512();
            for (int t = 0; t < taps; t += 4, at += 12) {
                __m512i s = four_rows(four, at), two = _mm512_shuffle_epi8(s, first_two);

                low[k] = add_pair(low[k], two, pair(w + t));
                high[k] = add_pair(high[k], two, pair(w + taps + t));
                if (t + 2 == taps)
                    break;
                two = _mm512_shuffle_epi8(s, next_two);
                low[k] = add_pair(low[k], two, pair(w + t + 2));
                high[k] = add_pair(high[k], two, pair(w + taps + t + 2));
            }
            low[k] = level(low[k], high[k]);
        }
        v = _mm512_packus_epi16(_mm512_packs_epi32(low[0], low[1]),
                                _mm512_packs_epi32(low[2], low[3]));
        v = _mm512_shuffle_epi8(v, rgb);
        _mm_storeu_si128((__m128i *)(out[0] + 3 * (ptrdiff_t)i), _mm512_castsi512_si128(v));
        _mm_storeu_si128((__m128i *)(out[1] + 3 * (ptrdiff_t)i), _mm512_extracti32x4_epi32(v, 1));
        _mm_storeu_si128((__m128i *)(out[2] + 3 * (ptrdiff_t)i), _mm512_extracti32x4_epi32(v, 2));
        _mm_storeu_si128((__m128i *)(out[3] + 3 * (ptrdiff_t)i), _mm512_extracti32x4_epi32(v, 3));
    }
}

void data_resize_down_avx512(int bytes, int taps, const int16_t *weight, const uint8_t *const *rows,
                             uint8_t *out)
{
    const __m512i zero = _mm512_setzero_si512();
    const __m512i half = _mm512_set1_epi32(1 << (DATA_RESIZE_BITS - 1));

    for (int at = 0; at < bytes; at += 64) {
        __mmask64 used = bytes - at < 64 ? ((__mmask64)1 << (bytes - at)) - 1 : ~(__mmask64)0;
        __m512i low[4] = { half, half, half, half }, high[4] = { zero, zero, zero, zero };

        for (int t = 0; t < taps; t += 2) {
            __m512i a = _mm512_loadu_si512(rows[t] + at), b = _mm512_loadu_si512(rows[t + 1] + at);
            __m512i front = _mm512_unpacklo_epi8(a, b), back = _mm512_unpackhi_epi8(a, b);
            __m512i s[4] = { _mm512_unpacklo_epi8(front, zero), _mm512_unpackhi_epi8(front, zero),
                             _mm512_unpacklo_epi8(back, zero), _mm512_unpackhi_epi8(back, zero) };
            __m512i w = pair(weight + t), x = pair(weight + taps + t);

            for (int k = 0; k < 4; k++) {
                low[k] = add_pair(low[k], s[k], w);
                high[k] = add_pair(high[k], s[k], x);
            }
        }
        for (int k = 0; k < 4; k++)
            low[k] = level(low[k], high[k]);
        _mm512_mask_storeu_epi8(out + at, used,
                                _mm512_packus_epi16(_mm512_packs_epi32(low[0], low[1]),
                                                    _mm512_packs_epi32(low[2], low[3])));
    }
}
