/* depthwise, avx2 */
#include "nn/kernel/vec_avx2.h"
#include "nn/kernel/depthwise_body.h"
