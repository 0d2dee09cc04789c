/*
 * listen -- who hears the events of a training: one file and one line of listeners.def each
 *
 * A listener that fails (a full disk) is told once, as a NOTE to the others, and hears no more;
 * the training goes on, and train_listen_close hands the first failure to whoever asks for the
 * status.
 */
#ifndef TRAIN_LISTEN_H
#define TRAIN_LISTEN_H

#include "nn/base/err.h"
#include "train/event.h"

#include <stdio.h>

struct data_decode;
struct data_index;
struct train_cfg;
struct train_summary;

/* What a run wants of its listeners; each takes what concerns it. */
struct train_listen_options {
    const char *out;               /* run folder; NULL: no files */
    bool resumed;                  /* files of the run that are there are gone on with, from the
                                      step that START tells; else they are replaced */
    FILE *terminal;                /* that progress is told to (tell.h); NULL: nobody */
    int stream;                    /* that gets every event as a line of JSON; 0, -1: nobody */
    struct train_summary *summary; /* filled (train/listen/summary.h); may be NULL */
    /* For the report: */
    const struct data_index *index; /* in its parts; needed when they close; NULL: no report */
    const struct data_decode *decode;
    const struct train_cfg *cfg;   /* with what was chosen, once the training has started */
};

struct train_listener {
    const char *name;
    /* *state gets what event and close are given; NULL when the options do not ask for this
     * listener, which then hears nothing.  Files are made at START, not here: a training that
     * never starts leaves none, nor does one of which nothing is saved. */
    bool (*open)(const struct train_listen_options *o, void **state, struct err *err);
    bool (*event)(void *state, const struct train_event *e, struct err *err);
    /* Frees state.  Called once, also after event has failed. */
    bool (*close)(void *state, struct err *err);
};

#define TRAIN_LISTENER(name) extern const struct train_listener train_listener_##name;
#include "train/listen/listeners.def"
#undef TRAIN_LISTENER

/* o is borrowed until train_listen_close.  NULL on failure. */
struct train_listen *train_listen_open(const struct train_listen_options *o, struct err *err);

/* A train_event_fn; listen is a struct train_listen. */
void train_listen_event(void *listen, const struct train_event *e);

/* Frees l; NULL is fine.  False with the first error that a listener had. */
bool train_listen_close(struct train_listen *l, struct err *err);

#endif
