/*
 * convdw_plain_body -- the weight gradient with cells that are floats
 *
 * Where the processor has no products of bf16, these become floats while they are copied.
 */
#include "nn/kernel/convdw_cell.h"

VEC_FN vec cell_load(const struct from *f, int64_t i, struct part p)
{
    const float *x = f->a;
    uint16_t half[LANES];

    if (f->half)
        return v_load_bf16((const uint16_t *)f->a + i, p);
    if (!f->round)
        return v_load(x + i, p);
    v_store_bf16(half, whole(), v_load(x + i, p));
    return v_load_bf16(half, whole());
}

VEC_FN vec cell_mac(vec sum, vec x, vec dy)
{
    return v_fma(x, dy, sum);
}

#include "nn/kernel/convdw_body.h"

void KERNEL_FN(convdw_f32)(const struct nn_convdw *job)
{
    convdw(job, false);
}

void KERNEL_FN(convdw_bf16)(const struct nn_convdw *job)
{
    convdw(job, true);
}
