/*
 * summary -- what a training has come to, for whoever started it: words and JSON
 */
#ifndef TRAIN_LISTEN_SUMMARY_H
#define TRAIN_LISTEN_SUMMARY_H

#include "nn/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* All 0 before the training. */
struct train_summary {
    int best_epoch, epochs; /* best_epoch 0: as it began */
    int64_t steps;
    bool taught;            /* figures are how often a teacher is agreed with */
    double elapsed, waited; /* seconds; share of the steps' time */
    struct str history;     /* JSON: objects with commas between, one an epoch */
    struct str figures;     /* JSON of the best epoch; empty: nothing was held out */
    struct str result;      /* "trained in 12s: accuracy 0.9321 on ..." */
};

void train_summary_release(struct train_summary *s);

#endif
