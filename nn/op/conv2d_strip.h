/*
 * conv2d_strip -- jobs of the conv slots on tensors that may be bf16
 *
 * A job is computed in bf16 where what it reads or what it writes is.  conv_bf16 reads bf16 with an
 * even count of channels; what is not so is first copied, a picture's rows at a time, to a strip.
 */
#ifndef NN_OP_CONV2D_STRIP_H
#define NN_OP_CONV2D_STRIP_H

#include "nn/op.h"

/* What a job reads: channels [first, first + j->c) of a tensor's pictures from `picture` on. */
struct nn_conv2d_source {
    const struct tensor *t;
    int64_t picture;
    int first;
    bool half;                  /* compute in bf16 */
    bool joined;                /* taps of a row are one run of channels: j->w.apart is 1 and j->c
                                 * all channels.  Only half; filters are packed so */
    bool winograd;              /* j is of winograd_f32, whose scratch is the strip */
};

static inline bool nn_conv2d_half(const struct tensor *from, const struct tensor *to)
{
    return from->dtype == DTYPE_BF16 || to->dtype == DTYPE_BF16;
}

/* Is there a copy of them to be made?  c: channels of a job. */
static inline bool nn_conv2d_copies(const struct tensor *t, bool half, int c)
{
    return half && (t->dtype != DTYPE_BF16 || c % 2);
}

/* Bytes of a strip for jobs of `rows` outputs of axis h (out is not looked at), 64-byte aligned. */
size_t nn_conv2d_strip(const struct nn_axis *h, const struct nn_axis *w, int rows, int channels);

/* Runs the job, of which all but x and y_half is filled, on pictures of j->h.in rows and j->w.in
 * columns; y is of type `to`.  strip: room for it, or NULL where none is needed. */
void nn_conv2d_run(const struct nn_call *c, struct nn_conv j, const struct nn_conv2d_source *s,
                   const struct tensor *to, void *strip);

#endif
