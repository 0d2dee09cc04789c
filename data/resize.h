/*
 * resize -- part of a picture at another size, antialiased
 *
 * Two passes of 8-bit samples, across and then down, each a weighted sum under the filter widened
 * by the shrinking factor; weights and sums are integers, so that every instruction set gives the
 * same bits.  The exact rule is in resize.c; it is that of Pillow's Image.resize(size, filter, box)
 * (tests/golden/resize.*).
 */
#ifndef DATA_RESIZE_H
#define DATA_RESIZE_H

#include "nn/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum data_filter { DATA_BILINEAR, DATA_BICUBIC };
extern const char *const data_filter_names[];   /* "bilinear" "bicubic" NULL */

struct data_resize_job {
    const uint8_t *src;         /* [height,width,3], rows `stride` bytes apart */
    int width, height;          /* 1 .. DATA_RESIZE_SIDE, as out_w and out_h */
    size_t stride;
    double x, y, w, h;          /* the part [x,x+w) x [y,y+h), inside; fractions allowed */
    enum data_filter filter;
    int out_w, out_h;
    unsigned without;           /* bits of enum cpu (nn/base/cpu.h) to leave unused; for tests */
};
enum { DATA_RESIZE_SIDE = 1 << 20 };

/* out[out_h,out_w,3], dense, not overlapping src.  Pixels beside the part count where the filter
 * reaches them.  Time grows with the part's pixels across and the result's down, memory with the
 * sides.  ERR_INPUT: the part is not inside, or a side is over the limit; ERR_MEMORY. */
bool data_resize(const struct data_resize_job *r, uint8_t *out, struct err *err);

/*
 * The two passes as kernels: one a line of resize.def, the last that the CPU can run is taken.
 * Output = (sum of weight * sample + half) >> DATA_RESIZE_BITS, held to 0..255; the sum fits 32
 * bits, though parts of it may wrap.  A weight of 22 bits is low + (high << DATA_RESIZE_LOW), both
 * 16-bit numbers as multiply-add instructions want them: first all low ones, then all high ones.
 */
enum { DATA_RESIZE_BITS = 22, DATA_RESIZE_LOW = 11, DATA_RESIZE_ROWS = 4, DATA_RESIZE_SLACK = 64 };

struct data_resize_pass {       /* output i is the weighted sum of inputs first[i] .. +taps */
    int n, taps;                /* taps even */
    const int32_t *first;       /* [n] */
    const int16_t *weight;      /* [n,2,taps]; 0 where nothing is used */
};
/* DATA_RESIZE_ROWS rows of RGB to as many.  Each may be read SLACK bytes behind the last input that
 * is used, and written SLACK bytes behind its end. */
typedef void data_resize_across_fn(const struct data_resize_pass *p, const uint8_t *const *rows,
                                   uint8_t *const *out);
/* `taps` (even) rows to one row of `bytes`; weight[2,taps].  Rows may be read to the next multiple
 * of SLACK. */
typedef void data_resize_down_fn(int bytes, int taps, const int16_t *weight,
                                 const uint8_t *const *rows, uint8_t *out);

#define RESIZE(pass, isa) data_resize_##pass##_fn data_resize_##pass##_##isa;
#include "data/resize.def"
#undef RESIZE

#endif
