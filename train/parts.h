/*
 * parts -- the pictures that a training learns from, and those that it is checked with
 */
#ifndef TRAIN_PARTS_H
#define TRAIN_PARTS_H

#include "data/loader.h"
#include "nn/base/str.h"

struct train_parts {
    struct data_index *train, *val; /* owned; val NULL: nothing is held out */
    unsigned char *told;            /* files that were reported: of train, then of val */
};

/* The TRAIN and VAL parts of x, which is lent.  ERR_INPUT where they cannot serve: too few to learn
 * from, or none to check with that is readable and labelled. */
bool train_parts_open(struct train_parts *p, const struct data_index *x,
                      const struct data_decode *decode, struct err *err);
void train_parts_close(struct train_parts *p); /* a zeroed one is fine */

/* Whether this is the first time that a file of either part is reported. */
bool train_parts_first(struct train_parts *p, const struct data_sample *sample);

/* Appends the labels that no picture to learn from has, in words; nothing where there is none.
 * With read, [p->train->n] whether each could be read, those that have pictures,
 * and none that could. */
void train_parts_missing(const struct train_parts *p, const bool *read, struct str *out);

/* Why there is nothing to learn from although there are pictures, of which so many were read. */
bool train_parts_nothing(int64_t read, struct err *err);

#endif
