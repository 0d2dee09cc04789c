/* convdw, avx512bf16: cells are pairs of bf16 of two pictures */
#include "nn/kernel/vec_avx512.h"

enum { PAIR = 2, VECTORS = 4 };
#define BLOCKS TO_6(4) TO_8(3) TO_12(2) TO_14(1)
VEC_FN int most_channels(int v)
{
    return v == 4 ? 6 : v == 3 ? 8 : v == 2 ? 12 : 14;
}

#include "nn/kernel/convdw_pair.h"

VEC_FN vec cell_mac(vec sum, vec x, vec dy)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)dy);
}

#include "nn/kernel/convdw_body.h"

void nn_convdw_bf16_avx512bf16(const struct nn_convdw *job)
{
    convdw(job, true);
}
