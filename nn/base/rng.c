/*
 * rng -- Philox4x32-10
 *
 * Ten rounds of (c0 c1 c2 c3) -> (hi(B c2) ^ c1 ^ k0, lo(B c2), hi(A c0) ^ c3 ^ k1, lo(A c0)),
 * after each of which the key moves on by the golden ratio and by sqrt(3) - 1.  Salmon et al. 2011,
 * section 3.3.
 */
#include "nn/base/rng.h"

#include <math.h>

static const uint32_t mul_a = 0xD2511F53, mul_b = 0xCD9E8D57;
static const uint32_t weyl_0 = 0x9E3779B9, weyl_1 = 0xBB67AE85;

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)mul_a * c0, b = (uint64_t)mul_b * c2;

        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += weyl_0;
        k1 += weyl_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static void draw(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4])
{
    const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    const uint32_t counter[4] = {
        (uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32),
    };

    rng_philox(counter, key, out);
}

static uint64_t u64(uint32_t high, uint32_t low)
{
    return (uint64_t)high << 32 | low;
}

uint32_t rng_u32(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t w[4];

    draw(seed, stream, index, w);
    return w[0];
}

float rng_f32(uint64_t seed, uint64_t stream, uint64_t index)
{
    return (float)(rng_u32(seed, stream, index) >> 8) * 0x1p-24f;
}

double rng_f64(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t w[4];

    draw(seed, stream, index, w);
    return (double)(u64(w[0], w[1]) >> 11) * 0x1p-53;
}

double rng_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t w[4];

    draw(seed, stream, index, w);

    /* u in (0, 1], so that the logarithm is finite: |result| < 8.6. */
    double u = (double)((u64(w[0], w[1]) >> 11) + 1) * 0x1p-53;
    double v = (double)(u64(w[2], w[3]) >> 11) * 0x1p-53;

    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

uint32_t rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint32_t n)
{
    uint32_t w[4];

    draw(seed, stream, index, w);

    /* floor(n * w / 2^64) of a 64-bit w: no value is favoured by more than 2^-64. */
    uint64_t low = (uint64_t)n * w[1], high = (uint64_t)n * w[0];

    return (uint32_t)((high + (low >> 32)) >> 32);
}

void rng_shuffle(uint64_t seed, uint64_t stream, uint32_t n, uint32_t *order)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = rng_below(seed, stream, i, i + 1);

        if (j != i)
            order[i] = order[j];
        order[j] = i;
    }
}
