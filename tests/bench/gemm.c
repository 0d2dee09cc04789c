/*
 * gemm -- the matrix products of kernels.def, GFLOP/s on one core
 */
#include "tests/bench/bench.h"

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"

#include <stdio.h>
#include <stdlib.h>

static float *numbers(size_t n)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);

    for (size_t i = 0; x && i < n; i++)
        x[i] = rng_f32(1, rng_stream(RNG_TEST, 0), i) - 0.5f;
    return x;
}

/* The lines of kernels.def whose function is a gemm; NULL for the others. */
#define GEMM_OR_NULL(f) _Generic(&(f), nn_gemm_f32_fn *: &(f), default: NULL)

static const struct {
    const char *name;
    nn_gemm_f32_fn *fn;
} gemms[] = {
#define KERNEL(slot, isa) { #isa, GEMM_OR_NULL(nn_##slot##_##isa) },
#include "nn/kernel/kernels.def"
#undef KERNEL
};

bool bench_gemm(struct err *err)
{
    /* Rows, columns, depth: convolutions of small and large pictures. */
    static const int shape[][3] = {
        { 1024, 64, 576 }, { 256, 128, 1152 }, { 64, 256, 2304 },
        { 3136, 64, 147 }, { 784, 512, 128 },
    };
    enum { N = sizeof gemms / sizeof *gemms };

    (void)err;
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
        int m = shape[s][0], n = shape[s][1], k = shape[s][2];
        float *a = numbers((size_t)m * k), *b = numbers((size_t)k * n), *c = numbers((size_t)m * n);
        double seconds[N][BENCH_ROUNDS];

        for (int r = 0; r < BENCH_ROUNDS; r++)
            for (int i = 0; i < N; i++) {
                double start = bench_now();

                if (gemms[i].fn)
                    gemms[i].fn(false, false, m, n, k, a, k, b, n, false, c, n);
                seconds[i][r] = bench_now() - start;
            }
        printf("  %5d x %4d x %4d", m, n, k);
        for (int i = 0; i < N; i++)
            if (gemms[i].fn)
                printf("   %s %7.1f", gemms[i].name,
                       2e-9 * m * n * k / bench_median(seconds[i], BENCH_ROUNDS));
        printf("\n");
        free(a);
        free(b);
        free(c);
    }
    return true;
}
