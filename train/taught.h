/*
 * taught -- pictures that nobody has labelled: their labels are what a teacher says
 *
 * What the model says of each as the file stands, which is what `discern predict` says, is its
 * label: so every part of a training, and every figure, has what it needs, and a figure of pictures
 * that were held out is how often the student says the same.
 */
#ifndef TRAIN_TAUGHT_H
#define TRAIN_TAUGHT_H

#include "train/options.h"

/* Whether a teacher labels all there is: no DATA, and `unlabelled`; or DATA is a folder of pictures
 * alone, which becomes `unlabelled` then.  *meant says so; false: memory is out. */
bool train_taught_meant(struct train_asked *a, bool *meant, struct err *err);

/* The pictures of a->o.cfg.unlabelled in no part, with the teacher's task and labels; nobody has
 * asked it yet.  ERR_USAGE: a setting that needs what people said of them. */
struct data_index *train_taught_open(const struct train_asked *a, struct err *err);

/* Gives each picture the label, or those of several, that the teacher tells of it; one that cannot
 * be read has none.  Appends what it said most, in words.  Parts are made before, so that they
 * follow from the pictures alone. */
bool train_taught_ask(struct data_index *x, const struct train_cfg *cfg,
                      const struct data_decode *decode, struct str *told, struct err *err);

#endif
