/*
 * probe -- the last layer before the rest: fitted to what a network sees as it is
 *
 * A network that begins with weights of others and a last layer drawn by lot first unlearns: the
 * gradients of the noise at its end go through all of it.  So the last layer begins as the linear
 * classifier that fits best on what the network sees of the pictures to learn from (linear probing,
 * then fine-tuning: Kumar et al., arXiv:2202.10054); these are looked at once, as validation sees
 * them.
 */
#ifndef TRAIN_PROBE_H
#define TRAIN_PROBE_H

#include "infer/features.h"
#include "train/session.h"

/* Into the last layer of t->start, which has all other values.  Says what it is worth, on pictures
 * that were held out of it.  ERR_UNSUPPORTED: a linear classifier does not fit into the network. */
bool train_probe(struct train_session *t, struct err *err);

/* What the network of t's first values sees of the pictures to learn from. */
bool train_probe_see(struct train_session *t, struct infer_features *f, struct err *err);

/* Whether one fits. */
bool train_probe_fits(const struct nn_graph *g, bool *fits, struct err *err);

#endif
