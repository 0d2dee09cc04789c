/* convdw_bf16, amx on the model of the tiles: for tests */
#include "nn/kernel/vec_avx2.h"

#define NN_TILE_MODEL
#include "nn/kernel/tile_amx.h"

enum { PAIR = 2 };
#include "nn/kernel/convdw_cell.h"

VEC_FN vec numbers(const void *x, bool half, int64_t i, struct part p)
{
    if (!x)
        return v_zero();
    return half ? v_load_bf16((const uint16_t *)x + i, p) : v_load((const float *)x + i, p);
}

VEC_FN vec cell_load(const struct from *f, int64_t i, struct part p)
{
    uint16_t pairs[2 * LANES];
    vec cells;

    v_store_pairs(pairs, numbers(f->a, f->half, i, p), numbers(f->b, f->half, i, p));
    __builtin_memcpy(&cells, pairs, sizeof cells);
    return cells;
}

#define BY_VECTORS nn_convdw_bf16_ref
#include "nn/kernel/convdw_tile_body.h"

void nn_convdw_bf16_model(const struct nn_convdw *job)
{
    convdw(job, true);
}
