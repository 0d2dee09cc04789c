/*
 * preflight -- one batch through a network before any weight has moved
 *
 * What is wrong at the start stays wrong for hours.  A few pictures go forward and backward on a
 * throwaway copy of the values, and whatever no healthy network shows is told, with the first layer
 * that shows it: it is the cause, those behind it suffer.
 */
#ifndef TRAIN_PREFLIGHT_H
#define TRAIN_PREFLIGHT_H

#include "nn/params.h"
#include "train/choose.h"

struct train_preflight_options {
    const struct nn_graph *graph;   /* inputs "image" and "target", outputs "logits" and "loss" */
    const struct nn_params *values; /* of it */
    const struct nn_kernels *kernels;
    struct pool *pool; /* may be NULL */
    int64_t limit;     /* bytes that activations should take: fewer pictures do; 0: any */
    uint64_t seed;     /* of dropout */
};

enum { TRAIN_PREFLIGHT_MOST = 8 }; /* pictures that are enough, and cost less than a step */

/*
 * Looks at image[n,H,W,C] with target[n,labels], 2 <= n; more than TRAIN_PREFLIGHT_MOST are not
 * looked at.  A line to say for each of these, at most one of a kind:
 *   pictures whose numbers are not near 0 to some deviations, or that are all the same number;
 *   a loss far above that of answering every label alike, which the loss itself tells for logits 0;
 *   outputs whose deviation is past all use, or most of whose channels are the same for all
 *     pictures;
 *   parameters that no gradient reaches.
 * What is 0 on purpose is none of them: a layer that opens with the first step, as a last norm of a
 * residual branch whose scale is 0, and what lies behind it.
 * ERR_DIVERGED, and no line: a loss or gradient that is no finite number.  Returns whether the
 * batch could be learnt from, not whether there was nothing to say.
 */
bool train_preflight(const struct train_preflight_options *opt, int n, const float *image,
                     const float *target, train_say_fn *say, void *ctx, struct err *err);

#endif
