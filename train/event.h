/*
 * event -- what a training tells while it goes on: one stream, for whoever listens
 *
 * The terminal, the log, the table of figures, TensorBoard's file and the report are listeners
 * (train/listen/).  Events come from the thread that trains, in order; what they point to is lent
 * until the listener returns.
 */
#ifndef TRAIN_EVENT_H
#define TRAIN_EVENT_H

#include "infer/eval/metric.h"

enum train_event_kind {
    TRAIN_EVENT_NOTE,     /* a decision, with its reason */
    TRAIN_EVENT_START,    /* settings are decided; text says what is trained on what */
    TRAIN_EVENT_BAD_FILE, /* once a file */
    TRAIN_EVENT_STEP,     /* one was made */
    TRAIN_EVENT_EPOCH,    /* one has ended and was validated; it is saved next.  Epoch 0: the start
                             was, where it is no beginning from nothing */
    TRAIN_EVENT_SAVED,    /* all is safe on disk: what comes from here on may be lost */
    TRAIN_EVENT_END,      /* the last event of a training that reached its end */
    TRAIN_EVENT_STOP,     /* the last of one that was asked to stop; text says where it is */
    TRAIN_EVENT_FAIL,     /* the last of one that failed; text says why */
};
extern const char *const train_event_names[]; /* "note", "start" ... */

struct train_event {
    enum train_event_kind kind;
    int epoch, epochs;         /* epoch counts from 1; 0: the start */
    int64_t step, steps;       /* made, of */
    double loss;               /* running mean of the epoch */
    double accuracy;           /* share of the epoch's pictures, as augmented, that were answered
                                  right while it was learnt; NaN: several labels a picture */
    double step_loss, norm;    /* STEP: of this one: loss, Euclidean norm of the gradient */
    double lr;                 /* learning rate of the last step */
    double rate;               /* pictures a second, loading and all */
    double elapsed, left;      /* seconds; elapsed counts what was trained before a resume too */
    double waited;             /* share of the steps' time in which pictures were waited for */
    int64_t memory;            /* bytes: the most that was resident */
    const struct infer_figures *val; /* EPOCH, END: of the best epoch; NULL: nothing held out */
    bool taught;                     /* the teacher's labels are all there are: accuracy and val
                                        tell how often it is agreed with */
    bool best;                       /* EPOCH: the best so far; END: epoch is the best one */
    const char *text; /* NOTE, START, BAD_FILE, STOP, FAIL; SAVED: the file; else NULL */
};
typedef void train_event_fn(void *ctx, const struct train_event *e);

#endif
