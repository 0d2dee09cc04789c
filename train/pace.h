/*
 * pace -- how long the rest of a training takes, and how many steps fit into a time
 */
#ifndef TRAIN_PACE_H
#define TRAIN_PACE_H

#include <stdint.h>

struct train_pace {
    int64_t per_epoch; /* steps */
    double step;       /* seconds of one */
    double fill;       /* that one of the first epoch takes more, while pictures are decoded */
    double val;        /* seconds of a validation, at the end of every epoch */
};

/* Seconds from step `done` to the end of step `steps`, with `validations`. */
double train_pace_left(const struct train_pace *p, int64_t done, int64_t steps, int validations);

/* The most steps after step `done` that fit into `seconds`, each epoch with its validation; at
 * least one. */
int64_t train_pace_steps(const struct train_pace *p, int64_t done, double seconds);

#endif
