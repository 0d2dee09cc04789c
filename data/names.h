/*
 * names -- the pictures that a command line means: files, folders, lists of both
 *
 * They are given one by one, in order, while folders are gone through and lists are read: memory
 * holds one folder's listing at most.  A folder's pictures go by bytes (walk.h), each folder once.
 * A list has a name a line, or ended by 0 bytes; LF or CR LF; blank lines are passed over.
 */
#ifndef DATA_NAMES_H
#define DATA_NAMES_H

#include "nn/base/err.h"

struct data_names {
    char *const *arg;           /* files and folders; "-": what comes on standard input */
    int n;
    const char *list;           /* a file of more of them, "-": standard input; NULL: none.  There,
                                   "-" is a file's name */
    bool null;                  /* 0 bytes end the list's names */
    const char *spare;          /* a folder whose pictures are left out; NULL: none */
    /* Any of them ends it by false; with *err as it was, that is no failure.  Paths are lent during
     * the call. */
    bool (*picture)(void *ctx, const char *path, struct err *err);
    bool (*input)(void *ctx, struct err *err);          /* the picture on standard input */
    /* What gives no picture: an empty folder, or one that cannot be read.  The error names it. */
    bool (*missed)(void *ctx, const char *path, const struct err *why, struct err *err);
    /* The list is not at its end, but nothing more is there yet: a good time to answer. */
    bool (*wait)(void *ctx, struct err *err);
    void *ctx;
};

/* False where a call was; or the list cannot be read, which the error names. */
bool data_names_go(const struct data_names *names, struct err *err);

#endif
