/*
 * png -- PNG's chunks, checked before stb_image may see them
 *
 * W3C PNG, third edition: signature, then chunks of length, type, body and CRC-32 of type and body;
 * IHDR first, IEND last.  stb_image looks at no checksum.
 */
#include "data/exif.h"
#include "data/format.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

static bool broken(const char *what, struct err *err)
{
    return data_format_broken("PNG", what, err);
}

/* The 13 bytes of IHDR, in a file of `size`. */
static bool check_header(const uint8_t *p, size_t size, struct data_header *h, struct err *err)
{
    static const uint8_t samples[] = { 1, 0, 3, 1, 2, 0, 4 };
    uint32_t width = data_be32(p), height = data_be32(p + 4), depth = p[8], colour = p[9];

    if (!width || !height || width > INT_MAX || height > INT_MAX)
        return broken("its width or height makes no sense", err);
    if (colour > 6 || !samples[colour] || depth < 1 || depth > 16 || (depth & (depth - 1)))
        return broken("its kind of colour makes no sense", err);
    h->width = (int)width;
    h->height = (int)height;
    /* Deflate makes 1032 bytes of one at the very most. */
    if ((uint64_t)width * height / 8 > 1032 * (uint64_t)size / (samples[colour] * depth))
        return err_set(err, ERR_INPUT,
                       "truncated or broken PNG: %zu bytes cannot hold %d x %d pixels", size,
                       h->width, h->height);
    return true;
}

static bool check(const uint8_t *bytes, size_t size, struct data_header *h, struct err *err)
{
    const uint8_t *p = bytes + 8, *end = bytes + size;
    bool data = false;

    for (bool first = true; ; first = false) {
        const uint8_t *type, *body;
        size_t n;

        if (end - p < 12)
            return data_format_truncated("PNG", err);
        n = data_be32(p);
        type = p + 4;
        body = p + 8;
        if (n > INT_MAX - 4)
            return broken("a chunk's length makes no sense", err);
        if (n > (size_t)(end - p) - 12)
            return data_format_truncated("PNG", err);
        if (first && !memcmp(type, "CgBI", 4))
            return err_set(err, ERR_UNSUPPORTED,
                           "Apple's own kind of PNG (CgBI) is not read: restore it with "
                           "pngcrush -revert-iphone-optimizations IN OUT.png");
        /* Upper case = needed to show the picture.  The rest may be broken. */
        if (!(type[0] & 32) && crc32(0, type, (uInt)n + 4) != data_be32(body + n))
            return broken("a checksum is wrong; copy or download it again", err);
        if (first != !memcmp(type, "IHDR", 4))
            return broken("its header is not where it belongs", err);
        if (first) {
            if (n != 13)
                return broken("its header has the wrong length", err);
            if (!check_header(body, size, h, err))
                return false;
        }
        if (!memcmp(type, "IDAT", 4) && n)
            data = true;
        if (!memcmp(type, "eXIf", 4))
            h->orientation = data_exif_orientation(body, n);
        if (!memcmp(type, "IEND", 4))
            break;
        p = body + n + 4;
    }
    h->used = size;
    return data || broken("no picture in it", err);
}

const struct data_reader data_reader_png = {
    .magic = { "\x89PNG\r\n\x1a\n" }, .magic_size = 8,
    .check = check, .decode = data_format_stb,
};
