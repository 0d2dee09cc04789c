/* convdw_bf16, amx */
#include "nn/kernel/vec_avx512.h"

#include "nn/kernel/tile_amx.h"

enum { PAIR = 2 };
#include "nn/kernel/convdw_pair.h"

#define BY_VECTORS nn_convdw_bf16_avx512bf16
#include "nn/kernel/convdw_tile_body.h"

void nn_convdw_bf16_amx(const struct nn_convdw *job)
{
    convdw(job, true);
}
