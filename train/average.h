/*
 * average -- weights that follow the trained ones: their running average, and lookahead's slow ones
 *
 * Over flat arrays of n numbers, over the pool (may be NULL).  Equal numbers stay as they are, bit
 * for bit: what is not trained passes through.
 */
#ifndef TRAIN_AVERAGE_H
#define TRAIN_AVERAGE_H

#include "nn/base/pool.h"
#include "nn/kernel/kernel.h"

/* After update t, from 1: average = d average + (1 - d) value, with d = min(decay, (1 + t) / (10 +
 * t)), so that the beginning is soon forgotten. */
void train_average(const struct nn_kernels *k, struct pool *pool, int64_t n, double decay,
                   int64_t t, const real *value, real *average);

/* slow = the middle between slow and value;  value = slow. */
void train_lookahead(const struct nn_kernels *k, struct pool *pool, int64_t n, real *value,
                     real *slow);

#endif
