/*
 * sched -- the learning rate as a pure function of the step
 */
#ifndef TRAIN_SCHED_H
#define TRAIN_SCHED_H

#include <stdint.h>

/* Linear from 0 to 1 over the first warmup*steps, then half a cosine down to 0.  step in [0, steps). */
double train_sched_cosine(int64_t step, int64_t steps, double warmup);

#endif
