/*
 * plan -- how many steps a training makes, and how far it is at each
 *
 * The plan is struct train_cfg's: `steps` from the start, and `shortened` where a training by time
 * found the machine slower than it was measured, or faster again: pairs (step, steps from there
 * on), the steps ascending.  A plan that became shorter goes the rest of the way faster, one that
 * became longer slower: the schedule has no jump.
 */
#ifndef TRAIN_PLAN_H
#define TRAIN_PLAN_H

#include "train/cfg.h"

/* Steps that are made in all, by the plan as it stands. */
int64_t train_plan_steps(const struct train_cfg *cfg);

/* Share of the training that is done at `step`, which may lie between two: 0 to 1. */
double train_plan_done(const struct train_cfg *cfg, double step);

/* From `step` on, as many as `steps` in all, other than planned.  False when there is no room for
 * another change. */
bool train_plan_change(struct train_cfg *cfg, int64_t step, int64_t steps);

/* Takes out changes that came after `step`: the plan as it was known then, also where a file told
 * it all from the start. */
void train_plan_cut(struct train_cfg *cfg, int64_t step);

/* How many times the plan was changed. */
int train_plan_changes(const struct train_cfg *cfg);

/* ERR_USAGE where `shortened` is no such list. */
bool train_plan_check(const struct train_cfg *cfg, struct err *err);

#endif
