/*
 * csv -- metrics.csv: a row an epoch, the same columns in every training
 *
 * Columns only ever come to the end of the list.  An empty cell: there is no such figure (several
 * labels a picture have no accuracy; nothing was held out).  Numbers read back exactly.
 */
#ifndef TRAIN_LISTEN_CSV_H
#define TRAIN_LISTEN_CSV_H

#include "nn/base/err.h"
#include "nn/base/str.h"
#include "train/event.h"

#define TRAIN_METRICS_FILE "metrics.csv"

/* NaN: there is none. */
struct train_metrics {
    double epoch, step;      /* from 1; steps made since the training began */
    double seconds;          /* since it began */
    double loss, accuracy;   /* of the epoch, as it was learnt */
    double lr;               /* of its last step */
    double pictures_per_second;
    double waited;           /* share of the steps' time in which pictures were waited for */
    double memory_mb;        /* 10^6 bytes: the most that was resident */
    /* Validation (infer/eval/metric.h). */
    double val_pictures;
    double val_accuracy, val_top5, val_balanced_accuracy;       /* a label a picture */
    double val_map, val_subset_accuracy;                        /* several */
    double val_macro_f1, val_micro_f1, val_log_loss, val_ece;
    double best;             /* 1: the best so far, else 0 */
};

/* The row of an EPOCH event. */
void train_metrics_of(const struct train_event *e, struct train_metrics *row);

/* Appends the row as a line of the file; row NULL: the header. */
void train_metrics_put(struct str *out, const struct train_metrics *row);

/* The rows of a file, first epoch first; free(*rows).  A last line without an end is passed over.
 * Returns their number; -1 where it cannot be read or is none of ours (ERR_INPUT). */
int train_metrics_read(const char *path, struct train_metrics **rows, struct err *err);

#endif
