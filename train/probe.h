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

#include "infer/embed/features.h"
#include "infer/embed/probe.h"
#include "train/session.h"

/* Into the last layer of t->start, which has all other values.  Says what it is worth, on pictures
 * that were held out of it.  ERR_UNSUPPORTED: a linear classifier does not fit into the network. */
bool train_probe(struct train_session *t, struct err *err);

/* What the network of t's first values sees of the pictures to learn from, and their labels.
 * Release it. */
struct train_probe_data {
    struct infer_probe_data learn;
    struct infer_probe_options how; /* as the settings have it */
    struct infer_features seen;     /* what learn lends */
    float *target;
};
bool train_probe_data(struct train_session *t, struct train_probe_data *p, struct err *err);
void train_probe_data_release(struct train_probe_data *p); /* a zeroed one is fine */

#endif
