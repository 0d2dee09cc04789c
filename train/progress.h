/*
 * progress -- how far a training is: all that it needs to go on, beside its settings and its arrays
 *
 * Random numbers need no place here: they are functions of the seed, the epoch and the step.
 */
#ifndef TRAIN_PROGRESS_H
#define TRAIN_PROGRESS_H

#include "train/sched.h"

struct train_progress {
    double began;       /* when, in seconds since 1970 */
    double elapsed;     /* seconds that were trained until now */
    int step;           /* made */
    int epoch;          /* under way, from 1; 0: the start is to be judged, before any step */
    int batch;          /* batches of that epoch that were taken */
    /* Of that epoch so far: */
    int made;           /* steps that learnt something */
    double loss;        /* their sum */
    int pictures, right; /* learnt from; of these answered right before */
    /* Of the best epoch: */
    int best_epoch;     /* 0: as it began; -1: none yet */
    double best_figure; /* infer_figures_main; -1: not defined */
    double best_loss;   /* its log loss */
    struct train_plateau plateau;
    int rollbacks;      /* after numbers that were not finite */
};
extern const struct field train_progress_fields[];

/* That of a training which begins now. */
struct train_progress train_progress_new(void);

#endif
