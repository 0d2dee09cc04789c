/*
 * step -- a whole step of a net: what it learns from a batch, and the update
 */
#ifndef TESTS_STEP_H
#define TESTS_STEP_H

#include "train/net.h"

#include <math.h>

/* *loss as it was before the update; NaN when that failed. */
static inline bool step_net(struct train_net *t, int n, const float *image, const float *target,
                            double rate, uint64_t step, double *loss, struct err *err)
{
    struct train_outcome out = { .loss = NAN };
    bool ok = train_net_learn(t, n, image, target, NULL, step, err) &&
              train_net_update(t, rate, &out, err);

    *loss = out.loss;
    return ok;
}

#endif
