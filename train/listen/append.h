/*
 * append -- a file that grows by whole pieces while a training goes on
 *
 * A piece is one write, so that a process that is killed leaves whole pieces.  What a full disk
 * took of a piece is cut off again.  The file of a training that came to nothing goes.
 */
#ifndef TRAIN_LISTEN_APPEND_H
#define TRAIN_LISTEN_APPEND_H

#include "nn/base/err.h"
#include "nn/base/str.h"
#include "train/event.h"

#include <stddef.h>
#include <stdint.h>

struct train_append {
    int fd;
    char *path;
    int64_t bytes; /* that are whole */
    bool wanted;   /* else it is removed when it is closed */
};

/* Opens dir/name, empty; with keep what is there stays, but for a last line without an end, which
 * only a machine that lost its power leaves. */
bool train_append_open(struct train_append *a, const char *dir, const char *name, bool keep,
                       struct err *err);

/* Appends text and empties it.  Memory that ran out while it was made is an error too. */
bool train_append_str(struct train_append *a, struct str *text, struct err *err);
bool train_append(struct train_append *a, const void *data, size_t bytes, struct err *err);

/* An epoch that ended, or a save, makes the file wanted; what was kept is wanted already. */
void train_append_hear(struct train_append *a, const struct train_event *e);

bool train_append_sync(struct train_append *a, struct err *err);

/* A zeroed one, and one that could not be opened, is fine. */
void train_append_close(struct train_append *a);

/* All of data to a descriptor that may be a pipe; false with errno.  */
bool train_write_all(int fd, const void *data, size_t bytes);

#endif
