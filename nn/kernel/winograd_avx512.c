/* winograd, avx512 */
#include "nn/kernel/vec_avx512.h"
#include "nn/kernel/winograd_body.h"
