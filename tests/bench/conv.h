/*
 * conv -- a layer, and those who compute it: ours, oneDNN, im2col + OpenBLAS
 *
 * Each has its own arrays, filled with random numbers; nothing is carried from one to the other.
 */
#ifndef BENCH_CONV_H
#define BENCH_CONV_H

#include "nn/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct conv_layer {
    const char *net;
    bool brief;                 /* in the short list */
    int count;                  /* of such layers in the net */
    int h, w, c, k;             /* picture, channels in and out */
    int size, stride, pad, groups;
    int batch;
};

enum conv_pass { CONV_FORWARD, CONV_DATA, CONV_WEIGHTS };

static inline int64_t conv_out(const struct conv_layer *l, int side)
{
    return (side + 2 * l->pad - l->size) / l->stride + 1;
}

/* Bytes of random numbers in [-1, 1), float or where half bf16. */
void conv_fill(void *data, size_t bytes, bool half);

/*
 * One contender for one layer and pass.  forward: with a bias; data: dx from dy and w; weights: dw
 * from x and dy.  `new` returns NULL where it has no such thing.
 */
struct conv_side;

/* As a network runs it: the calls that a plan makes of operator conv2d.  Forward is of an
 * inference, both others of a training step.  isa: a level or "auto". */
struct conv_side *conv_ours_new(const struct conv_layer *l, enum conv_pass pass, bool half,
                                const char *isa);
void conv_ours_run(void *side);
void conv_ours_free(struct conv_side *s);

/* oneDNN at its best: direct is the faster of formats of its own choice and NHWC; reorders are not
 * counted.  avx2: held to AVX2, for the process, from the first call on.  Without the library:
 * always NULL. */
enum conv_way { CONV_DIRECT, CONV_WINOGRAD };
struct conv_side *conv_onednn_new(const struct conv_layer *l, enum conv_pass pass, bool half,
                                  enum conv_way way, bool avx2);
void conv_onednn_run(void *side);
void conv_onednn_free(struct conv_side *s);
const char *conv_onednn_about(void);            /* "oneDNN 2.6.3", or what is missing */
/* What it runs: "brgconv:avx512_core, nhwc". */
const char *conv_onednn_name(const struct conv_side *s);

/* im2col and a product a picture; fp32, one group. */
struct conv_side *conv_blas_new(const struct conv_layer *l, enum conv_pass pass);
void conv_blas_run(void *side);
void conv_blas_free(struct conv_side *s);

#endif
