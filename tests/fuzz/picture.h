/*
 * picture -- what the fuzz targets of pictures share
 *
 * Decode within small limits, look at the result.
 */
#ifndef TESTS_FUZZ_PICTURE_H
#define TESTS_FUZZ_PICTURE_H

#include "data/image.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A picture or a reason, never both; every pixel may be read. */
static inline void picture_decode(const uint8_t *data, size_t size)
{
    static const struct data_decode how = {
        .limits = { .file_bytes = 1 << 16, .pixels = 1 << 14, .side = 4096,
                    .decode_bytes = 8 << 20 },
        .background = { 255, 128, 0 },
    };
    struct data_image image;
    struct err err = { 0 };
    unsigned sum = 0;

    if (!data_image_decode(data, size, &how, &image, &err)) {
        if (err.kind == ERR_NONE || !err.msg[0] || image.pixel)
            abort();
        return;
    }
    if (image.width < 1 || image.height < 1 || image.width > 4096 || image.height > 4096)
        abort();
    for (int i = 0; i < 3 * image.width * image.height; i++)
        sum += image.pixel[i];
    if (err.kind != ERR_NONE || sum > 255u * 3 << 14)
        abort();
    data_image_release(&image);
}

/* The bytes as a file of one format: its magic is put before them.  NULL when they are too many. */
static inline uint8_t *picture_begin(const char *magic, size_t magic_size, const uint8_t *data,
                                     size_t size)
{
    uint8_t *copy = size >= magic_size && size <= 1 << 16 ? malloc(size) : NULL;

    if (copy) {
        memcpy(copy, data, size);
        memcpy(copy, magic, magic_size);
    }
    return copy;
}

#endif
