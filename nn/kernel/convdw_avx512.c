/* convdw, avx512 */
#include "nn/kernel/vec_avx512.h"

enum { PAIR = 1, VECTORS = 4 };
#define BLOCKS TO_6(4) TO_8(3) TO_12(2) TO_14(1)
VEC_FN int most_channels(int v)
{
    return v == 4 ? 6 : v == 3 ? 8 : v == 2 ? 12 : 14;
}

#include "nn/kernel/convdw_plain_body.h"
