/*
 * vectors -- the slots that are bound by memory: GB/s of each level on one core, in the second
 * cache and beyond the last, and the share of what memory gives
 *
 * Bytes are those that a slot must read and write, each once: that a store into memory costs a load
 * too, unless it goes around the caches, is the slot's own affair.  Time is this thread's own.  The
 * share is of the bytes a second of a loop that reads such an array and does nothing with it, in
 * turn with the slot, the median over rounds; of depthwise convolution also of the processor's
 * products a second, which bound those of many taps.  `ONLY=dwconv` takes the slots of that in
 * their name.
 */
#include "tests/bench/bench.h"

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"
#include "nn/kernel/peak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 3, ARRAYS = 5, YARD = LEVELS };

static const char *const levels[LEVELS] = { "ref", "avx2", "avx512" };

/* What a slot works on: n numbers, as rows of c, or as pictures under a window. */
struct job {
    const struct nn_kernels *k;
    int64_t n;
    int c;
    struct nn_window w;
    int64_t pictures, in, out;  /* numbers of one before and behind the window */
    real *x[ARRAYS];
    real *factor[3];            /* [c] */
    int32_t *where;
};

/* CASE(name, arrays read, written, updated, call), of n numbers each. */
#define ROWS j->n / j->c, j->c
#define BN(half, z)                                                                                \
    .rows = j->n / j->c, .n = j->c, .half_x = half, .half_y = half, .half_r = half, .cuts = true,  \
    .fresh = true, .fresh_r = true, .large = j->n >= 1 << 22, .lo = 0, .hi = INFINITY,             \
    .x = x[0], .residual = x[1], .y = z, .dy = x[1], .dx = x[3], .scale = f[0], .shift = f[1],     \
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
    CASE(bn_stats, 1, 0, 0, bn_stats(&(struct nn_bn_rows){ BN(false, x[2]) }))                     \
    CASE(bn_apply, 2, 1, 0, bn_apply(&(struct nn_bn_rows){ BN(false, x[2]) }))                     \
    CASE(bn_sums, 2, 0, 0, bn_sums(&(struct nn_bn_rows){ BN(false, NULL) }))                       \
    CASE(bn_sums_y, 3, 0, 0, bn_sums(&(struct nn_bn_rows){ BN(false, x[2]) }))                     \
    CASE(bn_grad_y, 3, 2, 0, bn_grad(&(struct nn_bn_rows){ BN(false, x[2]), .dresidual = x[4] }))  \
    CASE(bn_grad, 2, 1, 0, bn_grad(&(struct nn_bn_rows){ BN(false, NULL) }))                       \
    CASE(bn_stats_half, .5, 0, 0, bn_stats(&(struct nn_bn_rows){ BN(true, x[2]) }))                \
    CASE(bn_apply_half, 1, .5, 0, bn_apply(&(struct nn_bn_rows){ BN(true, x[2]) }))                \
    CASE(bn_sums_half, 1, 0, 0, bn_sums(&(struct nn_bn_rows){ BN(true, NULL) }))                   \
    CASE(bn_sums_y_half, 1.5, 0, 0, bn_sums(&(struct nn_bn_rows){ BN(true, x[2]) }))               \
    CASE(bn_grad_y_half, 1.5, 1, 0,                                                                \
         bn_grad(&(struct nn_bn_rows){ BN(true, x[2]), .dresidual = x[4] }))                       \
    CASE(bn_grad_half, 1, .5, 0, bn_grad(&(struct nn_bn_rows){ BN(true, NULL) }))                  \
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

/* PICTURE(name, window, stride, terms, arrays read, written, updated, call for picture p): terms of
 * a number of the output, where products count. */
#define IN(a) (x[a] + p * j->in)
#define OUT(a) (x[a] + p * j->out)
#define HALF_IN(a) ((bf16 *)x[a] + p * j->in)
#define HALF_OUT(a) ((bf16 *)x[a] + p * j->out)
#define DEPTHWISE(PICTURE, name, size, stride, part)                                               \
    PICTURE(name, size, stride, size *size, 1, part, 0,                                            \
            dwconv_f32(&j->w, IN(0), f[0], NULL, OUT(1)))                                          \
    PICTURE(name##_dx, size, stride, size *size, part, 0, 1,                                       \
            dwconv_dx_f32(&j->w, OUT(0), f[0], IN(1)))                                             \
    PICTURE(name##_dw, size, stride, size *size, 1 + part, 0, 0,                                   \
            dwconv_dw_f32(&j->w, IN(0), OUT(1), f[0]))                                             \
    PICTURE(name##_half, size, stride, size *size, .5, part / 2., 0,                               \
            dwconv_bf16(&j->w, HALF_IN(0), f[0], NULL, 0, 6, HALF_OUT(1)))                         \
    PICTURE(name##_dx_half, size, stride, size *size, part / 2., .5, 0,                            \
            dwconv_dx_bf16(&j->w, HALF_OUT(0), f[0], false, HALF_IN(1)))                           \
    PICTURE(name##_dw_half, size, stride, size *size, .5 + part / 2., 0, 0,                        \
            dwconv_dw_bf16(&j->w, HALF_IN(0), HALF_OUT(1), f[0]))
#define PICTURES(PICTURE)                                                                          \
    DEPTHWISE(PICTURE, dwconv3, 3, 1, 1)                                                           \
    DEPTHWISE(PICTURE, dwconv3s2, 3, 2, .25)                                                       \
    DEPTHWISE(PICTURE, dwconv5, 5, 1, 1)                                                           \
    DEPTHWISE(PICTURE, dwconv5s2, 5, 2, .25)                                                       \
    DEPTHWISE(PICTURE, dwconv7, 7, 1, 1)                                                           \
    DEPTHWISE(PICTURE, dwconv7s2, 7, 2, .25)                                                       \
    PICTURE(maxpool2, 2, 2, 0, 1, .25, 0, maxpool_f32(&j->w, IN(0), OUT(1), NULL))                 \
    PICTURE(maxpool2_half, 2, 2, 0, .5, .125, 0,                                                   \
            maxpool_bf16(&j->w, HALF_IN(0), HALF_OUT(1), NULL))                                    \
    PICTURE(maxpool3_where, 3, 2, 0, 1, .5, 0,                                                     \
            maxpool_f32(&j->w, IN(0), OUT(1), j->where + p * j->out))                              \
    PICTURE(maxpool3_where_half, 3, 2, 0, .5, .375, 0,                                             \
            maxpool_bf16(&j->w, HALF_IN(0), HALF_OUT(1), j->where + p * j->out))                   \
    PICTURE(maxpool2_dx, 2, 2, 0, .5, 1, 0,                                                        \
            maxpool_dx_f32(&j->w, j->where, OUT(0), false, IN(1)))                                 \
    PICTURE(maxpool2_dx_half, 2, 2, 0, .375, .5, 0,                                                \
            maxpool_dx_bf16(&j->w, j->where, HALF_OUT(0), false, HALF_IN(1)))                      \
    PICTURE(maxpool3_dx, 3, 2, 0, .5, 1, 0,                                                        \
            maxpool_dx_f32(&j->w, j->where, OUT(0), false, IN(1)))                                 \
    PICTURE(maxpool3_dx_half, 3, 2, 0, .375, .5, 0,                                                \
            maxpool_dx_bf16(&j->w, j->where, HALF_OUT(0), false, HALF_IN(1)))                      \
    PICTURE(avgpool2, 2, 2, 0, 1, .25, 0, avgpool_f32(&j->w, false, IN(0), OUT(1)))                \
    PICTURE(avgpool2_half, 2, 2, 0, .5, .125, 0,                                                   \
            avgpool_bf16(&j->w, false, HALF_IN(0), true, HALF_OUT(1)))                             \
    PICTURE(avgpool3, 3, 2, 0, 1, .25, 0, avgpool_f32(&j->w, false, IN(0), OUT(1)))                \
    PICTURE(avgpool3_half, 3, 2, 0, .5, .125, 0,                                                   \
            avgpool_bf16(&j->w, false, HALF_IN(0), true, HALF_OUT(1)))                             \
    PICTURE(avgpool2_dx, 2, 2, 0, .25, 1, 0,                                                       \
            avgpool_dx_f32(&j->w, false, OUT(0), false, IN(1)))                                    \
    PICTURE(avgpool3_dx, 3, 2, 0, .25, 1, 0,                                                       \
            avgpool_dx_f32(&j->w, false, OUT(0), false, IN(1)))                                    \
    PICTURE(avgpool2_dx_half, 2, 2, 0, .125, .5, 0,                                                \
            avgpool_dx_bf16(&j->w, false, true, HALF_OUT(0), false, HALF_IN(1)))                   \
    PICTURE(avgpool3_dx_half, 3, 2, 0, .125, .5, 0,                                                \
            avgpool_dx_bf16(&j->w, false, true, HALF_OUT(0), false, HALF_IN(1)))

#define CASE(name, reads, writes, updates, call)                                                   \
    static void run_##name(const struct job *j)                                                    \
    {                                                                                              \
        real *const *x = j->x, *const *f = j->factor;                                              \
                                                                                                   \
        (void)f;                                                                                   \
        j->k->call;                                                                                \
    }
#define PICTURE(name, size, stride, terms, reads, writes, updates, call)                           \
    static void run_##name(const struct job *j)                                                    \
    {                                                                                              \
        real *const *x = j->x, *const *f = j->factor;                                              \
                                                                                                   \
        (void)f;                                                                                   \
        for (int64_t p = 0; p < j->pictures; p++)                                                  \
            j->k->call;                                                                            \
    }
CASES(CASE)
PICTURES(PICTURE)
#undef CASE
#undef PICTURE

static const struct bench_case {
    const char *name;
    void (*run)(const struct job *j);
    double reads, writes, updates;
    int size, stride, terms;    /* of pictures */
} cases[] = {
#define CASE(name, reads, writes, updates, call)                                                   \
    { #name, run_##name, reads, writes, updates, 0, 0, 0 },
#define PICTURE(name, size, stride, terms, reads, writes, updates, call)                           \
    { #name, run_##name, reads, writes, updates, size, stride, terms },
    CASES(CASE)
    PICTURES(PICTURE)
};

/* What there is to be had: products and sums a second of a level, and how memory is read. */
struct peaks {
    double flops[LEVELS];
    nn_peak_read_fn *read;
};

static double timed(const struct bench_case *c, const struct job *j, const struct peaks *p,
                    int level, int times)
{
    volatile uint64_t kept = 0;
    double start = bench_cpu();

    for (int t = 0; t < times; t++)
        if (level == YARD)
            kept = p->read(j->n / 32 * 16, (const uint64_t *)j->x[0]);
        else
            c->run(j);
    (void)kept;
    return (bench_cpu() - start) / times;
}

/* In turn, BENCH_ROUNDS times; the loop that only reads is level YARD. */
static void measure(const struct bench_case *c, struct job *j, const struct peaks *peaks,
                    const struct nn_kernels *const *kernels,
                    double seconds[LEVELS + 1][BENCH_ROUNDS])
{
    int times[LEVELS + 1] = { 0 };

    for (int r = -1; r < BENCH_ROUNDS; r++)
        for (int l = 0; l <= LEVELS; l++) {
            double once;

            if (l < LEVELS && !kernels[l])
                continue;
            j->k = l < LEVELS ? kernels[l] : NULL;
            once = timed(c, j, peaks, l, r < 0 ? 1 : times[l]);
            if (r < 0)
                times[l] = once > 0.005 ? 1 : (int)(0.005 / (once + 1e-9)) + 1;
            else
                seconds[l][r] = once;
        }
}

static void one_case(const struct bench_case *c, struct job *j, const struct peaks *peaks,
                     const struct nn_kernels *const *kernels)
{
    double seconds[LEVELS + 1][BENCH_ROUNDS], share[BENCH_ROUNDS], bytes, flops, read;

    measure(c, j, peaks, kernels, seconds);
    read = (double)(j->n / 32 * 32) * sizeof(real);
    bytes = (c->reads + c->writes + 2 * c->updates) * (double)j->n * sizeof(real);
    flops = 2. * c->terms * (double)(j->pictures * j->out);
    printf("  %-19s", c->name);
    for (int l = 0; l < LEVELS; l++) {
        double median;

        if (!kernels[l])
            continue;
        for (int r = 0; r < BENCH_ROUNDS; r++)
            share[r] = bytes / seconds[l][r] / (read / seconds[YARD][r]);
        median = bench_median(seconds[l], BENCH_ROUNDS);
        printf(" %s %6.1f GB/s %4.0f %%", levels[l], 1e-9 * bytes / median,
               100 * bench_median(share, BENCH_ROUNDS));
        if (c->terms && peaks->flops[l] > 0)
            printf(" %6.1f GF/s %3.0f %%", 1e-9 * flops / median,
                   100 * flops / median / peaks->flops[l]);
    }
    printf("  read %6.1f GB/s\n", 1e-9 * read / bench_median(seconds[YARD], BENCH_ROUNDS));
    fflush(stdout);
}

/* As many pictures as n numbers hold, at most `side` pixels high and wide, under the window. */
static void set_window(struct job *j, const struct bench_case *b, int64_t n, int side)
{
    int pad = b->size % 2 ? b->size / 2 : 0, out;

    while (side > 2 && (int64_t)side * side * j->c > n)
        side -= 2;
    out = (side + 2 * pad - b->size) / b->stride + 1;
    j->w = (struct nn_window){ side, side, j->c, j->c, out, out, b->size, b->size, b->stride,
                               b->stride, 1, 1, pad, pad };
    j->in = (int64_t)side * side * j->c;
    j->out = (int64_t)out * out * j->c;
    j->pictures = n / j->in;
    j->n = j->pictures * j->in;
}

/* Where the largest under each window of a picture lies. */
static void find_places(struct job *j)
{
    struct err err = { 0 };

    nn_kernels_get("ref", &err)->maxpool_f32(&j->w, j->x[0], j->x[1], j->where);
}

/* Everything on n numbers, c channels. */
static void all_cases(int64_t n, int c, int side, const struct peaks *peaks,
                      const struct nn_kernels *const *kernels)
{
    const char *only = bench_word("ONLY", "");
    struct job j = { .c = c };

    for (int a = 0; a < ARRAYS; a++) {
        j.x[a] = aligned_alloc(64, (size_t)n * sizeof(real));
        for (int64_t i = 0; i < n; i++)
            j.x[a][i] = (real)(i * 2654435761 % 1021) / 1021 * (a == 2 ? 1 : 4) - (a == 2 ? 0 : 2);
    }
    for (int a = 0; a < 3; a++) {
        j.factor[a] = calloc((size_t)c * 49, sizeof(real));
        for (int i = 0; i < c * 49; i++)
            j.factor[a][i] = 0.01f;
    }
    j.where = malloc((size_t)n / 2 * sizeof *j.where);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct bench_case *b = &cases[i];

        if (!strstr(b->name, only))
            continue;
        j.n = n;
        if (b->size)
            set_window(&j, b, n, side);
        if (strstr(b->name, "_dx"))
            find_places(&j);
        one_case(b, &j, peaks, kernels);
    }
    for (int a = 0; a < ARRAYS; a++)
        free(j.x[a]);
    for (int a = 0; a < 3; a++)
        free(j.factor[a]);
    free(j.where);
}

static struct peaks find_peaks(void)
{
    static const struct {
        unsigned need;
        nn_peak_read_fn *read;
    } reads[] = {
#define PEAK(type, isa, operations)
#define SWEEP(isa) { CPU_##isa, nn_peak_read_##isa },
#include "nn/kernel/peaks.def"
#undef SWEEP
#undef PEAK
    };
    struct peaks p = { .read = nn_peak_read_ref };

    for (int l = 1; l < LEVELS; l++) {          /* a level's bit, and those below */
        const struct nn_peak *best = nn_peak_best(NN_PEAK_f32, cpu_can() & ((2u << l) - 1));

        p.flops[l] = best ? nn_peak_rate(best, NULL) : 0;
    }
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
        if (cpu_can() & reads[i].need)
            p.read = reads[i].read;
    return p;
}

bool bench_vectors(struct err *err)
{
    static const struct {
        int64_t n;
        int c, side;
        const char *what;
    } sizes[] = {
        { 36 * 1024, 96, 112, "in the second cache" }, { 32 << 20, 96, 112, "beyond the last" },
        { 36 * 1024, 768, 14, "in the second cache" }, { 32 << 20, 768, 14, "beyond the last" },
    };
    const struct nn_kernels *kernels[LEVELS];
    struct peaks peaks = find_peaks();

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        if (s % 2 == 0 && *bench_word("BEYOND", ""))
            continue;
        printf("  arrays of %lld numbers, %d channels: %s\n", (long long)sizes[s].n, sizes[s].c,
               sizes[s].what);
        for (int l = 0; l < LEVELS; l++)        /* plain C would take minutes beyond the caches */
            kernels[l] = l || s % 2 == 0 ? nn_kernels_get(levels[l], err) : NULL;
        *err = (struct err){ 0 };
        all_cases(sizes[s].n, sizes[s].c, sizes[s].side, &peaks, kernels);
    }
    return true;
}
