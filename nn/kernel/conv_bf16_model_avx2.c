/* conv_bf16, amx on the model of the tiles: for tests */
#include "nn/kernel/vec_avx2.h"

#define NN_TILE_MODEL
#include "nn/kernel/tile_amx.h"

#include "nn/kernel/cpu.h"

#define BY_VECTORS nn_conv_bf16_ref
#include "nn/kernel/conv_tile_body.h"

void nn_conv_bf16_model(const struct nn_conv *job)
{
    conv(job);
}
