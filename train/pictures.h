/*
 * pictures -- what a training learns from and is checked with
 */
#ifndef TRAIN_PICTURES_H
#define TRAIN_PICTURES_H

#include "train/options.h"
#include "train/trainer.h"

/*
 * The pictures that were asked for, hashed and split, with labels, be they the teacher's; what was
 * chosen and found on the way is told to run->event.  Of run only that and decode are looked at.
 *
 * a->o.cfg gets what follows from the pictures: a recipe, where nobody said otherwise, and the
 * share that is held out.  ERR_INPUT: a file cannot be read; or a->file knows of a training, and
 * these are not its pictures, where it is to go on or nobody named others.
 */
struct data_index *train_pictures_open(struct train_asked *a, const struct train_run *run,
                                       struct err *err);

#endif
