/*
 * conv_f32_avx512 -- conv_f32 on vectors of 16, of which 32 lie in registers
 *
 * 24 of them are sums.  14 outputs of two vectors would be 28, but leave no general registers for
 * the outputs' places.
 */
#include "nn/kernel/vec_avx512.h"

enum { MOST = 4, TALLEST = 12 };
#define BLOCKS TO_12(1) TO_12(2) TO_8(3) TO_6(4)
#define PICKED_BLOCKS TO_12(1) TO_6(2)
#define TALL_PICKED(g) (12 / (g))
#define EACH_BLOCKS BLOCKS_OF(1) BLOCKS_OF(2) BLOCKS_OF(3) BLOCKS_OF(4)
#define TALL(g) ((g) < 3 ? 12 : (g) < 4 ? 8 : 6)
#include "nn/kernel/conv_f32_body.h"
