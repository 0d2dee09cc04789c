/*
 * begin -- what a training begins with: a checkpoint, a model, weights or a network of others
 */
#ifndef TRAIN_BEGIN_H
#define TRAIN_BEGIN_H

#include "train/session.h"

/* t->init: what was written, when going on; else what --init names, where that is said.  What it
 * has learnt to see, and its network, become settings where nobody said them. */
bool train_begin_open(struct train_session *t, struct err *err);

/* The settings that beginning with it changes, where nobody said them (train/transfer.h), and
 * whether it answers already. */
bool train_begin_choose(struct train_session *t, struct train_usual *usual, struct err *err);

/* Puts what the model that is begun with has learnt from into t->about_data, and tells where it is
 * among the pictures that check. */
bool train_begin_learnt(struct train_session *t, struct err *err);

/* t->start: the first values of the model; it stays NULL where they are by rule and seed. */
bool train_begin_values(struct train_session *t, struct err *err);

/* The first batch of at least two pictures; NULL where the first epoch has none. */
const struct data_batch *train_begin_batch(struct train_session *t);

#endif
