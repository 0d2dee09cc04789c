/*
 * pull -- networks of the net into a cache folder
 *
 * CACHE/HOST/models--OWNER--NAME/{blobs,refs,snapshots}: the layout that Hugging Face's own cache
 * has.  snapshots/COMMIT/FILE leads to a blob; refs/REVISION holds the commit that it was when all
 * of it had come, so that what came is found without a network.
 */
#ifndef INFER_PULL_H
#define INFER_PULL_H

#include "infer/foreign/pull_file.h"
#include "nn/base/arena.h"

#define INFER_PULL_ENDPOINT "https://huggingface.co"

struct infer_pull_options {
    const char *endpoint;       /* the hub that hf:// is of: http(s)://HOST */
    const char *cache;          /* folder; made if need be */
    const char *token;          /* for the hub; NULL: none */
    const char *sha256;         /* of the one file, in hexadecimal; NULL: as the server says */
    bool offline;               /* only what is there */
    struct infer_http_trust trust;
    struct infer_pull_hooks hooks;
};

struct infer_pulled_file {
    const char *name, *path;
    int64_t bytes, came;        /* in all; now */
    bool checked;               /* by a checksum, now */
};

struct infer_pulled {
    const char *path;           /* what import and train --init take: a file or a folder; of a
                                 * model of ours its file, for all that take models */
    const char *commit;
    struct infer_pulled_file *file;
    int n;
};

/*
 * hf://OWNER/NAME: model.safetensors, or an index and the files that it names, config.json and
 * preprocessor_config.json; with /FILE that file, of weights with those two beside them.  A URL:
 * that file.  Strings are in mem.  Where no server answers, what came before is taken, and that is
 * said.
 */
bool infer_pull(const char *address, const struct infer_pull_options *o, struct arena *mem,
                struct infer_pulled *out, struct err *err);

/* A token from a file, in mem: one word of visible ASCII.  NULL on failure. */
const char *infer_pull_token(const char *path, struct arena *mem, struct err *err);

#endif
