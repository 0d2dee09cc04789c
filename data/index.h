/*
 * index -- which pictures there are, and what they show
 *
 * From whatever people have: folders, tables, lists, arrays (data/source.h, docs/data.md).  Labels
 * are names; a position follows from the names alone ("2" before "10").  Immutable once made; share
 * freely.
 */
#ifndef DATA_INDEX_H
#define DATA_INDEX_H

#include "data/image.h"
#include "nn/base/field.h"
#include "nn/base/str.h"

#include <stdint.h>

enum data_task { DATA_SINGLE, DATA_MULTI };     /* one label a picture, or any number */
enum data_split { DATA_UNSPLIT, DATA_TRAIN, DATA_VAL, DATA_TEST };
extern const char *const data_task_names[];     /* "single" "multi" NULL */
extern const char *const data_split_names[];    /* "unsplit" "train" "val" "test" NULL */

/* Pixels that lie in a file as they are: 8-bit, 1 or 3 channels, channel by channel or not. */
struct data_raw {
    int width, height, channels;
    bool planar;                /* all red, then all green, then all blue */
};

struct data_sample {
    const char *path;           /* the file that is opened */
    const char *name;           /* below the root: what reports print and split files say; unique */
    const char *group;          /* samples of one group stay on one side of a split; NULL: none */
    const struct data_raw *raw; /* NULL: a picture file; else pixels from `offset` on */
    uint64_t offset;
    const int8_t *mark;         /* MULTI: a label each: 1 yes, 0 no, -1 unknown; NULL for SINGLE */
    int label;                  /* SINGLE; -1 = none known */
    enum data_split split;
    uint64_t hash;              /* XXH3-64 of the file's (raw: the pixels') bytes; 0 = not read */
};

struct data_skipped {
    const char *path, *why;     /* why: DATA_SKIP_MISSING where a list names what is not there */
};
#define DATA_SKIP_MISSING "missing"

struct data_index {
    enum data_task task;
    const char **label;
    int n_labels;
    bool taught;                /* its pictures' labels are what a model said, and no facts */
    struct data_sample *sample; /* malloc'ed; sorted by name */
    int n;
    const struct data_skipped *skipped;         /* what looked like a picture and is left out */
    int n_skipped;
    int n_others;               /* files that are no pictures: passed over */
    const char *other;          /* one of them; NULL: none */
    const char *columns;        /* what was read of a table or JSON lines, in words, or NULL */
    const char *passed;         /* its columns of text that could have been labels; NULL: none */
    const char *source;         /* the name of its layout */
    struct arena *mem;
};

enum data_task_choice { DATA_TASK_AUTO, DATA_TASK_SINGLE, DATA_TASK_MULTI };
extern const char *const data_task_choice_names[];  /* "auto" "single" "multi" NULL */

/* How to read; all 0 is a good choice.  What commands offer of it: DATA_SOURCE_FIELDS. */
struct data_source_options {
    const char *format;         /* a source's name; NULL = told from what is there */
    int task;                   /* enum data_task_choice */
    const char *images;         /* folder that names in a table count from; NULL = its own,
                                   or images/ in it */
    const char *classes;        /* a file of label names, one a line: these alone, in this order;
                                   pictures of others are left out; NULL = all */
    const char *label;          /* the column of the table, or the key of JSON lines, that holds
                                   the labels; NULL = told by its name, or by what is in it */
    const char *delimiter;      /* between the labels of one cell; NULL = told from the table */
    const char *group;          /* a column of the table, or a regular expression on names: what
                                   its first parenthesis (or all of it) matches names the group */
    const char *split_file;     /* a table name,split that overrides (split.h); NULL = none */
    int n_labels;               /* a model's labels, which the data's must be among; 0 = none */
    const char *const *labels;
    bool whatever;              /* too little to learn from is no error: for reports (finding.h) */
};

/* The options that every command with DATA has; m is the struct's member. */
#define DATA_SOURCE_FIELDS(T, m) \
    { .name = "format", .kind = FIELD_KIND_STRING, .count = 1, .hint = "NAME", \
      .group = "how the data are read", \
      .offset = offsetof(T, m.format), \
      .doc = "layout of the data, a name of `discern data import --help`; told by itself" }, \
    { .name = "task", .kind = FIELD_KIND_ENUM, .count = 1, .names = data_task_choice_names, \
      .offset = offsetof(T, m.task), \
      .doc = "one label a picture, or any number; told from the data" }, \
    { .name = "images", .kind = FIELD_KIND_STRING, .count = 1, .hint = "DIR", \
      .offset = offsetof(T, m.images), \
      .doc = "folder that the names in a table count from" }, \
    { .name = "classes", .kind = FIELD_KIND_STRING, .count = 1, .hint = "FILE", \
      .offset = offsetof(T, m.classes), .doc = "a file of the labels, one a line" }, \
    { .name = "label", .kind = FIELD_KIND_STRING, .count = 1, .hint = "COLUMN", \
      .offset = offsetof(T, m.label), \
      .doc = "the column of a table, or the key of JSON lines, that holds the labels; told by " \
             "itself" }, \
    { .name = "delimiter", .kind = FIELD_KIND_STRING, .count = 1, .hint = "TEXT", \
      .offset = offsetof(T, m.delimiter), \
      .doc = "what stands between labels in one cell of a table; told by itself" }, \
    { .name = "group", .kind = FIELD_KIND_STRING, .count = 1, .hint = "COLUMN|REGEX", \
      .offset = offsetof(T, m.group), \
      .doc = "pictures that belong together (a patient, a sequence) and must not be split apart: " \
             "a column, or a regular expression on names" }, \
    { .name = "split_file", .kind = FIELD_KIND_STRING, .count = 1, .hint = "FILE", \
      .offset = offsetof(T, m.split_file), \
      .doc = "which picture is in which part, as `discern data split` wrote it" }

/* Reads labelled pictures from a folder or file; opt NULL: all defaults.  Errors name the place and
 * say what is needed. */
struct data_index *data_index_open(const char *path, const struct data_source_options *opt,
                                   struct err *err);
void data_index_free(struct data_index *x);     /* NULL is fine */

/* The samples of the given split in a new index that shares strings with x: x must outlive it. */
struct data_index *data_index_part(const struct data_index *x, enum data_split split,
                                   struct err *err);

/* hash of every sample, on `threads` threads; what cannot be read keeps 0. */
bool data_index_hash(struct data_index *x, int threads, struct err *err);

/* A fingerprint of the whole: names, labels (but what a model said), parts and, where known,
 * hashes. */
uint64_t data_index_fingerprint(const struct data_index *x);

/* The bytes of a sample's file (of its pixels), at most max_bytes; free() them. */
uint8_t *data_sample_bytes(const struct data_sample *s, size_t max_bytes, size_t *size,
                           struct err *err);
/* The picture of a sample; the error names it.  Thread-safe.  From its bytes, where they are needed
 * for something else too; or read for that. */
bool data_sample_decode(const struct data_sample *s, const uint8_t *bytes, size_t size,
                        const struct data_decode *how, struct data_image *image, struct err *err);
bool data_sample_image(const struct data_sample *s, const struct data_decode *how,
                       struct data_image *image, struct err *err);
/* The same, and what sample.hash would be now (hash NULL: never mind). */
bool data_sample_hashed(const struct data_sample *s, const struct data_decode *how,
                        struct data_image *image, uint64_t *hash, struct err *err);

/* The folder walk of data_build_folder for pictures without labels (discern predict): appends
 * samples to x, each folder's by bytes, and what is left out to x->skipped. */
bool data_index_add_folder(struct data_index *x, const char *folder, size_t skip, int label,
                           enum data_split split, struct err *err);
/* For whoever makes an index by hand: appends a sample, whose strings outlive x. */
bool data_index_add(struct data_index *x, struct data_sample sample, struct err *err);
/* The same for what is left out; strings outlive x. */
bool data_index_skip(struct data_index *x, const char *path, const char *why, struct err *err);

/* DATA_UNSPLIT unless the word is one for a part: train, training, val, valid, validation,
 * test. */
enum data_split data_index_split(const char *word);

/* Model files and reports hold labels as UTF-8: whether this one is; the error shows it. */
bool data_index_check_label(const char *label, struct err *err);

/* Whether `path` may be written, as far as x goes: it is none of the files that x reads, whatever
 * it is called.  NULL may. */
bool data_index_spares(const struct data_index *x, const char *path, struct err *err);

/* Appends what is left out, in words: how many, and the first ones with why, and columns of text
 * that could have been labels; nothing when there is nothing. */
void data_index_tell_skipped(const struct data_index *x, struct str *out);

/* Whether it is known that the sample carries the label. */
static inline bool data_sample_has(const struct data_sample *s, int label)
{
    return s->mark ? s->mark[label] > 0 : s->label == label;
}

/* Appends the names of its labels as they are, with `between` between them. */
void data_sample_labels(const struct data_index *x, const struct data_sample *s,
                        const char *between, struct str *out);

/* How many samples carry each label (1 for MULTI); count[n_labels]. */
void data_index_counts(const struct data_index *x, int *count);

/* As people count: "2" before "10"; equal in that, by bytes.  For qsort's way of answering. */
int data_index_compare_names(const char *a, const char *b);

#endif
