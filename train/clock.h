/*
 * clock -- where the time of a training goes, and how long the rest takes
 */
#ifndef TRAIN_CLOCK_H
#define TRAIN_CLOCK_H

#include "train/pace.h"

#include <stdbool.h>

struct train_clock {
    struct train_pace pace; /* measured before, then as it was so far */
    double began, epoch_began;
    double before;  /* seconds that were trained before this process */
    bool filling;   /* the first epoch fills a cache */
    /* Seconds spent in steps, and of these waited for pictures: in all; while a cache is filled. */
    double in_steps, waited, in_fill;
    int64_t steps;    /* that took them */
    int64_t pictures; /* of the epoch */
};

/* A time in seconds since 1970 as "2026-01-31T12:00:00Z". */
enum { TRAIN_DATE = 32 };
const char *train_date(double time, char text[TRAIN_DATE]);

void train_clock_start(struct train_clock *c, double before);
void train_clock_epoch(struct train_clock *c); /* an epoch begins */

/* A step took so long, and of that waited for pictures, of which it had so many.  What filling the
 * cache costs will not come back. */
void train_clock_step(struct train_clock *c, double seconds, double waited, int pictures,
                      bool filling);

/* Seconds trained, by this process and before it. */
double train_clock_elapsed(const struct train_clock *c);
/* Pictures a second in this epoch, loading and all. */
double train_clock_rate(const struct train_clock *c);
/* Share of the steps' time in which pictures were waited for. */
double train_clock_waited(const struct train_clock *c);

#endif
