/*
 * trainer -- the loop: configuration and state in, events out
 */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "infer/evaluate.h"
#include "nn/base/field.h"

#include <stdatomic.h>

/* What struct data_prep has, or a choice. */
enum train_color { TRAIN_COLOR_AUTO, TRAIN_RGB, TRAIN_GREY };
enum train_resize { TRAIN_RESIZE_AUTO, TRAIN_CROP, TRAIN_SQUASH, TRAIN_LETTERBOX };
extern const char *const train_color_names[];  /* "auto", then data_color_names */
extern const char *const train_resize_names[]; /* "auto", then data_resize_names */

struct train_cfg {
    const char *arch;           /* a name of models.def, or the path of a graph text (below) */
    int size;                   /* input side in pixels; 0 = chosen from the pictures */
    int color, resize;          /* enum train_color, train_resize */
    int filter;                 /* enum data_filter */
    int background[3];          /* RGB */
    int batch;                  /* 0 = chosen */
    int epochs;                 /* 0 = chosen */
    int steps;                  /* 0 = by epochs; the last epoch may be cut short */
    double time;                /* seconds for the whole training; 0 = by epochs */
    const char *optim;          /* a name of optims.def */
    double lr, momentum, decay; /* lr 0 = chosen */
    double smooth;              /* label smoothing */
    double warmup;              /* share of the steps */
    double dropout;
    const char *augment; /* what data_recipe_parse reads */
    int seed;
    int threads; /* 0 = all processors */
    double val;  /* share held out where the data say nothing; 0 = chosen */
    bool no_near; /* near-duplicates are not kept on one side */
    const char *isa;
};
extern const struct field train_cfg_fields[]; /* train/settings.def */

enum train_event_kind {
    TRAIN_EVENT_START, /* settings are decided; text says what is trained on what */
    TRAIN_EVENT_STEP,
    TRAIN_EVENT_EPOCH,    /* validated and saved */
    TRAIN_EVENT_BAD_FILE, /* once a file */
    TRAIN_EVENT_NOTE,     /* a decision, with its reason */
    TRAIN_EVENT_END,      /* the last event of a training that reached its end */
};

struct train_event {
    enum train_event_kind kind;
    int epoch, epochs;    /* epoch counts from 1; 0 before the first */
    int64_t step, steps;  /* made, of */
    double loss;          /* running mean of the epoch */
    double rate;          /* pictures a second, loading and all */
    double elapsed, left; /* seconds */
    double waited;        /* share of the steps' time in which pictures were waited for */
    const struct infer_figures *val; /* EPOCH, END: of the best epoch; NULL: nothing held out */
    bool best;                       /* EPOCH: the best so far; END: epoch is the best one */
    const char *text;                /* START, NOTE, BAD_FILE */
};
typedef void train_event_fn(void *ctx, const struct train_event *e);

struct train_run {
    const char *out; /* run folder; exists; gets best.safetensors, last.safetensors and split.csv */
    const char *cache;     /* folder for decoded pictures (train/caches.h); NULL: none are kept */
    double cache_share;    /* of the free disk */
    const struct data_decode *decode; /* NULL: the default; the background is cfg's */
    train_event_fn *event; /* the terminal, the log ...; may be NULL */
    void *event_ctx;
    /* Set from a signal handler: finish the step, save, return ERR_CANCELLED.  May be NULL. */
    const atomic_bool *stop;
};

/* Whether the settings can all be meant, without any pictures: what this refuses train_supervised
 * refuses. */
bool train_check(const struct train_cfg *cfg, struct err *err);

/*
 * Trains on x (split already: TRAIN and VAL parts; no VAL part: nothing is checked, the last epoch
 * counts as the best).  cfg is changed in place to what was chosen.
 *
 * arch that names a file: its text is read with the words "classes" and "size" standing for
 * numbers; it must have one input "image" of HxWx3, or HxWx1 for grey, and an output "logits" with
 * a number a label.
 *
 * With time given, the speed is measured on a throwaway copy, the number of steps is fixed from it,
 * and the training is then that of `steps`; only a machine that becomes slower later makes it
 * shorter, which a NOTE says.
 *
 * ERR_DIVERGED: a loss or weight left the finite numbers; files then hold the last good epoch or do
 * not exist.
 */
bool train_supervised(const struct data_index *x, struct train_cfg *cfg,
                      const struct train_run *run, struct err *err);

#endif
