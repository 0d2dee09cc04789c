/* winograd, avx2 */
#include "nn/kernel/vec_avx2.h"
#include "nn/kernel/winograd_body.h"
