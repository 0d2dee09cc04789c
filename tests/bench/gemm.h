/*
 * gemm -- those beside us in the bench of matrix products
 */
#ifndef BENCH_GEMM_H
#define BENCH_GEMM_H

#include "nn/kernel/kernel.h"

/* oneDNN's, with the contract of the slot; NULL where the library is not. */
nn_gemm_f32_fn *gemm_onednn(void);

#endif
