/*
 * sched -- the learning rate: shapes over a training, as shares of the highest rate
 *
 * All but plateau are functions of how much is done alone.  Step i of n is at (i + 1/2) / n, so
 * that no step has the rate 0.
 */
#ifndef TRAIN_SCHED_H
#define TRAIN_SCHED_H

#include "nn/base/field.h"

/* NAME, and what it does once the warm-up is over. */
#define TRAIN_SCHEDS(SCHED) \
    SCHED(constant, "stays") \
    SCHED(step, "times `drop` after every `drop_every` of the training") \
    SCHED(cosine, "half a cosine down to `lr_end`") \
    SCHED(onecycle, "a slow rise from a 25th in place of the warm-up, then as cosine") \
    SCHED(linear, "a straight line down to `lr_end`") \
    SCHED(plateau, "times `drop` when `patience` epochs brought nothing better")

enum train_sched_kind {
#define SCHED(name, doc) TRAIN_SCHED_##name,
    TRAIN_SCHEDS(SCHED)
#undef SCHED
};
extern const char *const train_sched_names[]; /* by kind; NULL at the end */

struct train_sched {
    int kind;          /* enum train_sched_kind */
    double warmup;     /* share of the training in which the rate rises */
    double drop;       /* factor of step and plateau */
    double drop_every; /* step: share of the training, warm-up and all */
    int patience;      /* plateau: epochs */
    double end;        /* what cosine, onecycle and linear fall to, in [0,1] */
};

/* Where nobody says how long the warm-up is. */
double train_sched_warmup(int kind);

/* The share of the highest rate, in [0,1], when `done` in [0,1] of the training is over; that of
 * plateau is times train_plateau_share. */
double train_sched_share(const struct train_sched *s, double done);

/* What plateau remembers; all 0 before the first epoch. */
struct train_plateau {
    int seen, waited, drops; /* epochs; those since the best one or the last drop; drops */
    double best;             /* figure, once seen is above 0 */
};
extern const struct field train_plateau_fields[];

/* At the end of an epoch: `figure` is better the larger it is.  Returns whether the rate drops. */
bool train_plateau_epoch(struct train_plateau *p, const struct train_sched *s, double figure);
double train_plateau_share(const struct train_plateau *p, const struct train_sched *s);

#endif
