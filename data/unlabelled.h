/*
 * unlabelled -- pictures whose labels nobody knows, beside those of a set
 */
#ifndef DATA_UNLABELLED_H
#define DATA_UNLABELLED_H

#include "data/index.h"

/*
 * The pictures in a folder and below go behind those of x, as of DATA_TRAIN, and called
 * "unlabelled:NAME".  x is hashed, and knows its parts: pictures with the bytes of one that it has
 * are left out, and counted in *copies, since what is checked with is not to be learnt from.
 * *added: how many came.  ERR_INPUT: there is no such folder, or no picture in it.
 */
bool data_unlabelled_add(struct data_index *x, const char *folder, int threads, int *added,
                         int *copies, struct err *err);

#endif
