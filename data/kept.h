/*
 * kept -- a part of a set written down, for what is learnt from the rest
 */
#ifndef DATA_KEPT_H
#define DATA_KEPT_H

#include "data/index.h"

/* The samples of x with keep[i]; a table of their labels where path ends in .csv, else a list of
 * paths, a line each, whose labels are those of their folders.  Atomically.  A list cannot name
 * pictures that are no files of their own: ERR_UNSUPPORTED. */
bool data_kept_write(const struct data_index *x, const bool *keep, const char *path,
                     struct err *err);

/* Whether a table is written to this path. */
bool data_kept_is_table(const char *path);

#endif
