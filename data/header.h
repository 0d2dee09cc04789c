/*
 * header -- what the first bytes of a picture say, and whether a decoder may see the rest
 *
 * Own code, in front of every decoder: tells formats apart by content, reads sizes before anything
 * is allocated, checks the structure of JPEG (tables, scans), PNG (chunks, checksums), BMP and GIF,
 * and finds the EXIF orientation.  Bytes are hostile.  Thread-safe.
 */
#ifndef DATA_HEADER_H
#define DATA_HEADER_H

#include "nn/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum data_format { DATA_JPEG, DATA_PNG, DATA_BMP, DATA_GIF, DATA_WEBP };
extern const char *const data_format_names[];   /* "JPEG" "PNG" "BMP" "GIF" "WebP" NULL */

struct data_header {
    enum data_format format;
    int width, height;          /* as stored, before orientation */
    int orientation;            /* EXIF 1..8; 1 = upright or not said */
    bool unfinished;            /* JPEG: the end marker is missing, and the last scan perhaps cut */
    size_t used;                /* JPEG: bytes up to where the end marker is missing, else size */
};

/* ERR_INPUT: broken, truncated or no picture; ERR_UNSUPPORTED: a format, or a kind of one, that we
 * do not read.  The message says what it looks like and what to do. */
bool data_header_read(const uint8_t *bytes, size_t size, struct data_header *header,
                      struct err *err);

/* Whether first bytes, DATA_HEADER_MAGIC of them or all, are those of a picture: of a format that
 * is read, or one that is refused with how to convert it. */
enum { DATA_HEADER_MAGIC = 64 };
bool data_header_is_picture(const uint8_t *bytes, size_t size);

#endif
