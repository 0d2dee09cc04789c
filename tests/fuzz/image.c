/* fuzz: any bytes as a picture; one that decodes is whole, and fits any net */
#include "data/prep.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* With checksums put right, so that changed PNG get past them. */
static void mend_png(uint8_t *p, size_t size)
{
    size_t at = 8, n;

    for (; at < size && size - at >= 12; at += n + 12) {
        uint32_t crc = 0xffffffff;

        n = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
        if (n > size - at - 12)
            return;
        for (size_t i = at + 4; i < at + 8 + n; i++) {
            crc ^= p[i];
            for (int k = 0; k < 8; k++)
                crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
        for (int k = 0; k < 4; k++)
            p[at + 8 + n + (size_t)k] = (uint8_t)(~crc >> (24 - 8 * k));
    }
}

static int try(const uint8_t *data, size_t size)
{
    static const struct data_decode how = {
        .limits = { .file_bytes = 1 << 20, .pixels = 1 << 18, .side = 4096,
                    .decode_bytes = 32 << 20 },
        .background = { 255, 255, 255 },
    };
    const struct data_limits *limits = &how.limits;
    struct data_prep prep = { .size = { 9, 7 }, .crop = 0.9, .std = { 1, 1, 1 } };
    struct data_image image;
    struct err err = { 0 };
    uint8_t out[9 * 7 * 3];

    if (!data_image_decode(data, size, &how, &image, &err)) {
        if (err.kind == ERR_NONE || !err.msg[0] || image.pixel)
            abort();
        return 0;
    }
    if (image.width < 1 || image.height < 1 || image.width > limits->side ||
        image.height > limits->side)
        abort();
    for (prep.resize = DATA_CROP; prep.resize <= DATA_LETTERBOX; prep.resize++) {
        if (!data_prep_pixels(&prep, &image, out, &err))
            abort();
    }
    data_image_release(&image);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy;

    if (size < 8 || memcmp(data, "\x89PNG\r\n\x1a\n", 8))
        return try(data, size);
    copy = malloc(size);
    if (copy) {
        memcpy(copy, data, size);
        mend_png(copy, size);
        try(copy, size);
    }
    free(copy);
    return try(data, size);
}
