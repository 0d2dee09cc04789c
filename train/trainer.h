/*
 * trainer -- the loop: configuration and state in, events out
 */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "infer/evaluate.h"
#include "nn/base/field.h"

#include <stdatomic.h>

struct train_cfg {
    const char *arch;           /* a name of models.def, or the path of a graph text */
    int size;                   /* input side in pixels; 0 = chosen from the pictures */
    int batch;                  /* 0 = chosen */
    int epochs;                 /* 0 = chosen */
    double time;                /* seconds for the whole training; 0 = by epochs */
    double lr, momentum, decay; /* lr 0 = chosen */
    double smooth;              /* label smoothing */
    double warmup;              /* share of the steps */
    int augment;                /* enum data_augment */
    int seed;
    int threads;                /* 0 = all processors */
    double val;                 /* share held out where the data say nothing */
    const char *isa;
};
extern const struct field train_cfg_fields[];

enum train_event_kind {
    TRAIN_EVENT_START,          /* settings are decided */
    TRAIN_EVENT_STEP,
    TRAIN_EVENT_EPOCH,          /* validated and saved */
    TRAIN_EVENT_BAD_FILE,
    TRAIN_EVENT_NOTE,           /* a decision, with its reason */
    TRAIN_EVENT_END,
};

struct train_event {
    enum train_event_kind kind;
    int epoch, epochs;          /* epoch counts from 1 */
    int64_t step, steps;
    double loss;                /* running mean of the epoch */
    double rate;                /* pictures a second */
    double elapsed, left;       /* seconds */
    const struct infer_figures *val;    /* EPOCH */
    bool best;                  /* EPOCH: the best so far */
    const char *text;           /* NOTE, BAD_FILE */
};
typedef void train_event_fn(void *ctx, const struct train_event *e);

struct train_run {
    const char *out;            /* run folder; exists; gets best.safetensors and last.safetensors */
    train_event_fn *event;      /* the terminal, the log ... */
    void *event_ctx;
    const atomic_bool *stop;    /* set from a signal handler: finish the step, save, return ERR_CANCELLED */
};

/* Trains on x (split already: TRAIN and VAL parts).  cfg is changed in place to what was chosen. */
bool train_supervised(const struct data_index *x, struct train_cfg *cfg, const struct train_run *run,
                      struct err *err);

#endif
