/*
 * build -- an index in the making: sources tell facts, in any order, and the rules are here
 *
 * Whatever the layout, the same facts give the same index: labels in natural order, samples
 * sorted by name, one task.  The rules, each in one place:
 *  - labels are names; with labels given (a model's) any other is an error naming it;
 *  - a label that occurs only in held-out parts, and in no training part, is an error naming it;
 *  - SINGLE when every sample has exactly one label that is yes and none that is unknown, and there
 *    are two labels at least; else MULTI.  The options may say which: facts that contradict are an
 *    error naming the sample;
 *  - no yes at all: a negative of every label (MULTI); unknown labels are masked;
 *  - too few labels, or pictures of a label, is an error that says how many are needed;
 *  - the same sample told twice with contradicting facts is an error naming it.
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
 * looked at); strings are copied unless they lie in the arena.  The same name again is the same
 * sample.  Its number, or -1. */
int data_build_sample(struct data_build *b, const struct data_sample *facts, struct err *err);

/* Says of a sample that a label is there (1), is not (0), or is not known (-1). */
bool data_build_mark(struct data_build *b, int sample, int label, int value, struct err *err);

/* What labels that nothing was said about are in this sample: 0 (the default), or -1. */
void data_build_rest(struct data_build *b, int sample, int value);

/* Notes a file that is left out: data_index.skipped. */
bool data_build_skip(struct data_build *b, const char *path, const char *why, struct err *err);

/* Every picture in the folder and below, as samples with this label (-1: none) and split.  Known by
 * the endings of their names; each folder goes by bytes; hidden files and what operating systems
 * leave behind are passed over; links are followed, but no folder is entered twice; what has a
 * picture's name and cannot be one (FIFO, device, broken link) is skipped by name.  A sample's name
 * is its path without the first `skip` bytes. */
bool data_build_folder(struct data_build *b, const char *folder, size_t skip, int label,
                       enum data_split split, struct err *err);

/* Applies the rules.  The index is the caller's; the build is spent (free it all the same). */
struct data_index *data_build_finish(struct data_build *b, struct err *err);

#endif
