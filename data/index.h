/*
 * index -- which pictures there are, and what they show
 *
 * From a folder (ROOT/CLASS/..., or ROOT/{train,val,valid,validation,test}/CLASS/...) or a one-hot
 * CSV (`filename,cat,dog[,split]`, paths relative to the CSV or to an images/ folder beside it).
 * Labels are names; positions follow from the training part's names in natural order ("2" before
 * "10") or the CSV's columns.  Immutable once made; share freely.
 */
#ifndef DATA_INDEX_H
#define DATA_INDEX_H

#include "nn/base/err.h"

#include <stdint.h>

enum data_task { DATA_SINGLE, DATA_MULTI };     /* one label a picture, or any number */
enum data_split { DATA_UNSPLIT, DATA_TRAIN, DATA_VAL, DATA_TEST };
extern const char *const data_task_names[];     /* "single" "multi" NULL */
extern const char *const data_split_names[];    /* "unsplit" "train" "val" "test" NULL */

struct data_sample {
    const char *path;           /* as it is opened */
    const char *name;           /* below the root: what reports print */
    int label;                  /* SINGLE; -1 = none known */
    const int8_t *mark;         /* MULTI: a label each: 1 yes, 0 no, -1 unknown; NULL for SINGLE */
    enum data_split split;
    uint64_t hash;              /* XXH3-64 of the file's bytes; 0 until data_index_hash */
};

struct data_index {
    enum data_task task;
    const char **label;
    int n_labels;
    struct data_sample *sample; /* malloc'ed; folders: sorted by name; CSV: in its order */
    int n;
    struct arena *mem;
};

/* Reads a folder or CSV.  With `labels` given (a model's; NULL otherwise) classes are matched to
 * them by name: one that is not among them is an error naming it.  Without, fewer than two classes,
 * or a class with fewer than two pictures, is an error that says how many are needed. */
struct data_index *data_index_open(const char *path, int n_labels, const char *const *labels,
                                   struct err *err);
void data_index_free(struct data_index *x);     /* NULL is fine */

/* The samples of the given split in a new index that shares strings with x: x must outlive it. */
struct data_index *data_index_part(const struct data_index *x, enum data_split split,
                                   struct err *err);

/* hash of every sample's file, on `threads` threads; files that cannot be read keep 0. */
bool data_index_hash(struct data_index *x, int threads, struct err *err);

/* For whoever makes an index: appends a sample, whose strings outlive x. */
bool data_index_add(struct data_index *x, struct data_sample sample, struct err *err);

/* Appends every picture in the folder and below, with this label and split.  Pictures are known by
 * the endings of their names; each folder goes by bytes; hidden files and what operating systems
 * leave behind are passed over; links are followed, but in no circle.  A sample's name is its path
 * without the first `skip` bytes. */
bool data_index_add_folder(struct data_index *x, const char *folder, size_t skip, int label,
                           enum data_split split, struct err *err);

/* DATA_UNSPLIT unless the word is one for a part: train, val, valid, validation, test. */
enum data_split data_index_split(const char *word);

/* Model files and reports hold labels as UTF-8: whether this one is; the error shows it. */
bool data_index_check_label(const char *label, struct err *err);

/* How many samples carry each label (1 for MULTI); count[n_labels]. */
void data_index_counts(const struct data_index *x, int *count);

#endif
