/*
 * sched -- the learning rate as a pure function of how far the training is
 */
#ifndef TRAIN_SCHED_H
#define TRAIN_SCHED_H

/* Share of the highest rate when `done` in [0,1] of the training is over: linear from 0 to 1 over
 * the first `warmup` share, then half a cosine down to 0.  Step i of n is at (i + 1/2) / n, so that
 * no step has the rate 0. */
double train_sched_cosine(double done, double warmup);

#endif
