/*
 * stb -- the one door to stb_image and stb_image_write
 *
 * Nothing else includes them.  Their input has been through data/header.h: stb_image 2.27
 * trusts JPEG tables that it should not.  Memory of a decoder is zeroed and counted against a
 * budget of its thread.  Thread-safe.
 */
#ifndef DATA_STB_H
#define DATA_STB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes JPEG or PNG to 8-bit samples [height,width,channels],
 * channels 1 (grey), 2 (grey, alpha), 3 or 4; free() them.  NULL on failure, and *why says so in
 * stb's words.  *over: the decoder wanted more than `budget` bytes at a time. */
uint8_t *data_stb_decode(const uint8_t *bytes, size_t size, size_t budget, int *width, int *height,
                         int *channels, const char **why, bool *over);

/* RGB pixels as a file in memory; free() it.  NULL when memory is out or it is over 2 GiB. */
uint8_t *data_stb_png(const uint8_t *pixel, int width, int height, size_t *size);
uint8_t *data_stb_jpeg(const uint8_t *pixel, int width, int height, int quality, size_t *size);

#endif
