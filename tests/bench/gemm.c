/*
 * gemm -- the matrix products of kernels.def beside oneDNN's, on one core
 *
 * Layers y[m,n] = x[m,k] w[k,n] as networks have them: forward, and both gradients (dx = dy w^T, dw
 * += x^T dy).  OpenBLAS knows few processors and picks by name: OPENBLAS_CORETYPE=SkylakeX helps it
 * where there is AVX-512.
 */
#include "tests/bench/bench.h"

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_ONEDNN
#include <dnnl.h>

static void nn_gemm_f32_onednn(bool ta, bool tb, int m, int n, int k, const float *a, int lda,
                               const float *b, int ldb, bool acc, float *c, int ldc)
{
    dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, 1, a, lda, b, ldb, acc, c, ldc);
}
#endif

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
#ifdef HAVE_ONEDNN
    { "onednn", NN_ISA_ref, nn_gemm_f32_onednn },
#endif
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

/* The best implementation first, which all others are compared with. */
static bool compare(const char *what, struct product p, struct err *err)
{
    float *a = numbers((size_t)p.m * p.k), *b = numbers((size_t)p.k * p.n);
    float *c = numbers((size_t)p.m * p.n);
    struct bench_side side[N_GEMMS];
    struct product work[N_GEMMS];
    char line[80];
    int n = 0;

    if (!a || !b || !c) {
        err_set(err, ERR_MEMORY, "gemm: no room for %d x %d x %d", p.m, p.n, p.k);
    } else {
        for (int i = N_GEMMS - 1; i >= 0; i--) {
            bool best = gemms[i].fn == nn_kernels_get("auto", err)->gemm_f32;

            if (!gemms[i].fn || gemms[i].fn == nn_gemm_f32_ref || !(gemms[i].isa & nn_cpu_isa()))
                continue;
            work[n] = p;
            work[n].fn = gemms[i].fn;
            work[n].a = a;
            work[n].b = b;
            work[n].c = c;
            side[n] = (struct bench_side){ gemms[i].name, run, &work[n] };
            if (best) {
                struct bench_side s = side[0];

                side[0] = side[n];
                side[n] = s;
            }
            n++;
        }
        snprintf(line, sizeof line, "%s %d x %d x %d", what, p.m, p.n, p.k);
        bench_sides(line, 2e-9 * p.m * p.n * p.k, "GF", side, n);
    }
    free(a);
    free(b);
    free(c);
    return err->kind == ERR_NONE;
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
