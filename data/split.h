/*
 * split -- which pictures train and which are held out
 */
#ifndef DATA_SPLIT_H
#define DATA_SPLIT_H

#include "data/index.h"

/*
 * Gives every UNSPLIT sample, and every TRAIN sample when no VAL is there, a split: about `val` and `test` of
 * them are held out, by the hash of their bytes, so that files added later move none of the old ones, and files
 * with the same bytes stay on one side.  Stratified within one picture where the classes allow.  Samples that are
 * VAL or TEST already stay.  Needs hashes (makes them).
 */
bool data_split(struct data_index *x, double val, double test, int threads, struct err *err);

#endif
