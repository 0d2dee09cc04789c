/*
 * trainer -- the loop: configuration and state in, events out
 */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "infer/evaluate.h"
#include "train/cfg.h"
#include "train/event.h"

#include <stdatomic.h>

struct train_run {
    const char *out; /* run folder; exists; gets best.safetensors, last.safetensors and split.csv */
    const char *cache;     /* folder for decoded pictures (train/caches.h); NULL: none are kept */
    double cache_share;    /* of the free disk */
    const struct data_decode *decode; /* NULL: the default; the background is cfg's */
    train_event_fn *event; /* the terminal, the log ...; may be NULL */
    void *event_ctx;
    /* Set from a signal handler: finish the step, save, return ERR_CANCELLED.  May be NULL. */
    const atomic_bool *stop;
};

/*
 * Trains on x (split already: TRAIN and VAL parts; no VAL part: nothing is checked, the last epoch
 * counts as the best).  cfg is changed in place to what was chosen.
 *
 * arch that names a file: its text is read with the words "classes" and "size" standing for
 * numbers; it must have one input "image" of HxWx3, or HxWx1 for grey, and an output "logits" with
 * a number a label.
 *
 * With time given, the speed is measured on a throwaway copy, the number of steps is fixed from it,
 * and the training is then that of `steps`; only a machine that becomes slower later makes it
 * shorter, which a NOTE says.
 *
 * ERR_DIVERGED: a loss or weight left the finite numbers; files then hold the last good epoch or do
 * not exist.
 */
bool train_supervised(const struct data_index *x, struct train_cfg *cfg,
                      const struct train_run *run, struct err *err);

#endif
