/*
 * trainer -- the loop: configuration and state in, events out
 */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "infer/eval/evaluate.h"
#include "nn/base/progress.h"
#include "train/cfg.h"
#include "train/event.h"
#include "train/find_lr.h"
#include "train/method.h"
#include "train/outline.h"

#include <stdatomic.h>

/* Measuring which variants of operators are the fastest here. */
struct train_tuning {
    struct progress progress; /* zeroed: not shown */
    struct str variants;      /* becomes cfg->variants: outlives it */
};

struct train_run {
    const char *out; /* run folder; exists; gets best.safetensors, last.safetensors (a checkpoint,
                        train/checkpoint.h), previous.safetensors and split.csv */
    bool resume;     /* go on from the checkpoint in out; from the start where there is none */
    double save_every;     /* seconds between checkpoints within an epoch; 0: none there */
    const char *cache;     /* folder for decoded pictures (train/caches.h); NULL: none are kept */
    double cache_share;    /* of the free disk */
    struct train_tuning *tuning; /* cfg->variants are measured first; NULL: they stay */
    const struct data_decode *decode; /* NULL: the default; the background is cfg's */
    struct train_find_lr *find_lr; /* only this is made, and nothing learnt; NULL: a training */
    train_event_fn *event; /* the terminal, the log ...; may be NULL */
    void *event_ctx;
    /* Set from a signal handler: finish the step, save, return ERR_CANCELLED.  May be NULL. */
    const atomic_bool *stop;
};

/* Tells a decision that was made before the training begins, as a NOTE; no text: nothing. */
void train_note(const struct train_run *run, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Trains on x (split already: TRAIN and VAL parts; no VAL part: nothing is checked, the last epoch
 * counts as the best).  cfg is changed in place to what was chosen.
 *
 * arch that names a file: its text is read with the words "classes" and "size" standing for
 * numbers; it must have one input "image" of HxWx3, or HxWx1 for grey, and an output "logits" with
 * a number a label.
 *
 * With time given, the speed is measured on a throwaway copy, the number of steps is fixed from it,
 * and the training is then that of `steps`; only a machine that turns out to be slower makes it
 * shorter, or a faster one longer, which a NOTE says and cfg->shortened holds.
 *
 * A training that is resumed gives the same bits as one that was never interrupted; cfg and x must
 * be the same as then.
 *
 * ERR_DIVERGED: a loss, gradient or weight left the finite numbers; no file has such numbers.
 * ERR_CANCELLED: `stop` was set; all is saved.  Whatever the error, its message is the last event.
 */
bool train_with(const struct train_method *method, const struct data_index *x,
                struct train_cfg *cfg, const struct train_run *run, struct err *err);

/* What that training would be: prepares it as ever, makes a few steps on a throwaway copy, writes
 * nothing.  cfg is changed as above; release out whatever the result.  run->out is not looked
 * at. */
bool train_outline(const struct train_method *method, const struct data_index *x,
                   struct train_cfg *cfg, const struct train_run *run, struct train_outline *out,
                   struct err *err);

#endif
