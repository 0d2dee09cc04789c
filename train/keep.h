/*
 * keep -- what a training judges, writes, and reads again to go on
 */
#ifndef TRAIN_KEEP_H
#define TRAIN_KEEP_H

#include "infer/model.h"
#include "train/session.h"

/* Figures of m's values on x. */
bool train_keep_validate(struct train_session *t, const struct infer_model *m,
                         const struct data_index *x, struct infer_figures *f, struct err *err);

/* The model, whose values are taken, with the state of its training; `next` is the progress to go
 * on from.  f NULL: it was not checked; best: it is the best one. */
bool train_keep_save(struct train_session *t, const struct train_progress *next,
                     const struct infer_figures *f, bool best, struct err *err);

/* To the newest checkpoint, or to the start where there is none. */
bool train_keep_back(struct train_session *t, struct err *err);

/* The figures of the best model, which an earlier process may have written, into t->best. */
bool train_keep_best(struct train_session *t, struct err *err);

#endif
