/*
 * session -- one training while it goes on: what it was made of, and where it is
 *
 * What the trainer's parts share: the loop (trainer.c), what is written and read again (keep.c),
 * what is measured and planned (timing.c).  One thread.
 */
#ifndef TRAIN_SESSION_H
#define TRAIN_SESSION_H

#include "train/caches.h"
#include "train/clock.h"
#include "train/forecast.h"
#include "train/parts.h"
#include "train/progress.h"
#include "train/trainer.h"

#include <jansson.h>

enum {
    TRAIN_VAL_BATCH = 64,       /* pictures that are validated at a time */
    TRAIN_CALIBRATE_LEAST = 100 /* pictures held out that auto calibrates by */
};

struct train_session {
    struct train_cfg *cfg;
    const struct train_run *run;
    const struct data_index *index;
    const struct train_method *method;
    void *self; /* the method's */
    struct train_parts parts;
    struct train_teacher *teacher; /* NULL: none */
    struct data_prep prep;
    struct data_recipe recipe;
    struct train_caches caches;
    const struct nn_kernels *kernels;
    struct nn_variants *variants; /* of cfg->variants */
    struct pool *pool;
    struct infer_model *init;  /* what it begins with or goes on from, until that is taken */
    bool going_on;             /* from a checkpoint */
    struct nn_params *start;   /* the first values; NULL: by rule and seed */
    bool answers;              /* they know the labels already, so that they are judged too */
    struct infer_model *model; /* what is checked and written */
    char arch[128];            /* its name */
    struct data_loader *loader;
    struct data_prep seen; /* prep of the loader's pictures, which may be smaller */
    int side;              /* of pictures that loader and method are made for; 0: not both */
    json_t *about_data;   /* of the provenance */
    bool split_written;

    struct train_progress progress;
    struct train_clock clock;
    struct train_forecast memory;
    int64_t limit;        /* of the method's activations, in bytes; 0: any */
    double lr, saved; /* of the last step; when the last checkpoint was written */
    bool have_best;
    struct infer_figures best; /* of progress.best_epoch, where have_best */
};

/*
 * Prepares it: chooses what nobody said, makes model, loader and the method at its first values,
 * and looks at these.  t has method, index, cfg and run, and its clock runs.  Close it whatever the
 * result.
 */
bool train_session_open(struct train_session *t, struct err *err);
void train_session_close(struct train_session *t);

/* A new state of the method, at the first values. */
void *train_session_method(const struct train_session *t, struct err *err);

/* Loader and method for the pictures of that epoch, from 1, whose size may grow. */
bool train_session_see(struct train_session *t, int epoch, struct err *err);

/* How many epochs so many steps are. */
int train_session_epochs(const struct train_session *t, int64_t steps);

/* Whether the first values are judged before the first step, as epoch 0. */
bool train_session_judges_start(const struct train_session *t);

/* Whether the best model is calibrated at the end. */
bool train_session_calibrates(const struct train_session *t);

/* Seconds that the rest takes if it goes on as now. */
double train_session_left(const struct train_session *t);

/* Whether the user asked to stop. */
bool train_session_stopped(const struct train_session *t);

/* Fills in what every event has, and tells it. */
void train_session_emit(const struct train_session *t, struct train_event e);
void train_session_note(const struct train_session *t, enum train_event_kind kind,
                        const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void train_session_say(void *session, const char *text); /* a NOTE: a train_say_fn */
void train_session_bad_file(void *session, const struct data_sample *sample,
                            const struct err *why); /* a data_bad_fn: told once a file */

#endif
