/* fuzz: any bytes as a PNG, with checksums put right, so that changed ones get past them */
#include "tests/fuzz/picture.h"

#include <zlib.h>

static void mend(uint8_t *p, size_t size)
{
    size_t at = 8, n;

    for (; at < size && size - at >= 12; at += n + 12) {
        uint32_t crc;

        n = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
        if (n > size - at - 12)
            return;
        crc = (uint32_t)crc32(0, p + at + 4, (uInt)n + 4);
        for (int k = 0; k < 4; k++)
            p[at + 8 + n + (size_t)k] = (uint8_t)(crc >> (24 - 8 * k));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = picture_begin("\x89PNG\r\n\x1a\n", 8, data, size);

    if (copy) {
        mend(copy, size);
        picture_decode(copy, size);
    }
    free(copy);
    return 0;
}
