/*
 * webp -- WebP by libwebp, in builds with WITH_WEBP=1
 *
 * RIFF chunks: the whole must be there, no animation; EXIF gives the orientation.  libwebp decodes
 * what we have walked.  Source: RFC 9649.
 */
#include "data/exif.h"
#include "data/format.h"

#ifdef WITH_WEBP

#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>

static bool broken(const char *what, struct err *err)
{
    return data_format_broken("WebP", what, err);
}

/* The chunks behind "RIFF", size and "WEBP": of each a name, a size, and so many bytes, even. */
static bool check_chunks(const uint8_t *p, const uint8_t *end, struct data_header *h,
                         struct err *err)
{
    bool exif = false;

    while (end - p >= 8) {
        const uint8_t *body = p + 8;
        size_t n = data_le32(p + 4), left = (size_t)(end - body);

        if (n > left)
            return data_format_truncated("WebP", err);
        if (!memcmp(p, "ANIM", 4) || !memcmp(p, "ANMF", 4))
            return err_set(err, ERR_UNSUPPORTED, "animated WebP is not read: take a frame out of "
                           "it: webpmux -get frame 1 IN -o OUT.webp");
        if (!memcmp(p, "EXIF", 4) && !exif) {
            size_t skip = n >= 6 && !memcmp(body, "Exif\0\0", 6) ? 6 : 0;

            exif = true;
            h->orientation = data_exif_orientation(body + skip, n - skip);
        }
        p = body + n + (n & 1 && n < left);
    }
    return true;
}

static bool check(const uint8_t *bytes, size_t size, struct data_header *header, struct err *err)
{
    WebPBitstreamFeatures f;
    VP8StatusCode status;
    size_t said;

    if (size < 20 || memcmp(bytes, "RIFF", 4))
        return size < 20 ? data_format_truncated("WebP", err)
                         : broken("its header makes no sense", err);
    said = data_le32(bytes + 4);
    if (said < 12)
        return broken("its header makes no sense", err);
    if (said > size - 8)
        return data_format_truncated("WebP", err);
    header->used = said + 8;
    if (!check_chunks(bytes + 12, bytes + header->used, header, err))
        return false;
    status = WebPGetFeatures(bytes, header->used, &f);
    if (status == VP8_STATUS_NOT_ENOUGH_DATA)
        return data_format_truncated("WebP", err);
    if (status != VP8_STATUS_OK || f.width < 1 || f.height < 1)
        return broken("its header makes no sense", err);
    header->width = f.width;
    header->height = f.height;
    return true;
}

/* libwebp itself holds at most eight bytes a pixel beside what it fills (lossless). */
static uint8_t *decode(const uint8_t *bytes, size_t size, const struct data_header *header,
                       size_t budget, int *channels, struct err *err)
{
    size_t n = (size_t)header->width * (size_t)header->height;
    WebPBitstreamFeatures f;
    uint8_t *pixel, *done;
    int stride;

    (void)size;
    if (WebPGetFeatures(bytes, header->used, &f) != VP8_STATUS_OK) {
        broken("its header makes no sense", err);
        return NULL;
    }
    *channels = f.has_alpha ? 4 : 3;
    pixel = data_format_pixels(header, *channels, 8 * n, budget, err);
    if (!pixel)
        return NULL;
    stride = header->width * *channels;
    n *= (size_t)*channels;
    done = f.has_alpha ? WebPDecodeRGBAInto(bytes, header->used, pixel, n, stride)
                       : WebPDecodeRGBInto(bytes, header->used, pixel, n, stride);
    if (done)
        return pixel;
    free(pixel);
    broken("its pixels make no sense; copy or download it again", err);
    return NULL;
}

const struct data_reader data_reader_webp = {
    .magic = { "WEBP" }, .magic_at = 8, .magic_size = 4,
    .check = check, .decode = decode,
};

#endif
