/*
 * timing -- how long steps take, and how many of them fit into the time that is given
 */
#ifndef TRAIN_TIMING_H
#define TRAIN_TIMING_H

#include "train/session.h"

/* Steps of a throwaway copy at rate 0, for `limit` seconds, into the clock's pace. */
bool train_timing_steps(struct train_session *t, double limit, struct err *err);

/* Some of a validation, into the clock's pace. */
void train_timing_val(struct train_session *t);

/* Measures, then fixes cfg->steps to what the time given is good for; when it was asked to stop
 * meanwhile, cfg stays as it is. */
bool train_timing_plan(struct train_session *t, struct err *err);

/* Changes the plan (train/plan.h) when time is given and the machine is slower than it was
 * measured, or faster. */
void train_timing_replan(struct train_session *t);

/* Of a training by time, tells how to make just these steps again without a clock. */
void train_timing_tell(const struct train_session *t);

#endif
