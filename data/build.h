/*
 * build -- an index in the making: sources tell facts, in any order, and the rules are here
 *
 * Whatever the layout, the same facts give the same index: labels in natural order (of a file of
 * classes: in its order), samples sorted by name, one task.  The rules, each in one place:
 *  - labels are names; with labels given (a model's) any other is an error naming it; with a file
 *    of classes (options.classes) pictures that show another alone are left out;
 *  - a label that only held-out parts have, and no training part, is an error naming it, unless
 *    labels are given;
 *  - SINGLE when every sample has exactly one label that is yes and none that is unknown, and there
 *    are two labels at least; else MULTI.  The options may say which: facts that contradict are an
 *    error naming the sample;
 *  - no yes at all: a negative of every label (MULTI); unknown labels are masked;
 *  - SINGLE wants two labels and two pictures of each, MULTI one label that some pictures have and
 *    others have not: less is an error that says how many are needed.  (With options.whatever, and
 *    for what is scarce beyond that, it is data/finding.h's to say.)
 *  - the same sample told twice is the sum of its facts; contradicting ones are an error naming it;
 *    known beats unknown.
 * Not thread-safe.
 */
#ifndef DATA_BUILD_H
#define DATA_BUILD_H

#include "data/index.h"

struct data_build;

/* `root` is what errors name.  With opt->labels these are the labels from the start. */
struct data_build *data_build_new(const char *root, const struct data_source_options *opt,
                                  struct err *err);
void data_build_free(struct data_build *b);     /* NULL is fine */

/* Where strings that samples keep may live: the index's own arena. */
struct arena *data_build_arena(struct data_build *b);

/* The label of that name, made when it is new; -1 on failure. */
int data_build_label(struct data_build *b, const char *name, struct err *err);

/* A sample of its own path, name, group, raw, offset and split (label, mark and hash are not
 * looked at); strings are copied, what raw points to lies in the arena.  The same name again is the
 * same sample: parts and groups must agree where both are told.  Its number, or -1. */
int data_build_sample(struct data_build *b, const struct data_sample *facts, struct err *err);

/* Says that options.group is a column of the table, and samples are told with its values: it is
 * not taken for a regular expression. */
void data_build_grouped(struct data_build *b);

/* Says what is read of a table (data_index.columns, .passed; passed may be NULL), which are copied;
 * what was told first stays. */
bool data_build_columns(struct data_build *b, const char *columns, const char *passed,
                        struct err *err);

/* Says of a sample that a label is there (1), is not (0), or is not known (-1). */
bool data_build_mark(struct data_build *b, int sample, int label, int value, struct err *err);

/* What labels that nothing was said about are in this sample: 0 (the default), or -1. */
void data_build_rest(struct data_build *b, int sample, int value);

/* Notes a file that is left out: data_index.skipped. */
bool data_build_skip(struct data_build *b, const char *path, const char *why, struct err *err);

/* Counts files that are no pictures and are passed over; `one` of them. */
void data_build_others(struct data_build *b, int n, const char *one);

/* Every picture in the folder and below (walk.h), as samples with this label (-1: none) and split.
 * What cannot be read is skipped by name, the folder itself must be readable.  All calls share what
 * was entered: a link to a folder of the same label is skipped, to one of another label an error.
 * A sample's name is its path without the first `skip` bytes; names are not looked up, so do not
 * tell the same ones by data_build_sample. */
bool data_build_folder(struct data_build *b, const char *folder, size_t skip, int label,
                       enum data_split split, struct err *err);

/* Applies the rules.  The index is the caller's; the build is spent (free it all the same). */
struct data_index *data_build_finish(struct data_build *b, struct err *err);

#endif
