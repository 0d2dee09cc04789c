/*
 * report -- what a training has come to, as one page: report.html
 *
 * The figure with what it is worth, curves, confusion, every label, calibration, the worst
 * mistakes, the settings with their reasons, the data, and the command that does it again.
 * data/page.h says what such a page is.
 */
#ifndef TRAIN_LISTEN_REPORT_H
#define TRAIN_LISTEN_REPORT_H

#include "infer/answers.h"
#include "infer/model.h"
#include "train/listen/csv.h"

#define TRAIN_REPORT_FILE "report.html"

/* All that the page tells; lent. */
struct train_report {
    const char *name;                   /* of the run: its folder */
    const struct infer_model *model;    /* the best one, its provenance as training wrote it */
    const struct data_index *index;     /* all parts */
    const struct data_index *val;       /* what was held out, and the answers to it; both NULL: */
    const struct infer_answers *answers;        /* nothing was */
    int n_rows;
    const struct train_metrics *row;    /* the epochs, as metrics.csv has them */
    int n_notes;
    const char *const *note;            /* decisions as they were told: "lr 0.1: the reason" */
    const char *command;                /* that repeats the training; NULL: unknown */
    bool stopped;                       /* before its end */
    const struct data_decode *decode;   /* of thumbnails; NULL: the default */
    int threads;
};

/* Writes the page atomically.  The same report gives the same bytes. */
bool train_report_write(const struct train_report *r, const char *path, struct err *err);

#endif
