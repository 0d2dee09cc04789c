/*
 * gemm, oneDNN -- its C API for matrices as they lie; OMP_NUM_THREADS=1 keeps it to one thread
 */
#include "tests/bench/gemm.h"

#include <stddef.h>

#ifdef HAVE_ONEDNN

#include <dnnl.h>

static void product(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b,
                    int ldb, bool acc, float *c, int ldc)
{
    dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, 1, a, lda, b, ldb, acc, c, ldc);
}

nn_gemm_f32_fn *gemm_onednn(void)
{
    return product;
}

#else

nn_gemm_f32_fn *gemm_onednn(void)
{
    return NULL;
}

#endif
