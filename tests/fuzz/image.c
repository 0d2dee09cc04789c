/* fuzz: any bytes as a picture: which format they are, or what else */
#include "tests/fuzz/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    picture_decode(data, size);
    return 0;
}
