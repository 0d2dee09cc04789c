/*
 * few -- a classifier from few pictures of each label, on a network that has learnt to see
 *
 * cfg->few pictures of each label are learnt from, drawn by cfg->seed; what else there is to learn
 * from checks it.  The network of --init stays as it is, and gets the head that is best for so few
 * (infer/embed/few.h).
 */
#ifndef TRAIN_FEW_H
#define TRAIN_FEW_H

#include "train/session.h"

/* Of pictures in no part, or the train part, each is put into the train or the val part.  MULTI: a
 * picture counts for all of its labels, and is taken while one of them wants more. */
struct train_few_drawn {
    int train, val;             /* pictures that were drawn, and are left to check with */
    int unread;                 /* drawn beside them, as they cannot be read: they do not count */
    int fewer;                  /* labels with fewer pictures than were asked for */
};

/* Whether a picture can be read. */
typedef bool train_few_reads(const struct data_sample *s, const void *ctx);

bool train_few_draw(struct data_index *x, int few, uint64_t seed, train_few_reads *reads,
                    const void *ctx, struct train_few_drawn *drawn, struct err *err);

/* t->model and t->start become those with the head, from t->start, which has all other values.
 * Says what was tried. */
bool train_few(struct train_session *t, struct err *err);

#endif
