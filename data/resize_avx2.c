/*
 * resize, AVX2 -- two rows in the two halves of a register, four outputs at a time
 *
 * Across: the 16 bytes at a tap hold its pixel and more; a shuffle makes of two of them the 16-bit
 * pairs R R, G G, B B, which one multiply-add brings to three 32-bit sums.  Down: two rows
 * interleaved by bytes are such pairs at once.  Low and high parts of the weights have sums of
 * their own, that meet at the end.
 */
#include "data/resize.h"

#include <immintrin.h>
#include <string.h>

enum { OUTPUTS = 4 };           /* of the pass across, side by side: a store of 12 bytes a row */

/* weight[0], weight[1] in every pair. */
static inline __m256i pair(const int16_t *weight)
{
    int32_t both;

    memcpy(&both, weight, sizeof both);
    return _mm256_set1_epi32(both);
}

static inline __m256i add_pair(__m256i sum, __m256i samples, __m256i weights)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(samples, weights));
}

static inline __m256i level(__m256i low, __m256i high)
{
    __m256i sum = _mm256_add_epi32(low, _mm256_slli_epi32(high, DATA_RESIZE_LOW));

    return _mm256_srai_epi32(sum, DATA_RESIZE_BITS);
}

/* Two rows, across. */
static inline void across_two(const struct data_resize_pass *p, const uint8_t *row0,
                              const uint8_t *row1, uint8_t *out0, uint8_t *out1)
{
    const __m256i first_two = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
    const __m256i next_two = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
    const __m256i rgb = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    const __m256i half = _mm256_set1_epi32(1 << (DATA_RESIZE_BITS - 1));
    int taps = p->taps;

    for (int i = 0; i < p->n; i += OUTPUTS) {
        __m256i low[OUTPUTS], high[OUTPUTS], v;

        for (int k = 0; k < OUTPUTS; k++) {
            int o = i + k < p->n ? i + k : p->n - 1;    /* behind the last: again the last */
            const int16_t *w = p->weight + 2 * (ptrdiff_t)o * taps;
            ptrdiff_t at = 3 * (ptrdiff_t)p->first[o];

            low[k] = half;
            high[k] = _mm256_setzero_si256();
            for (int t = 0; t < taps; t += 4, at += 12) {
                __m256i s = _mm256_inserti128_si256(
                    _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(row0 + at))),
                    _mm_loadu_si128((const __m128i *)(row1 + at)), 1);
                __m256i two = _mm256_shuffle_epi8(s, first_two);

                low[k] = add_pair(low[k], two, pair(w + t));
                high[k] = add_pair(high[k], two, pair(w + taps + t));
                if (t + 2 == taps)
                    break;
                two = _mm256_shuffle_epi8(s, next_two);
                low[k] = add_pair(low[k], two, pair(w + t + 2));
                high[k] = add_pair(high[k], two, pair(w + taps + t + 2));
            }
            low[k] = level(low[k], high[k]);
        }
        v = _mm256_packus_epi16(_mm256_packs_epi32(low[0], low[1]),
                                _mm256_packs_epi32(low[2], low[3]));
        v = _mm256_shuffle_epi8(v, rgb);
        _mm_storeu_si128((__m128i *)(out0 + 3 * (ptrdiff_t)i), _mm256_castsi256_si128(v));
        _mm_storeu_si128((__m128i *)(out1 + 3 * (ptrdiff_t)i), _mm256_extracti128_si256(v, 1));
    }
}

void data_resize_across_avx2(const struct data_resize_pass *p, const uint8_t *const *rows,
                             uint8_t *const *out)
{
    across_two(p, rows[0], rows[1], out[0], out[1]);
    across_two(p, rows[2], rows[3], out[2], out[3]);
}

void data_resize_down_avx2(int bytes, int taps, const int16_t *weight, const uint8_t *const *rows,
                           uint8_t *out)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i half = _mm256_set1_epi32(1 << (DATA_RESIZE_BITS - 1));

    for (int at = 0; at < bytes; at += 32) {
        __m256i low[4] = { half, half, half, half }, high[4] = { zero, zero, zero, zero }, v;

        for (int t = 0; t < taps; t += 2) {
            __m256i a = _mm256_loadu_si256((const __m256i *)(rows[t] + at));
            __m256i b = _mm256_loadu_si256((const __m256i *)(rows[t + 1] + at));
            __m256i front = _mm256_unpacklo_epi8(a, b), back = _mm256_unpackhi_epi8(a, b);
            __m256i s[4] = { _mm256_unpacklo_epi8(front, zero), _mm256_unpackhi_epi8(front, zero),
                             _mm256_unpacklo_epi8(back, zero), _mm256_unpackhi_epi8(back, zero) };
            __m256i w = pair(weight + t), x = pair(weight + taps + t);

            for (int k = 0; k < 4; k++) {
                low[k] = add_pair(low[k], s[k], w);
                high[k] = add_pair(high[k], s[k], x);
            }
        }
        for (int k = 0; k < 4; k++)
            low[k] = level(low[k], high[k]);
        v = _mm256_packus_epi16(_mm256_packs_epi32(low[0], low[1]),
                                _mm256_packs_epi32(low[2], low[3]));
        if (bytes - at >= 32) {
            _mm256_storeu_si256((__m256i *)(out + at), v);
        } else {
            uint8_t last[32];

            _mm256_storeu_si256((__m256i *)last, v);
            memcpy(out + at, last, (size_t)(bytes - at));
        }
    }
}
