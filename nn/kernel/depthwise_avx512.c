/* depthwise, avx512 */
#include "nn/kernel/vec_avx512.h"
#include "nn/kernel/depthwise_body.h"
