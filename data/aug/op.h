/*
 * op -- what can be done to 8-bit pixels, by the number: no draws, the same on every machine
 *
 * What augmentations and the policies made of them (policy.h) share.  Grey pictures have no colour:
 * there saturation and hue change nothing.  L is data_image_luma.  Results are rounded, halves
 * up, and held within 0 to 255.
 */
#ifndef DATA_OP_H
#define DATA_OP_H

#include "data/aug/aug.h"

/* ---- values ---------------------------------------------------------------------------------- */

/* v = f v; f in [0,16], as all factors. */
void data_op_brightness(struct data_pixels *m, double f);
/* v = M + f (v - M), M the mean of L, rounded. */
void data_op_contrast(struct data_pixels *m, double f);
/* v = L + f (v - L) of each pixel. */
void data_op_saturation(struct data_pixels *m, double f);
/* What is left of a pixel's colour without L, turned about the grey axis; L stays, up to rounding
 * and what does not fit into 0 to 255. */
void data_op_hue(struct data_pixels *m, double turns);
/* v = 255 - v */
void data_op_invert(struct data_pixels *m);
/* The same of those v >= threshold. */
void data_op_solarize(struct data_pixels *m, int threshold);
/* The upper `bits` bits, 1 to 8, are kept. */
void data_op_posterize(struct data_pixels *m, int bits);
/* Each channel's values spread so that all are about as frequent (the rule of Pillow's equalize),
 * or stretched to 0 to 255; that in a share of 0 to 1, the rest as it was. */
void data_op_equalize(struct data_pixels *m, double share);
void data_op_autocontrast(struct data_pixels *m, double share);

/* ---- neighbours ------------------------------------------------------------------------------ */

/* v = S + f (v - S), S the mean of 3x3 with the middle weighing 5 (Pillow's); edges stay. */
void data_op_sharpen(struct data_pixels *m, double f);
/* Gaussian of sigma pixels, at most DATA_OP_SIGMA, mirrored at the edges. */
void data_op_blur(struct data_pixels *m, double sigma);
#define DATA_OP_SIGMA 40

/* ---- place: bilinear between pixels, mirrored at the edges ----------------------------------- */

void data_op_rotate(struct data_pixels *m, double degrees);         /* about the middle */
void data_op_shear(struct data_pixels *m, double across, double down);  /* tangents */
void data_op_translate(struct data_pixels *m, int right, int down);     /* pixels */

static inline uint8_t data_op_clip(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static inline size_t data_op_bytes(const struct data_pixels *m)
{
    return (size_t)m->width * (size_t)m->height * (size_t)m->channels;
}

#endif
