/*
 * pull_file -- one file of the net into a store on the disk
 *
 * STORE/blobs/KEY is a file by its checksum, or by what its server calls it (ETag);
 * STORE/blobs/KEY.part is as much of it as has come.  A blob that is there is not downloaded again;
 * a part is gone on with.  A kill, a full disk or a line that breaks costs what was not yet
 * written.
 */
#ifndef INFER_PULL_FILE_H
#define INFER_PULL_FILE_H

#include "infer/foreign/digest.h"
#include "infer/foreign/http.h"

struct infer_pull_hooks {
    void (*say)(void *ctx, const char *line);
    /* Bytes of a file that have come since it was asked for, of how many (0: nobody knows), while
     * `doing` ("downloaded", "checked"); total -1: no longer. */
    void (*progress)(void *ctx, const char *doing, const char *name, int64_t done, int64_t total);
    void *ctx;
};

struct infer_pull_file {
    /* asked */
    const char *name;           /* for people */
    const char *url;
    const char *token;          /* for the host of url alone; NULL: none */
    const char *sha256;         /* what it must be; NULL: as the server says */
    int64_t most;               /* bytes */
    bool hub;                   /* its ETag is a checksum, its commit must be told */
    /* found */
    char key[INFER_DIGEST_HEX]; /* of the blob */
    char commit[INFER_DIGEST_HEX];      /* of the repository; "": not said */
    enum infer_digest digest;   /* what was compared, now */
    int64_t bytes;              /* of the file */
    int64_t came;               /* of them now */
};

enum infer_pulling {
    INFER_PULL_DONE,
    INFER_PULL_NONE,            /* the server says that there is no such file: err says so too */
    INFER_PULL_UNREACHED,       /* no answer: err says why */
    INFER_PULL_FAILED,          /* err says why */
};

/* Whether the file at path, which people call name, has that sum: all of it is read.  False with
 * *wrong: it has another, and err says so. */
bool infer_pull_check(const char *path, const char *name, enum infer_digest kind, const char *sum,
                      const struct infer_pull_hooks *hooks, bool *wrong, struct err *err);

/* The folders of the store are there.  What breaks is tried again some times, with pauses. */
enum infer_pulling infer_pull_file(struct infer_http *h, struct infer_pull_file *f,
                                   const char *store, const struct infer_pull_hooks *hooks,
                                   struct err *err);

#endif
