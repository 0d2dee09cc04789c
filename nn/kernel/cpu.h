/*
 * cpu -- what this processor can do, and the kernels for it
 */
#ifndef NN_CPU_H
#define NN_CPU_H

#include "nn/base/cpu.h"
#include "nn/base/err.h"
#include "nn/kernel/kernel.h"

/* A bit for every word that may stand in kernels.def. */
enum nn_isa {
    NN_ISA_ref = CPU_ref,
    NN_ISA_avx2 = CPU_avx2,
    NN_ISA_avx512 = CPU_avx512,
    NN_ISA_avx512bf16 = CPU_avx512bf16,
    NN_ISA_amx = CPU_amx,
    NN_ISA_blas = 1 << 16,      /* of no level: a library's own choice */
    NN_ISA_model = 1 << 17,     /* of no table: the way of kernels of tiles, without (tile_amx.h) */
};

/* Every implementation in kernels.def is declared here. */
#define KERNEL(slot, isa) nn_##slot##_fn nn_##slot##_##isa;
#include "nn/kernel/kernels.def"
#undef KERNEL

/* The bits of enum nn_isa that this processor has. */
unsigned nn_cpu_isa(void);

/* What OpenBLAS says of itself, with the processor that it takes this one for: "OpenBLAS 0.3.21
 * DYNAMIC_ARCH Haswell MAX_THREADS=64"; "" where it is not built in. */
const char *nn_blas_about(void);

/* The table for a level of `cpu_names`, with what is below it: "ref" is plain C alone.  "auto" (or
 * NULL) is all that this processor has, and OpenBLAS where it beats that: where there are no
 * vectors of ours.  Shared and constant; NULL and ERR_USAGE for a name that is none,
 * ERR_UNSUPPORTED for a level that this processor has not.  Thread-safe.  The first call of
 * gemm_f32_blas sets OpenBLAS's thread count, which is process-global, to 1: our pool does the
 * threading. */
const struct nn_kernels *nn_kernels_get(const char *isa, struct err *err);

#endif
