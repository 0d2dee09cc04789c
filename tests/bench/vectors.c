/*
 * vectors -- the slots that are bound by memory: GB/s of each level on one core, in the second
 * cache and beyond the last, and the share of what memory gives
 *
 * Bytes are those that a slot must read and write.  The yardstick of the share reads, writes and
 * updates as many arrays of the same size and does nothing with them: a store into memory costs a
 * load too, for it as for the slots.
 */
#include "tests/bench/bench.h"

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 3, ARRAYS = 5, YARD = LEVELS, CHUNK = 1024 };

static const char *const levels[LEVELS] = { "ref", "avx2", "avx512" };

/* What a slot works on: n numbers, as rows of c, or as a picture under a window. */
struct job {
    const struct nn_kernels *k;
    int64_t n;
    int c;
    struct nn_window w;
    real *x[ARRAYS];
    real *factor[3];            /* [c] */
    int32_t *where;
};

/* CASE(name, arrays read, written, updated, call): n numbers are in x, a quarter of it where
 * pictures shrink. */
#define ROWS j->n / j->c, j->c
#define BN(half)                                                                                   \
    .rows = j->n / j->c, .n = j->c, .half_x = half, .half_y = half, .half_r = half, .cuts = true,  \
    .fresh = true, .fresh_r = true, .lo = 0, .hi = INFINITY, .x = x[0], .residual = x[1],          \
    .y = x[2], .dy = x[1], .dx = x[3], .dresidual = x[4], .scale = f[0], .shift = f[1],            \
    .mean = f[2], .p = f[0], .q = f[1], .r = f[2], .sum = f[0], .dot = f[1]
#define CASES(CASE)                                                                                \
    CASE(add, 2, 1, 0, add_f32(j->n, x[0], x[1], x[2]))                                            \
    CASE(mul, 2, 1, 0, mul_f32(j->n, x[0], x[1], x[2]))                                            \
    CASE(muladd, 2, 0, 1, muladd_f32(j->n, x[0], x[1], x[2]))                                      \
    CASE(clamp, 1, 1, 0, clamp_f32(j->n, 0, 6, x[0], x[1]))                                        \
    CASE(clamp_dx, 2, 0, 1, clamp_dx_f32(j->n, 0, 6, x[0], x[1], x[2]))                            \
    CASE(sigmoid, 1, 1, 0, sigmoid_f32(j->n, x[0], x[1]))                                          \
    CASE(sigmoid_dx, 2, 0, 1, sigmoid_dx_f32(j->n, x[0], x[1], x[2]))                              \
    CASE(tanh, 1, 1, 0, tanh_f32(j->n, x[0], x[1]))                                                \
    CASE(tanh_dx, 2, 0, 1, tanh_dx_f32(j->n, x[0], x[1], x[2]))                                    \
    CASE(leaky, 1, 1, 0, leaky_f32(j->n, 0.1f, x[0], x[1]))                                        \
    CASE(leaky_dx, 2, 0, 1, leaky_dx_f32(j->n, 0.1f, x[0], x[1], x[2]))                            \
    CASE(gelu, 1, 1, 0, gelu_f32(j->n, false, x[0], x[1]))                                         \
    CASE(gelu_dx, 2, 0, 1, gelu_dx_f32(j->n, false, x[0], x[1], x[2]))                             \
    CASE(gelu_near, 1, 1, 0, gelu_f32(j->n, true, x[0], x[1]))                                     \
    CASE(gelu_near_dx, 2, 0, 1, gelu_dx_f32(j->n, true, x[0], x[1], x[2]))                         \
    CASE(silu, 1, 1, 0, silu_f32(j->n, x[0], x[1]))                                                \
    CASE(silu_dx, 2, 0, 1, silu_dx_f32(j->n, x[0], x[1], x[2]))                                    \
    CASE(hardswish, 1, 1, 0, hardswish_f32(j->n, x[0], x[1]))                                      \
    CASE(hardswish_dx, 2, 0, 1, hardswish_dx_f32(j->n, x[0], x[1], x[2]))                          \
    CASE(softmax, 1, 1, 0, softmax_f32(ROWS, x[0], x[1]))                                          \
    CASE(softmax_dx, 2, 0, 1, softmax_dx_f32(ROWS, x[0], x[1], x[2]))                              \
    CASE(colsum, 1, 0, 0, colsum_f32(ROWS, x[0], f[0]))                                            \
    CASE(colvar, 1, 0, 0, colvar_f32(ROWS, x[0], f[1], f[0]))                                      \
    CASE(coldot, 2, 0, 0, coldot_f32(ROWS, x[0], x[1], f[1], f[0]))                                \
    CASE(affine, 1, 1, 0, affine_f32(ROWS, x[0], f[0], f[1], x[1]))                                \
    CASE(norm_dx, 2, 0, 1, norm_dx_f32(ROWS, x[0], x[1], f[0], f[1], f[2], x[2]))                  \
    CASE(bn_stats, 1, 0, 0, bn_stats(&(struct nn_bn_rows){ BN(false) }))                           \
    CASE(bn_apply, 2, 1, 0, bn_apply(&(struct nn_bn_rows){ BN(false) }))                           \
    CASE(bn_sums, 3, 0, 0, bn_sums(&(struct nn_bn_rows){ BN(false) }))                             \
    CASE(bn_grad, 3, 2, 0, bn_grad(&(struct nn_bn_rows){ BN(false) }))                             \
    CASE(bn_stats_half, .5, 0, 0, bn_stats(&(struct nn_bn_rows){ BN(true) }))                      \
    CASE(bn_apply_half, 1, .5, 0, bn_apply(&(struct nn_bn_rows){ BN(true) }))                      \
    CASE(bn_sums_half, 1.5, 0, 0, bn_sums(&(struct nn_bn_rows){ BN(true) }))                       \
    CASE(bn_grad_half, 1.5, 1, 0, bn_grad(&(struct nn_bn_rows){ BN(true) }))                       \
    CASE(rownorm, 1, 1, 0, rownorm_f32(ROWS, 1e-5f, x[0], f[0], f[1], x[1], x[2]))                 \
    CASE(rownorm_dx, 2, 0, 1, rownorm_dx_f32(ROWS, x[0], x[3], f[0], x[1], x[2]))                  \
    CASE(rownorm_dw, 2, 0, 0, rownorm_dw_f32(ROWS, x[0], x[3], x[1], f[0]))                        \
    CASE(sgd, 1, 0, 2, sgd_f32(j->n, 1e-9f, 0.9f, 0, true, x[0], x[1], x[2]))                      \
    CASE(adam, 1, 1, 2, adam_f32(j->n, 0.9f, 0.999f, 1, 1, 1e-8f, x[0], x[1], x[2], x[3]))         \
    CASE(lion, 1, 0, 2, lion_f32(j->n, 1e-9f, 0.9f, 0.99f, 0, x[0], x[1], x[2]))                   \
    CASE(mix, 1, 0, 1, mix_f32(j->n, 0.5f, 0.5f, x[0], x[1]))                                      \
    CASE(blend, 1, 0, 1, blend_f32(j->n, 0.1f, x[0], x[1]))                                        \
    CASE(sumsq, 1, 0, 0, sumsq_f32(j->n, x[0]))                                                    \
    CASE(to_bf16, 1, .5, 0, to_bf16(j->n, x[0], (bf16 *)x[1]))                                     \
    CASE(from_bf16, .5, 1, 0, from_bf16(j->n, (const bf16 *)x[0], x[1]))

/* PICTURE(name, window, stride, arrays read, written, updated, call) */
#define HALF(x) (const bf16 *)(x)
#define PICTURES(PICTURE)                                                                          \
    PICTURE(dwconv3, 3, 1, 1, 1, 0, dwconv_f32(&j->w, x[0], f[0], NULL, x[1]))                     \
    PICTURE(dwconv3s2, 3, 2, 1, .25, 0, dwconv_f32(&j->w, x[0], f[0], NULL, x[1]))                 \
    PICTURE(dwconv5, 5, 1, 1, 1, 0, dwconv_f32(&j->w, x[0], f[0], NULL, x[1]))                     \
    PICTURE(dwconv3_dx, 3, 1, 1, 0, 1, dwconv_dx_f32(&j->w, x[0], f[0], x[1]))                     \
    PICTURE(dwconv3s2_dx, 3, 2, .25, 0, 1, dwconv_dx_f32(&j->w, x[0], f[0], x[1]))                 \
    PICTURE(dwconv5_dx, 5, 1, 1, 0, 1, dwconv_dx_f32(&j->w, x[0], f[0], x[1]))                     \
    PICTURE(dwconv3_dw, 3, 1, 2, 0, 0, dwconv_dw_f32(&j->w, x[0], x[1], f[0]))                     \
    PICTURE(dwconv3s2_dw, 3, 2, 1.25, 0, 0, dwconv_dw_f32(&j->w, x[0], x[1], f[0]))                \
    PICTURE(dwconv5_dw, 5, 1, 2, 0, 0, dwconv_dw_f32(&j->w, x[0], x[1], f[0]))                     \
    PICTURE(maxpool2, 2, 2, 1, .25, 0, maxpool_f32(&j->w, x[0], x[1], NULL))                       \
    PICTURE(maxpool3_where, 3, 2, 1, .5, 0, maxpool_f32(&j->w, x[0], x[1], j->where))              \
    PICTURE(scatter, 2, 2, .5, 0, 1, scatter_f32(j->n / 4, j->where, x[0], x[1]))                  \
    PICTURE(dwconv3_half, 3, 1, .5, .5, 0,                                                         \
            dwconv_bf16(&j->w, HALF(x[0]), f[0], NULL, 0, 6, (bf16 *)x[1]))                        \
    PICTURE(dwconv3_dx_half, 3, 1, .5, .5, 0,                                                      \
            dwconv_dx_bf16(&j->w, HALF(x[0]), f[0], false, (bf16 *)x[1]))                          \
    PICTURE(dwconv3_dw_half, 3, 1, 1, 0, 0,                                                        \
            dwconv_dw_bf16(&j->w, HALF(x[0]), HALF(x[1]), f[0]))                                   \
    PICTURE(maxpool2_half, 2, 2, .5, .125, 0,                                                      \
            maxpool_bf16(&j->w, HALF(x[0]), (bf16 *)x[1], NULL))                                   \
    PICTURE(scatter_half, 2, 2, .375, 0, .5,                                                       \
            scatter_bf16(j->n / 4, j->where, HALF(x[0]), (bf16 *)x[1]))                            \
    PICTURE(avgpool2_half, 2, 2, .5, .125, 0,                                                      \
            avgpool_bf16(&j->w, false, HALF(x[0]), true, x[1]))                                    \
    PICTURE(avgpool2_dx_half, 2, 2, .125, .5, 0,                                                   \
            avgpool_dx_bf16(&j->w, false, true, x[0], false, (bf16 *)x[1]))                        \
    PICTURE(avgpool2, 2, 2, 1, .25, 0, avgpool_f32(&j->w, false, x[0], x[1]))                      \
    PICTURE(avgpool2_dx, 2, 2, .25, 0, 1, avgpool_dx_f32(&j->w, false, x[0], x[1]))

#define CASE(name, reads, writes, updates, call)                                                   \
    static void run_##name(const struct job *j)                                                    \
    {                                                                                              \
        real *const *x = j->x, *const *f = j->factor;                                              \
                                                                                                   \
        (void)f;                                                                                   \
        j->k->call;                                                                                \
    }
#define PICTURE(name, size, stride, reads, writes, updates, call)                                  \
    CASE(name, reads, writes, updates, call)
CASES(CASE)
PICTURES(PICTURE)
#undef CASE
#undef PICTURE

static const struct bench_case {
    const char *name;
    void (*run)(const struct job *j);
    double reads, writes, updates;
    int size, stride;           /* of pictures */
} cases[] = {
#define CASE(name, reads, writes, updates, call)                                                   \
    { #name, run_##name, reads, writes, updates, 0, 0 },
#define PICTURE(name, size, stride, reads, writes, updates, call)                                  \
    { #name, run_##name, reads, writes, updates, size, stride },
    CASES(CASE)
    PICTURES(PICTURE)
};

/* Reads, writes and updates the arrays piece by piece; the sum is returned so that it is made. */
static real yard(const struct bench_case *c, const struct job *j)
{
    double counts[3] = { c->reads, c->writes, c->updates };
    real sum[8] = { 0 };

    for (int64_t i = 0; i + CHUNK <= j->n; i += CHUNK)
        for (int how = 0, a = 0; how < 3; how++)
            for (double left = counts[how]; left > 0; left--, a++) {
                int64_t part = left < 1 ? (int64_t)(CHUNK * left) : CHUNK;
                real *x = j->x[a] + (left < 1 ? (int64_t)((double)i * left) : i);

                for (int64_t p = 0; p < part && how == 0; p += 8)
                    for (int k = 0; k < 8; k++)
                        sum[k] += x[p + k];
                for (int64_t p = 0; p < part && how == 1; p++)
                    x[p] = 1;
                for (int64_t p = 0; p < part && how == 2; p++)
                    x[p] += 1;
            }
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

static double timed(const struct bench_case *c, struct job *j, int level, int times)
{
    volatile real kept = 0;
    double start = bench_now();

    for (int t = 0; t < times; t++)
        if (level == YARD)
            kept = yard(c, j);
        else
            c->run(j);
    (void)kept;
    return (bench_now() - start) / times;
}

static void one_case(const struct bench_case *c, struct job *j,
                     const struct nn_kernels *const *kernels)
{
    double seconds[LEVELS + 1][BENCH_ROUNDS], bytes;
    int times[LEVELS + 1] = { 0 };

    bytes = (c->reads + c->writes + 2 * c->updates) * (double)j->n * sizeof(real);
    for (int r = -1; r < BENCH_ROUNDS; r++)
        for (int l = 0; l <= LEVELS; l++) {
            double once;

            if (l < LEVELS && !kernels[l])
                continue;
            j->k = l < LEVELS ? kernels[l] : NULL;
            once = timed(c, j, l, r < 0 ? 1 : times[l]);
            if (r < 0)
                times[l] = once > 0.005 ? 1 : (int)(0.005 / (once + 1e-9)) + 1;
            else
                seconds[l][r] = once;
        }
    printf("  %-15s", c->name);
    for (int l = 0; l < LEVELS; l++)
        if (kernels[l])
            printf(" %s %6.1f", levels[l], 1e-9 * bytes / bench_median(seconds[l], BENCH_ROUNDS));
    printf("  yardstick %6.1f GB/s", 1e-9 * bytes / bench_median(seconds[YARD], BENCH_ROUNDS));
    for (int l = 1; l < LEVELS; l++)
        if (kernels[l])
            printf("  %3.0f %%", 100 * bench_median(seconds[YARD], BENCH_ROUNDS) /
                                    bench_median(seconds[l], BENCH_ROUNDS));
    printf("\n");
    fflush(stdout);
}

/* Everything on n numbers, c channels; pictures are as square as they can be. */
static void all_cases(int64_t n, int c, const struct nn_kernels *const *kernels)
{
    struct job j = { .n = n, .c = c };
    int side = 1;

    for (int a = 0; a < ARRAYS; a++) {
        j.x[a] = aligned_alloc(64, (size_t)n * sizeof(real));
        for (int64_t i = 0; i < n; i++)
            j.x[a][i] = (real)(i * 2654435761 % 1021) / 1021 * (a == 2 ? 1 : 4) - (a == 2 ? 0 : 2);
    }
    for (int a = 0; a < 3; a++) {
        j.factor[a] = calloc((size_t)c * 25, sizeof(real));
        for (int i = 0; i < c * 25; i++)
            j.factor[a][i] = 0.01f;
    }
    j.where = malloc((size_t)n / 2 * sizeof *j.where);
    while ((int64_t)(side + 2) * (side + 2) * c <= n)
        side += 2;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct bench_case *b = &cases[i];

        j.n = n;
        if (b->size) {
            int pad = b->size / 2, stride = b->stride;
            int out = (side + 2 * (b->size % 2 ? pad : 0) - b->size) / stride + 1;

            pad = b->size % 2 ? pad : 0;
            j.w = (struct nn_window){ side, side, c, c, out, out, b->size, b->size, stride, stride,
                                      1, 1, pad, pad };
            j.n = (int64_t)side * side * c;
            for (int64_t p = 0; p < j.n / 4; p++)
                j.where[p] = (int32_t)(4 * p + p % 4);
        }
        one_case(b, &j, kernels);
    }
    for (int a = 0; a < ARRAYS; a++)
        free(j.x[a]);
    for (int a = 0; a < 3; a++)
        free(j.factor[a]);
    free(j.where);
}

bool bench_vectors(struct err *err)
{
    static const struct {
        int64_t n;
        int c;
        const char *what;
    } sizes[] = {
        { 36 * 1024, 96, "in the second cache" }, { 16 << 20, 96, "beyond the last" },
        { 36 * 1024, 768, "in the second cache" }, { 16 << 20, 768, "beyond the last" },
    };
    const struct nn_kernels *kernels[LEVELS];

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        printf("  arrays of %lld numbers, %d channels: %s\n", (long long)sizes[s].n, sizes[s].c,
               sizes[s].what);
        for (int l = 0; l < LEVELS; l++)        /* plain C would take minutes beyond the caches */
            kernels[l] = l || s % 2 == 0 ? nn_kernels_get(levels[l], err) : NULL;
        *err = (struct err){ 0 };
        all_cases(sizes[s].n, sizes[s].c, kernels);
    }
    return true;
}
