/* pack, avx512 */
#include "nn/kernel/vec_avx512.h"
#include "nn/kernel/pack_body.h"
