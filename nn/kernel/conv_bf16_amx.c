/* conv_bf16, amx */
#include "nn/kernel/vec_avx512.h"

#include "nn/kernel/tile_amx.h"

#include "nn/kernel/cpu.h"

#define BY_VECTORS nn_conv_bf16_avx512bf16
#include "nn/kernel/conv_tile_body.h"

void nn_conv_bf16_amx(const struct nn_conv *job)
{
    conv(job);
}
