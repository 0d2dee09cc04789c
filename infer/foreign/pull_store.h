/*
 * pull_store -- what a download has on the disk: snapshots that lead to blobs, and refs
 *
 * The blobs themselves are pull_file's.
 */
#ifndef INFER_PULL_STORE_H
#define INFER_PULL_STORE_H

#include "infer/foreign/address.h"
#include "infer/foreign/pull.h"

/* A download on its way. */
struct infer_pull_job {
    const struct infer_pull_options *o;
    struct infer_address at;
    const char *store;          /* CACHE/HOST/models--OWNER--NAME, or .../url--SUM */
    const char *ref;            /* the file that holds the commit of what was asked for */
    char commit[INFER_DIGEST_HEX];      /* "": not known yet */
    struct infer_http *http;    /* NULL: nobody is asked */
    struct infer_pulled *out;
    int room;
    struct arena *mem;
    struct err *err;
};

/* Where a file of the repository lies, or all of them (name NULL), in mem.  NULL: no memory. */
const char *infer_pull_path(struct infer_pull_job *p, const char *name);

bool infer_pull_has(struct infer_pull_job *p, const char *name);

/* Appends a file that lies here to what was pulled: so many bytes came now; checked by a sum. */
bool infer_pull_add(struct infer_pull_job *p, const char *name, int64_t came, bool checked);

/* The same of one that came before: looked at, where a checksum of it is known, which is what a
 * hub's blob is called, or --sha256. */
bool infer_pull_add_old(struct infer_pull_job *p, const char *name);

/* snapshots/COMMIT/name leads to the blob. */
bool infer_pull_link(struct infer_pull_job *p, const char *name, const char *key);

/* The commit of what came before, when all of it had; and that all of it has come, of the revision
 * and so of its commit. */
bool infer_pull_read_ref(struct infer_pull_job *p);
bool infer_pull_write_refs(struct infer_pull_job *p);

#endif
