/* convdw, avx2 */
#include "nn/kernel/vec_avx2.h"

enum { PAIR = 1, VECTORS = 2 };
#define BLOCKS TO_6(2) TO_12(1)
VEC_FN int most_channels(int v)
{
    return v == 2 ? 6 : 12;
}

#include "nn/kernel/convdw_plain_body.h"
