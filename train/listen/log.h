/*
 * log -- log.jsonl: events as lines of JSON, and the same lines for whoever streams them
 *
 * {"schema":"discern.train.event/1","event":"step","time":...,...}: docs/train.md tells the
 * members, which are only ever added.  Numbers read back exactly; one that is none is null.
 */
#ifndef TRAIN_LISTEN_LOG_H
#define TRAIN_LISTEN_LOG_H

#include "nn/base/str.h"
#include "train/event.h"

#define TRAIN_LOG_FILE "log.jsonl"

/* Of more steps than this, the file holds every second one, or every third ... */
enum { TRAIN_LOG_STEPS = 10000 };

/* Seconds since 1970, whole milliseconds. */
double train_log_now(void);

/* Appends the event as one line; time: when it was. */
void train_log_line(struct str *out, const struct train_event *e, double time);

#endif
