/*
 * freeze -- parameters that stay as they are, by patterns of their names
 */
#ifndef TRAIN_FREEZE_H
#define TRAIN_FREEZE_H

#include "nn/graph.h"

/*
 * In a training copy g: parameters whose names fit one of the patterns ("layer1*,conv1*", as
 * fnmatch has them), and no later one that begins with "!" ("*,!head.*"), are trained no more: they
 * become buffers that nobody writes, no gradient is computed for them, nor for what lies below the
 * lowest that is left.  A batch-norm whose weight and bias are frozen keeps its statistics and goes
 * by them.  ERR_USAGE where a pattern fits no parameter, naming the nearest, or nothing is left to
 * train.
 */
bool train_freeze(struct nn_graph *g, const char *patterns, struct err *err);

/* Which parameters of g such patterns mean, into frozen[g->n], zeroed.  ERR_USAGE as above. */
bool train_freeze_find(const struct nn_graph *g, const char *patterns, bool *frozen,
                       struct err *err);

/* The next of patterns with commas between them, at *p, which it moves on, and its length in *n, 0
 * where two commas meet.  NULL: none is left. */
const char *train_pattern_next(const char **p, size_t *n);

/* In a training copy g: every batch-norm goes by the statistics that it has, and keeps them; weight
 * and bias are trained on. */
bool train_keep_norms(struct nn_graph *g, struct err *err);

#endif
