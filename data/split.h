/*
 * split -- which pictures train and which are held out
 */
#ifndef DATA_SPLIT_H
#define DATA_SPLIT_H

#include "data/index.h"

/*
 * Gives every UNSPLIT sample, and every TRAIN sample when no VAL is there, a split: about `val` and
 * `test` of them are held out, by the hash of their bytes, so that files added later move none of
 * the old ones, and files with the same bytes stay on one side.  What the index holds already (VAL,
 * TEST) stays, and is not drawn a second time.
 *
 * Drawing lots gives a class its share give or take a few, as random choice does.  A small class
 * (SINGLE) that lots treat badly -- less than half of its share, more than double, or nothing on
 * one side -- is corrected by as few pictures as it takes; only there can files added later move
 * old ones.  (Exact shares and standing still exclude each other: which pictures are held out must
 * not depend on which others there are.)
 *
 * Needs hashes (makes them).  Files that cannot be read go to TRAIN, where they are reported.
 */
bool data_split(struct data_index *x, double val, double test, int threads, struct err *err);

#endif
