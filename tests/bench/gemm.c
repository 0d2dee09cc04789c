/*
 * gemm -- the matrix products of kernels.def beside oneDNN's, on one core
 *
 * Layers y[m,n] = x[m,k] w[k,n] as networks have them: forward, and both gradients (dx = dy w^T, dw
 * += x^T dy).  OpenBLAS knows few processors and picks by name: OPENBLAS_CORETYPE=SkylakeX helps it
 * where there is AVX-512.  OMP_NUM_THREADS=1 keeps oneDNN to one thread.
 */
#include "tests/bench/bench.h"
#include "tests/bench/gemm.h"

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"
#include "nn/kernel/peak.h"

#include <stdio.h>
#include <stdlib.h>

/* The lines of kernels.def whose function is a gemm; NULL for the others. */
#define GEMM_OR_NULL(f) _Generic(&(f), nn_gemm_f32_fn *: &(f), default: NULL)

static const struct {
    const char *name;
    unsigned isa;
    nn_gemm_f32_fn *fn;
} gemms[] = {
#define KERNEL(slot, isa) { #isa, NN_ISA_##isa, GEMM_OR_NULL(nn_##slot##_##isa) },
#include "nn/kernel/kernels.def"
#undef KERNEL
};

enum { N_GEMMS = sizeof gemms / sizeof *gemms };

struct product {
    nn_gemm_f32_fn *fn;
    bool ta, tb, acc;
    int m, n, k;
    const float *a, *b;
    float *c;
};

static void run(void *ctx)
{
    const struct product *p = ctx;

    p->fn(p->ta, p->tb, p->m, p->n, p->k, p->a, p->ta ? p->m : p->k, p->b, p->tb ? p->k : p->n,
          p->acc, p->c, p->n);
}

static float *numbers(size_t n)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);

    for (size_t i = 0; x && i < n; i++)
        x[i] = rng_f32(1, rng_stream(RNG_TEST, 0), i) - 0.5f;
    return x;
}

/* Ours for this processor first, which the others are compared with; then the others of
 * kernels.def that it can run, but the plain one. */
static int sides(struct product p, struct product *work, struct bench_side *side)
{
    struct err err = { 0 };
    nn_gemm_f32_fn *ours = nn_kernels_get(NULL, &err)->gemm_f32, *onednn = gemm_onednn();
    int n = 1;

    work[0].fn = ours;
    for (int i = N_GEMMS - 1; i >= 0; i--) {
        if (gemms[i].fn == ours)
            side[0].name = gemms[i].name;
        else if (gemms[i].fn && gemms[i].fn != nn_gemm_f32_ref && gemms[i].isa & nn_cpu_isa()) {
            side[n].name = gemms[i].name;
            work[n++].fn = gemms[i].fn;
        }
    }
    side[n].name = "onednn";
    work[n].fn = onednn;
    n += !!onednn;
    for (int i = 0; i < n; i++) {
        p.fn = work[i].fn;
        work[i] = p;
        side[i].run = run;
        side[i].ctx = &work[i];
    }
    return n;
}

static bool compare(const char *what, struct product p, struct err *err)
{
    float *a = numbers((size_t)p.m * p.k), *b = numbers((size_t)p.k * p.n);
    struct product work[N_GEMMS + 1];
    struct bench_side side[N_GEMMS + 1];
    char line[80];
    bool ok;

    p.a = a;
    p.b = b;
    p.c = numbers((size_t)p.m * p.n);
    ok = a && b && p.c;
    if (ok) {
        snprintf(line, sizeof line, "%s %d x %d x %d", what, p.m, p.n, p.k);
        bench_sides(line, 2e-9 * p.m * p.n * p.k, "GF", side, sides(p, work, side));
    } else {
        err_set(err, ERR_MEMORY, "gemm: no room for %d x %d x %d", p.m, p.n, p.k);
    }
    free(a);
    free(b);
    free(p.c);
    return ok;
}

bool bench_gemm(struct err *err)
{
    /* Pictures or pixels, outputs, inputs: heads of classifiers, ViT-B/16, convolutions. */
    static const int layer[][3] = {
        { 1, 1000, 512 }, { 1, 1000, 2048 }, { 1, 4096, 4096 }, { 2, 1000, 2048 },
        { 8, 1000, 2048 }, { 32, 1000, 2048 }, { 128, 10, 512 }, { 128, 102, 512 },
        { 128, 1000, 2048 }, { 32, 4096, 4096 }, { 197, 2304, 768 }, { 197, 3072, 768 },
        { 1576, 768, 3072 }, { 1024, 64, 576 }, { 256, 128, 1152 }, { 64, 256, 2304 },
        { 3136, 64, 147 }, { 784, 512, 128 }, { 1024, 1024, 1024 },
    };

    printf("  peak of one core, from registers: %.0f GF/s\n",
           1e-9 * nn_peak_rate(nn_peak_best(NN_PEAK_f32, cpu_can()), NULL));
    for (size_t i = 0; i < sizeof layer / sizeof *layer; i++) {
        int m = layer[i][0], n = layer[i][1], k = layer[i][2];

        if (!compare("y ", (struct product){ .m = m, .n = n, .k = k }, err) ||
            !compare("dx", (struct product){ .tb = true, .m = m, .n = k, .k = n }, err) ||
            !compare("dw", (struct product){ .ta = true, .acc = true, .m = k, .n = n, .k = m },
                     err))
            return false;
    }
    return true;
}
