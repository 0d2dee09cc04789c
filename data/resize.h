/*
 * resize -- part of a picture at another size, antialiased
 *
 * Two passes of 8-bit samples, across and then down, each a weighted sum under the filter widened
 * by the shrinking factor; weights are 16-bit fixed point and sums 32-bit, so that every
 * instruction set gives the same bits.  The exact rule is in resize.c; it is that of Pillow's
 * Image.resize(size, filter, box) within one level (tests/golden/resize.*).
 */
#ifndef DATA_RESIZE_H
#define DATA_RESIZE_H

#include "nn/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum data_filter { DATA_BILINEAR, DATA_BICUBIC };
extern const char *const data_filter_names[];   /* "bilinear" "bicubic" NULL */

/* src[height,width,3] of rows `stride` bytes apart; the part [x,x+w) x [y,y+h) of it, inside the
 * picture, fractions allowed.  out[out_h,out_w,3] dense, not overlapping.  Sizes >= 1.
 * ERR_INPUT: the part is not inside, or too large to shrink so far; ERR_MEMORY. */
bool data_resize(const uint8_t *src, int width, int height, size_t stride, double x, double y,
                 double w, double h, enum data_filter filter, int out_w, int out_h, uint8_t *out,
                 struct err *err);

/* The two passes as kernels: one a line of resize.def, the last that the CPU can run is taken. */
struct data_resize_pass {       /* output i is the weighted sum of inputs first[i] .. +taps */
    int n, taps;
    const int32_t *first;       /* [n] */
    const int16_t *weight;      /* [n,taps], sum 1 << DATA_RESIZE_BITS; 0 behind the last used */
};
enum { DATA_RESIZE_BITS = 14 };
typedef void data_resize_across_fn(const struct data_resize_pass *p, const uint8_t *src,
                                   uint8_t *out);       /* one row of RGB to one row of RGB */
typedef void data_resize_down_fn(int bytes, int taps, const int16_t *weight, const uint8_t *src,
                                 size_t stride, uint8_t *out);      /* `taps` rows to one row */

#endif
