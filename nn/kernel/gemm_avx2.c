/* gemm, avx2: blocks of at most 6 x 16 */
#include "nn/kernel/vec_avx2.h"

enum { STRIP = 2, SHORT = 6 };
#define BLOCKS TO_8(1) TO_6(2)

#include "nn/kernel/gemm_body.h"
