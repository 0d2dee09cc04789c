/*
 * conv_f32_avx2 -- conv_f32 on vectors of 8, of which 16 lie in registers: 12 sums
 */
#include "nn/kernel/vec_avx2.h"

enum { MOST = 2, TALLEST = 12 };
#define BLOCKS TO_12(1) TO_6(2)
#define PICKED_BLOCKS TO_6(1) TO_3(2)
#define TALL_PICKED(g) (6 / (g))
#define EACH_BLOCKS BLOCKS_OF(1) BLOCKS_OF(2)
#define TALL(g) ((g) < 2 ? 12 : 6)
#include "nn/kernel/conv_f32_body.h"
