/* rows, avx512 */
#include "nn/kernel/vec_avx512.h"
#include "nn/kernel/rows_body.h"
