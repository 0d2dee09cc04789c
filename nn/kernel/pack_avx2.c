/* pack, avx2 */
#include "nn/kernel/vec_avx2.h"
#include "nn/kernel/pack_body.h"
