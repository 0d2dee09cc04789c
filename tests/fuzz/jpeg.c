/* fuzz: any bytes as a JPEG: the walk, then stb_image */
#include "tests/fuzz/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = picture_begin("\xff\xd8\xff", 3, data, size);

    if (copy)
        picture_decode(copy, size);
    free(copy);
    return 0;
}
