/*
 * gemm_blas -- gemm_f32 on OpenBLAS
 *
 * The library is loaded when it is first asked for: it starts threads, which look for work for tens
 * of milliseconds, and where there are vectors of ours nobody asks.  Where it is missing, plain C
 * computes.
 *
 * One thread a call: ours do the threading.  The thread count of OpenBLAS is process-global in its
 * pthreads flavour and the calling thread's own in its OpenMP flavour (which takes
 * omp_get_max_threads() anew at every call), so each thread sets it on its first call; the serial
 * flavour has none.
 */
#include "nn/kernel/cpu.h"

#ifdef NN_BLAS

#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static struct {
    __typeof__(cblas_sgemm) *sgemm;     /* NULL: there is no library */
    __typeof__(openblas_get_config) *config;
    __typeof__(openblas_get_parallel) *parallel;
    __typeof__(openblas_set_num_threads) *set_threads;
} blas;

/* *to = the function called name. */
static bool take(void *library, const char *name, void *to)
{
    void *f = dlsym(library, name);

    memcpy(to, &f, sizeof f);
    return f;
}

static void load(void)
{
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);

    if (!library || !take(library, "openblas_get_config", &blas.config) ||
        !take(library, "openblas_get_parallel", &blas.parallel) ||
        !take(library, "openblas_set_num_threads", &blas.set_threads) ||
        !take(library, "cblas_sgemm", &blas.sgemm))
        blas.sgemm = NULL;
}

static bool is_there(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, load);
    return blas.sgemm;
}

/* Sets one thread for the calls of this thread. */
static void alone(void)
{
    static _Thread_local bool done;

    if (!done && blas.parallel() != OPENBLAS_SEQUENTIAL)
        blas.set_threads(1);
    done = true;
}

void nn_gemm_f32_blas(bool ta, bool tb, int m, int n, int k, const real *a, int lda, const real *b,
                      int ldb, bool acc, real *c, int ldc)
{
    _Static_assert(sizeof(real) == sizeof(float),
                   "cblas_sgemm is for float: build without NN_BLAS");

    if (m == 0 || n == 0)
        return;
    if (k == 0) {
        for (int i = 0; i < m && !acc; i++)
            memset(c + (int64_t)i * ldc, 0, (size_t)n * sizeof *c);
        return;
    }
    if (!is_there()) {
        nn_gemm_f32_ref(ta, tb, m, n, k, a, lda, b, ldb, acc, c, ldc);
        return;
    }
    alone();
    blas.sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n,
               k, 1, a, lda, b, ldb, acc ? 1 : 0, c, ldc);
}

const char *nn_blas_about(void)
{
    return is_there() ? blas.config() : "";
}

#else

const char *nn_blas_about(void)
{
    return "";
}

#endif
