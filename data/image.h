/*
 * image -- pictures of 8-bit samples: decode within limits, resize, crop
 *
 * Bytes are hostile.  The magic number decides the format, never the extension.  JPEG, PNG, BMP and
 * the first frame of GIF decode, WebP in builds that have it; AVIF, HEIC, TIFF, SVG, camera raw and
 * others are named in the error with how to convert.  EXIF orientation is applied, alpha composited
 * over a background, and 16 bits and palettes become 8-bit RGB.  Thread-safe: no shared state.
 */
#ifndef DATA_IMAGE_H
#define DATA_IMAGE_H

#include "nn/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct data_image {
    int width, height;
    uint8_t *pixel;             /* [height,width,3] RGB, dense */
};

struct data_limits {
    size_t file_bytes;          /* 256 MiB */
    int64_t pixels;             /* 50 million, checked in the header before decoding */
    int side;                   /* 65535, the most that JPEG and GIF can say */
    size_t decode_bytes;        /* what a decoder may hold at a time: 1 GiB */
};

struct data_sandbox;

/* How bytes become a picture; a zeroed one is not: start from data_decode_default. */
struct data_decode {
    struct data_limits limits;
    uint8_t background[3];      /* RGB under transparent pixels: white by default */
    struct data_sandbox *sandbox;   /* decode in worker processes (sandbox.h); NULL: here */
};
extern const struct data_decode data_decode_default;

/* The decoders that this build has, for --version and provenance: "stb" or "stb turbojpeg webp".
 * Their pixels differ by a few levels: who stores pixels keeps them apart by this. */
extern const char data_decoders[];

/* Decodes; *image is the caller's to release.  how NULL: the default.  ERR_INPUT says what is wrong
 * with the bytes, ERR_UNSUPPORTED names a format that we do not read. */
bool data_image_decode(const uint8_t *bytes, size_t size, const struct data_decode *how,
                       struct data_image *image, struct err *err);
void data_image_release(struct data_image *image);      /* a zeroed one is fine */

/* The part [x,x+w) x [y,y+h) (inside the picture; fractions allowed), resized to out_w x out_h by
 * data_resize, bilinear.  out[out_h*out_w*3]. */
bool data_image_resample(const struct data_image *image, double x, double y, double w, double h,
                         int out_w, int out_h, uint8_t *out, struct err *err);

/* Writes a PNG atomically. */
bool data_image_write_png(const char *path, const struct data_image *image, struct err *err);

/* Lightness 0 to 255 of a pixel: ITU-R BT.601 as Pillow's "L", which leaves grey as it is. */
static inline uint8_t data_image_luma(const uint8_t rgb[3])
{
    return (uint8_t)((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16);
}

/* Position i of a line of n pixels that repeats mirrored: ...1 0 | 0 1 2 ... n-1 | n-1 n-2 ... */
static inline int data_image_mirrored(int i, int n)
{
    int turn = i % (2 * n);

    if (turn < 0)
        turn += 2 * n;
    return turn < n ? turn : 2 * n - 1 - turn;
}

#endif
