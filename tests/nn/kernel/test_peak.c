/*
 * test_peak -- the loops that measure peaks do the work that is counted
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/base/cpu.h"
#include "nn/kernel/peak.h"

#include <string.h>

/* With ones for factors every product adds 1 to one of the sums. */
static void sums_are_as_many_as_operations(void **state)
{
    enum { TURNS = 5 };
    static const uint32_t ones[] = {
        [NN_PEAK_f32] = 0x3f800000, [NN_PEAK_bf16] = 0x3f803f80, [NN_PEAK_i8] = 0x01010101,
    };
    _Alignas(64) uint32_t in[NN_PEAK_BYTES / 4], sum[NN_PEAK_BYTES / 4];

    (void)state;
    for (const struct nn_peak *p = nn_peaks; p->run; p++) {
        double total = 0;

        if (!(p->need & cpu_can()))
            continue;
        for (int i = 0; i < NN_PEAK_BYTES / 4; i++)
            in[i] = ones[p->type];
        memset(sum, 0, sizeof sum);
        p->run(TURNS, in, sum);
        for (int i = 0; i < NN_PEAK_BYTES / 4; i++) {
            float f;

            memcpy(&f, &sum[i], sizeof f);
            total += p->type == NN_PEAK_i8 ? sum[i] : (double)f;
        }
        if (2 * total != (double)p->operations * TURNS)
            fail_msg("%s %s: %g operations, not %g", nn_peak_types[p->type], p->isa, 2 * total,
                     (double)p->operations * TURNS);
    }
}

static void sweeps_compute_what_is_counted(void **state)
{
    enum { N = 48 };
    _Alignas(64) uint64_t a[N], b[N], c[N];

    (void)state;
#define PEAK(type, isa, operations)
#define SWEEP(isa) \
    if (CPU_##isa & cpu_can()) { \
        for (int i = 0; i < N; i++) { \
            a[i] = (uint64_t)i * i; \
            b[i] = (uint64_t)i + 7; \
        } \
        nn_peak_triad_##isa(N, a, b, c); \
        for (int i = 0; i < N; i++) \
            assert_int_equal(c[i], i * i + 2 * (i + 7)); \
        assert_int_equal(nn_peak_read_##isa(N, a), (N - 1) * N * (2 * N - 1) / 6); \
    }
#include "nn/kernel/peaks.def"
#undef PEAK
#undef SWEEP
}

static void best_is_of_the_set_that_is_allowed(void **state)
{
    (void)state;
    assert_string_equal(nn_peak_best(NN_PEAK_f32, CPU_ref)->isa, "ref");
    assert_null(nn_peak_best(NN_PEAK_bf16, CPU_ref | CPU_avx2 | CPU_avx512));
    if (cpu_can() & CPU_avx512)
        assert_string_equal(nn_peak_best(NN_PEAK_f32, CPU_ref | CPU_avx2)->isa, "avx2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_as_many_as_operations),
        cmocka_unit_test(sweeps_compute_what_is_counted),
        cmocka_unit_test(best_is_of_the_set_that_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
