/* gemm, avx512: blocks of at most 6 x 64 */
#include "nn/kernel/vec_avx512.h"

enum { STRIP = 4, SHORT = 6 };
#define BLOCKS TO_8(1) TO_8(2) TO_8(3) TO_6(4)

#include "nn/kernel/gemm_body.h"
