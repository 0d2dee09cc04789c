/*
 * source -- layouts that labelled pictures come in: one file and one line of sources.def each
 *
 * A source tells its layout apart, reads it into a data_build (build.h), and, where that makes
 * sense, writes an index out in it.  data_index_open (index.h) chooses and runs one.
 * Where a layout comes from is said in its file; docs/data.md lists them all.
 */
#ifndef DATA_SOURCE_H
#define DATA_SOURCE_H

#include "data/build.h"
#include "nn/base/file.h"

/* What a path is, looked at once for all sources. */
struct data_probe {
    const char *path;           /* as given, without slashes at its end */
    enum file_kind kind;        /* FILE_REGULAR or FILE_FOLDER */
    const char *ending;         /* of a file's name, lower case, without the dot; "" for none */
    const uint8_t *head;        /* a file's first bytes; empty for a folder */
    size_t head_bytes;          /* <= 64 KiB */
    uint64_t bytes;             /* of the whole file */
    int n;                      /* a folder's entries, hidden ones left out, sorted by bytes */
    char *const *names;
    const struct data_source_options *opt;      /* never NULL */
};

struct data_source {
    const char *name, *doc;     /* "coco", "COCO: images, annotations and categories in JSON" */
    /* Whether it looks like this layout.  The first line of sources.def that says so is taken. */
    bool (*probe)(const struct data_probe *p);
    bool (*read)(const char *path, const struct data_source_options *opt, struct data_build *b,
                 struct err *err);
    /* Writes x to `path`, whole or not at all (a folder: beside it first), so that reading it gives
     * the same facts.  NULL: not written in this layout. */
    bool (*write)(const struct data_index *x, const char *path, struct err *err);
    bool copies;                /* write copies the pictures */
};

#define DATA_SOURCE(name) extern const struct data_source data_source_##name;
#include "data/source/sources.def"
#undef DATA_SOURCE

int data_source_count(void);
const struct data_source *data_source_at(int i);

/* By name; NULL and ERR_INPUT naming the nearest. */
const struct data_source *data_source_find(const char *name, struct err *err);

/* The one that a path looks like; NULL and ERR_INPUT saying what was looked for. */
const struct data_source *data_source_of(const char *path, struct err *err);

#endif
