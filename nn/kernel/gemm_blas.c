/*
 * gemm_blas -- gemm_f32 on OpenBLAS
 *
 * One thread a call: ours do the threading.  The thread count of OpenBLAS is process-global in its
 * pthreads flavour and the calling thread's own in its OpenMP flavour (which takes
 * omp_get_max_threads() anew at every call), so each thread sets it on its first call; the serial
 * flavour has none.
 */
#include "nn/kernel/cpu.h"

#ifdef NN_BLAS

#include <cblas.h>
#include <string.h>

/* Sets one thread for the calls of this thread. */
static void alone(void)
{
    static _Thread_local bool done;

    if (!done && openblas_get_parallel() != OPENBLAS_SEQUENTIAL)
        openblas_set_num_threads(1);
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
    alone();
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n,
                k, 1, a, lda, b, ldb, acc ? 1 : 0, c, ldc);
}

const char *nn_blas_about(void)
{
    return openblas_get_config();
}

#else

const char *nn_blas_about(void)
{
    return "";
}

#endif
