/*
 * resize -- the yardstick of the bench: stb_image_resize 0.97, built as decoders of stb are
 */
#ifndef BENCH_RESIZE_H
#define BENCH_RESIZE_H

#include "data/resize.h"

/* The same part under the filter of the same name (bilinear: triangle; bicubic: Catmull-Rom), edges
 * repeated.  False when memory is out. */
bool bench_resize_stb(const struct data_resize_job *r, uint8_t *out);

#endif
