/*
 * stb -- the one door to stb_image, stb_image_resize and stb_image_write
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

/* Part [x,x+w) x [y,y+h) of the RGB picture src[height,width,3] to out[out_h,out_w,3] under a
 * triangle filter that widens when it shrinks; outside pixels repeat the edge.  The caller has
 * checked all sizes.  False when memory is out. */
bool data_stb_resize(const uint8_t *src, int width, int height, size_t stride, double x, double y,
                     double w, double h, int out_w, int out_h, uint8_t *out);

/* RGB pixels as a file in memory; free() it.  NULL when memory is out or it is over 2 GiB. */
uint8_t *data_stb_png(const uint8_t *pixel, int width, int height, size_t *size);
uint8_t *data_stb_jpeg(const uint8_t *pixel, int width, int height, int quality, size_t *size);

#endif
