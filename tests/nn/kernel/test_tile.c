/*
 * test_tile -- the model of the tiles, which kernels of tiles are tested on
 *
 * That the instructions do the same only a processor that has them can tell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NN_TILE_MODEL
#include "nn/kernel/tile_amx.h"

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"

#include <math.h>
#include <string.h>

enum { N = TILE_ROWS, PAIRS = 16, K = 2 * PAIRS, APART = 200 };

static uint64_t stream(void)
{
    return rng_stream(RNG_TEST, 7);
}

/* Sixteen rows of 64 bytes, APART bytes from one to the next. */
static void a_load_and_a_store_keep_every_byte_and_touch_no_other(void **state)
{
    unsigned char from[N * APART], to[N * APART];
    struct tiles t;

    (void)state;
    for (int i = 0; i < N * APART; i++)
        from[i] = (unsigned char)rng_below(1, stream(), (uint64_t)i, 256);
    memset(to, 7, sizeof to);
    tile_begin(&t);
    tile_load(&t, 3, from, APART);
    tile_store(&t, 3, to, APART);
    tile_end(&t);
    for (int i = 0; i < N * APART; i++)
        assert_int_equal(to[i], i % APART < TILE_BYTES ? from[i] : 7);
}

static void fill(float *x, bf16 *half, int n, uint64_t first, bool whole)
{
    const struct nn_kernels *k = nn_kernels_get("ref", NULL);

    for (int i = 0; i < n; i++)
        x[i] = whole ? (float)rng_below(2, stream(), first + (uint64_t)i, 17) - 8
                     : 2 * rng_f32(2, stream(), first + (uint64_t)i) - 1;
    k->to_bf16(n, x, half);
    k->from_bf16(n, half, x);
}

/* Twice the product of a and packed weights, into tiles that begin with zero. */
static void products_add_up(void **state)
{
    float a[N * K], b[K * N], c[N * N];
    bf16 half_a[N * K], half_b[NN_GROUP * K], spare[K * N];
    const struct nn_kernels *k = nn_kernels_get("ref", NULL);
    struct tiles t;

    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        fill(a, half_a, N * K, 0, whole);
        fill(b, spare, K * N, 1000, whole);
        k->pack_bf16(1, K, N, N, b, false, 0, nn_pack_groups(N), half_b);
        tile_begin(&t);
        tile_zero(&t, 1);
        tile_load(&t, 4, half_a, K * (int)sizeof *half_a);
        tile_load(&t, 6, half_b, NN_GROUP * 2 * (int)sizeof *half_b);
        tile_mac(&t, 1, 4, 6);
        tile_mac(&t, 1, 4, 6);
        tile_store(&t, 1, c, N * (int)sizeof *c);
        tile_end(&t);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double sum = 0, size = 0;

                for (int p = 0; p < K; p++) {
                    sum += 2.0 * a[i * K + p] * b[p * N + j];
                    size += fabs(2.0 * a[i * K + p] * b[p * N + j]);
                }
                assert_true(fabs(c[i * N + j] - sum) <= (whole ? 0 : 1e-6 * size));
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_and_a_store_keep_every_byte_and_touch_no_other),
        cmocka_unit_test(products_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
