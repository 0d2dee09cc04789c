/*
 * rows -- what tables and JSON say of pictures, a row at a time, into a build; and out of an index
 *
 * Every form of one file shares this: where names count from, names without endings, files that
 * are missing, rows that repeat, words for parts.  docs/data.md, "Layouts", tells the rules.
 * Not thread-safe.
 */
#ifndef DATA_ROWS_H
#define DATA_ROWS_H

#include "data/build.h"
#include "nn/base/file.h"
#include "nn/base/str.h"

struct data_rows_told;

struct data_rows {
    struct data_build *b;
    const struct data_source_options *opt;
    const char *path;           /* of the file that is read: what errors name */
    int line;                   /* of the row */
    int sample;                 /* that the row tells of */
    bool gather;                /* several rows may tell of one picture: its labels add up */
    /* private */
    const char *prefix;         /* of samples' names: "train/" */
    enum data_split split;      /* of rows that say none */
    const char *folder[2];      /* that names count from, with '/' at the end, or "" */
    int n_folders, place, ending;
    int n, missing;
    const char *first_missing;
    uint64_t base, facts;       /* of the row */
    struct data_rows_told *told;
    int cap;
    struct str try, name;
};

/* Rows of the file `path`.  part: the folder of a part that it lies in ("train"), which names begin
 * with; NULL for none. */
bool data_rows_init(struct data_rows *r, const char *path, const char *part,
                    const struct data_source_options *opt, struct data_build *b, struct err *err);
void data_rows_release(struct data_rows *r);

/* A row that tells of the picture `name`; group may be NULL.  1: told, its labels may follow;
 * 0: no such file, the row is left out and noted; -1: failure. */
int data_rows_begin(struct data_rows *r, int line, const char *name, enum data_split split,
                    const char *group, struct err *err);
/* A label by its name, without the spaces around it, made when it is new; -1 on failure. */
int data_rows_label(struct data_rows *r, const char *name, size_t bytes, struct err *err);
/* What the row says of a label: as data_build_mark. */
bool data_rows_mark(struct data_rows *r, int label, int value, struct err *err);
/* Every label of a cell is yes; separator: what stands between them, "" for one label a cell. */
bool data_rows_labels(struct data_rows *r, const char *cell, const char *separator,
                      struct err *err);
/* The row is complete.  A row that says something else of its picture than an earlier one is an
 * error that names both lines. */
bool data_rows_end(struct data_rows *r, struct err *err);

/* All rows were there.  None, or only missing files, is an error. */
bool data_rows_finish(struct data_rows *r, struct err *err);

/* A word for a part; "" and "unassigned" are none of them.  false: it is no such word. */
bool data_rows_split(const char *word, enum data_split *split);
/* A cell of a yes-or-no column: 1, 0, or -1 for unknown.  false: it is none. */
bool data_rows_value(const char *cell, int *value);
/* Whether it ends as picture files do, or begins as addresses do ("gs://"). */
bool data_rows_is_picture(const char *name);

/* ---- writing --------------------------------------------------------------------------------- */

/* What a form cannot say. */
enum {
    DATA_ROWS_NO_UNKNOWN = 1,   /* that a label is unknown */
    DATA_ROWS_NO_LONE = 2,      /* labels without a picture */
    DATA_ROWS_NO_SPLIT = 4,     /* parts */
    DATA_ROWS_UTF8 = 8,         /* names that are not UTF-8 */
};

/* A file of rows on its way. */
struct data_rows_out {
    struct str text;            /* append here */
    bool splits;                /* some sample is in a part */
    bool all;                   /* some label is unknown, or without a picture */
    struct str scratch;
    /* private */
    struct file_out *file;
    const char *folder;         /* that the file will lie in, with '/', or "" */
    struct str name;
    char *from, *to;            /* absolute: the folder, and that of the picture before */
    const char *of;             /* a path in the latter, its folder this many bytes of it */
    size_t of_bytes;
    struct arena *mem;
};

/* How a form says labels; functions that are NULL have nothing to do. */
struct data_rows_form {
    unsigned cannot;            /* say: DATA_ROWS_... */
    bool (*check)(const struct data_index *x, struct err *err);     /* beyond that */
    void (*put_head)(struct data_rows_out *o, const struct data_index *x);
    /* name: what sample number i is called in the file, so that reading finds it: its name where
     * that leads to it, else the way there from the file's folder. */
    void (*put)(struct data_rows_out *o, const struct data_index *x, int i, const char *name);
    void (*put_tail)(struct data_rows_out *o, const struct data_index *x);
};

/* Writes x in that form, atomically. */
bool data_rows_write(const struct data_index *x, const char *path,
                     const struct data_rows_form *form, struct err *err);

/* 1 when label j is in sample s, 0 when not, -1 unknown; whatever the task. */
static inline int data_rows_mark_of(const struct data_sample *s, int j)
{
    return s->mark ? s->mark[j] : s->label == j;
}

/* The word for a part in columns called split: "" for none. */
const char *data_rows_split_word(enum data_split split);

#endif
