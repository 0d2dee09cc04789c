/*
 * keep -- what a training judges, writes, and reads again to go on
 */
#ifndef TRAIN_KEEP_H
#define TRAIN_KEEP_H

#include "infer/model.h"
#include "train/session.h"

/* Figures of m, without calibration, on x, by the pictures that the cache of the held out ones
 * has. */
bool train_keep_validate(struct train_session *t, const struct infer_model *m,
                         const struct data_index *x, struct infer_figures *f, struct err *err);

/* Writes a checkpoint, and tells it: t->model, which has the values that are judged, with the
 * method's state, and with `next`, the progress to go on from, which becomes t's.  f: its figures,
 * NULL where it was not checked; best: it is written as the best one too. */
bool train_keep_save(struct train_session *t, const struct train_progress *next,
                     const struct infer_figures *f, bool best, struct err *err);

/* Method, progress and cfg->shortened, which are at the start, to the newest checkpoint, where
 * there is one. */
bool train_keep_resume(struct train_session *t, struct err *err);

/* The same from wherever they are. */
bool train_keep_back(struct train_session *t, struct err *err);

/* Calibrates the best model's file by the pictures held out, where that is wanted: from the network
 * alone, so that once more changes nothing. */
bool train_keep_calibrate(struct train_session *t, struct err *err);

/* The figures of the best model, which an earlier process may have written, into t->best. */
bool train_keep_best(struct train_session *t, struct err *err);

#endif
