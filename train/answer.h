/*
 * answer -- what `discern train` says of a training that is over, as text
 */
#ifndef TRAIN_ANSWER_H
#define TRAIN_ANSWER_H

#include "nn/base/record.h"
#include "train/listen/summary.h"
#include "train/options.h"

/* Appends the answer of --json: files of dir, figures, settings, epochs; discern.train/1. */
void train_answer_json(const struct train_cfg *cfg, const char *dir, const struct train_summary *s,
                       struct str *out);

/* Appends the command that judges the best model by the same pictures, to be typed in a shell; data
 * NULL: they have no labels, and the one that asks it about them. */
void train_answer_next(const struct train_options *o, const char *data, const char *dir,
                       struct str *out);

/* What run.json says of the end: what came of it, or where why->kind is set, why it ended.  NULL
 * when memory is out. */
json_t *train_answer_result(const struct train_summary *s, const struct err *why);

#endif
