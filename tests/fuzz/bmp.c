/* fuzz: any bytes as a BMP */
#include "tests/fuzz/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = picture_begin("BM", 2, data, size);

    if (copy)
        picture_decode(copy, size);
    free(copy);
    return 0;
}
