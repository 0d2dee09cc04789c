/*
 * rng: the published vectors, and numbers that look as random as they should
 *
 * Bounds are some five standard deviations; the numbers are fixed, so these tests never flicker.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/rng.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static void philox_matches_the_published_vectors(void **state)
{
    /* kat_vectors of Random123: philox4x32, 10 rounds. */
    static const struct { uint32_t counter[4], key[2], out[4]; } kat[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { ~0u, ~0u, ~0u, ~0u }, { ~0u, ~0u },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof kat / sizeof kat[0]; i++) {
        uint32_t out[4];

        rng_philox(kat[i].counter, kat[i].key, out);
        assert_memory_equal(out, kat[i].out, sizeof out);
    }
    assert_int_equal(rng_u32(0, 0, 0), 0x6627e8d5);
    assert_int_equal(rng_u32(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
                     0xd16cfe09);
}

static void seed_stream_and_index_all_matter(void **state)
{
    uint32_t x = rng_u32(5, 6, 7);
    uint64_t high = (uint64_t)1 << 63;

    (void)state;
    assert_int_equal(rng_u32(5, 6, 7), x);
    assert_int_not_equal(rng_u32(4, 6, 7), x);
    assert_int_not_equal(rng_u32(5, 7, 7), x);
    assert_int_not_equal(rng_u32(5, 6, 8), x);
    assert_int_not_equal(rng_u32(5 | high, 6, 7), x);
    assert_int_not_equal(rng_u32(5, 6 | high, 7), x);
    assert_int_not_equal(rng_u32(5, 6, 7 | high), x);
    assert_int_not_equal(rng_u32(5, rng_stream(RNG_INIT, 1), 7),
                         rng_u32(5, rng_stream(RNG_ORDER, 1), 7));
}

/* Chi-square of n draws over k cells, as standard deviations from its mean k - 1. */
static double surprise(const int *cell, int k, int n)
{
    double chi2 = 0, expected = (double)n / k;

    for (int i = 0; i < k; i++)
        chi2 += (cell[i] - expected) * (cell[i] - expected) / expected;
    return fabs(chi2 - (k - 1)) / sqrt(2.0 * (k - 1));
}

static void uniform_numbers_fill_the_unit_interval_evenly(void **state)
{
    enum { N = 200000, K = 100 };
    int cell[2][K] = { { 0 } };

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        float x = rng_f32(1, 2, i);
        double y = rng_f64(1, 2, i);

        assert_true(x >= 0 && x < 1 && y >= 0 && y < 1);
        assert_true(x == floorf(x * 0x1p24f) * 0x1p-24f);
        cell[0][(int)(x * K)]++;
        cell[1][(int)(y * K)]++;
    }
    assert_true(surprise(cell[0], K, N) < 5);
    assert_true(surprise(cell[1], K, N) < 5);
}

static void neighbours_are_independent(void **state)
{
    enum { N = 100000 };
    double across_index = 0, across_stream = 0, across_seed = 0;

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        double x = rng_f64(1, 1, i) - 0.5;

        across_index += x * (rng_f64(1, 1, i + 1) - 0.5);
        across_stream += x * (rng_f64(1, 2, i) - 0.5);
        across_seed += x * (rng_f64(2, 1, i) - 0.5);
    }
    /* A product of two has standard deviation 1/12. */
    assert_true(fabs(across_index) < 5 * sqrt(N) / 12);
    assert_true(fabs(across_stream) < 5 * sqrt(N) / 12);
    assert_true(fabs(across_seed) < 5 * sqrt(N) / 12);
}

static void normal_numbers_have_the_moments_of_a_normal(void **state)
{
    enum { N = 200000 };
    double sum[5] = { 0 };

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        double x = rng_normal(3, 4, i);

        assert_true(isfinite(x));
        for (int p = 1; p <= 4; p++)
            sum[p] += pow(x, p) / N;
    }
    assert_true(fabs(sum[1]) < 5 * sqrt(1.0 / N));
    assert_true(fabs(sum[2] - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(sum[3]) < 5 * sqrt(15.0 / N));
    assert_true(fabs(sum[4] - 3) < 5 * sqrt(96.0 / N));
}

static void below_n_is_even_and_in_range(void **state)
{
    enum { N = 70000, K = 7 };
    int cell[K] = { 0 };

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        uint32_t x = rng_below(1, 2, i, K);

        assert_true(x < K);
        cell[x]++;
        assert_int_equal(rng_below(1, 2, i, 1), 0);
        assert_true(rng_below(1, 2, i, UINT32_MAX) < UINT32_MAX);
    }
    assert_true(surprise(cell, K, N) < 5);
}

static void shuffles_are_permutations_each_as_likely(void **state)
{
    enum { N = 24000 };
    static uint32_t order[1000];
    bool seen[1000] = { false };
    int cell[256] = { 0 }, used[24], k = 0;

    (void)state;
    rng_shuffle(9, 8, 1000, order);
    for (int i = 0; i < 1000; i++) {
        assert_true(order[i] < 1000 && !seen[order[i]]);
        seen[order[i]] = true;
    }
    rng_shuffle(9, 8, 0, order);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t p[4];

        rng_shuffle(1, rng_stream(RNG_TEST, i), 4, p);
        cell[p[0] * 64 + p[1] * 16 + p[2] * 4 + p[3]]++;
    }
    for (int i = 0; i < 256; i++) {
        if (cell[i]) {
            assert_true(k < 24);
            used[k++] = cell[i];
        }
    }
    assert_int_equal(k, 24);
    assert_true(surprise(used, 24, N) < 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_matches_the_published_vectors),
        cmocka_unit_test(seed_stream_and_index_all_matter),
        cmocka_unit_test(uniform_numbers_fill_the_unit_interval_evenly),
        cmocka_unit_test(neighbours_are_independent),
        cmocka_unit_test(normal_numbers_have_the_moments_of_a_normal),
        cmocka_unit_test(below_n_is_even_and_in_range),
        cmocka_unit_test(shuffles_are_permutations_each_as_likely),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
