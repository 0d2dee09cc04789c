/*
 * format -- one kind of picture file: what its check and its decoder promise
 *
 * For header.c and image.c alone; everybody else calls those.  A format is a file data/NAME.c that
 * ends with its reader, and a row of the table in header.c.
 */
#ifndef DATA_FORMAT_H
#define DATA_FORMAT_H

#include "data/header.h"

struct data_reader {
    const char *magic[3];               /* the bytes from magic_at are one of these; then NULL */
    int magic_at, magic_size;

    /* Fills size, orientation and what else the bytes say before any pixel is made: at most linear
     * in size, allocates nothing.  The magic was seen. */
    bool (*check)(const uint8_t *bytes, size_t size, struct data_header *header, struct err *err);

    /* Samples [height,width,channels], channels 1 (grey), 2 (grey, alpha), 3 (RGB), 4 (RGBA), as
     * they are stored (not turned); free() them.  NULL on failure.  Holds at most `budget` bytes at
     * a time.  header is what check made of the same bytes. */
    uint8_t *(*decode)(const uint8_t *bytes, size_t size, const struct data_header *header,
                       size_t budget, int *channels, struct err *err);
};

extern const struct data_reader data_reader_jpeg, data_reader_png, data_reader_bmp,
    data_reader_gif, data_reader_webp;

const struct data_reader *data_format_reader(enum data_format format);

/* Messages that all formats share.  Both return false. */
bool data_format_truncated(const char *format, struct err *err);
bool data_format_broken(const char *format, const char *what, struct err *err);

/* The remedy for what we do not read: "convert it to JPEG or PNG first ...". */
extern const char data_format_convert[];

/* Zeroed samples of the header's size; NULL and err when they and `also` bytes are over budget, or
 * memory is out.  free() them. */
uint8_t *data_format_pixels(const struct data_header *header, int channels, size_t also,
                            size_t budget, struct err *err);

/* data/stb.h with errors as above. */
uint8_t *data_format_stb(const uint8_t *bytes, size_t size, const struct data_header *header,
                         size_t budget, int *channels, struct err *err);
/* libjpeg-turbo, in builds that have it. */
uint8_t *data_format_turbojpeg(const uint8_t *bytes, size_t size, const struct data_header *header,
                               size_t budget, int *channels, struct err *err);

static inline uint32_t data_be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static inline uint32_t data_be32(const uint8_t *p) { return data_be16(p) << 16 | data_be16(p + 2); }
static inline uint32_t data_le16(const uint8_t *p) { return (uint32_t)p[1] << 8 | p[0]; }
static inline uint32_t data_le32(const uint8_t *p) { return data_le16(p + 2) << 16 | data_le16(p); }

#endif
