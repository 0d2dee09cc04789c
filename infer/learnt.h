/*
 * learnt -- whether a model has learnt from the pictures that it is measured on
 *
 * A model file holds a sample of the pictures that it has learnt from: the INFER_LEARNT smallest
 * of the hashes of their bytes ("bottom-k", Cohen and Kaplan 2007, "Summarizing data using
 * bottom-k sketches").  Hashes are as good as drawn by lot, so the share of the sample that a set
 * holds is the share of all of them, give or take 6 in 100.  Up to INFER_LEARNT pictures it is
 * exact.  Names, folders, labels and the order do not matter; pictures that were written anew do.
 * A model that began with another one has learnt what that one has: its file holds those samples
 * too, of the last INFER_LEARNT_EARLIER models.
 */
#ifndef INFER_LEARNT_H
#define INFER_LEARNT_H

#include "data/index.h"
#include "infer/model.h"

#include <jansson.h>

enum { INFER_LEARNT = 64, INFER_LEARNT_EARLIER = 8 };

/* The sample of the pictures in the given part of a hashed index, for member "sample" of the
 * provenance's "data": an array of 16 hexadecimal digits each, rising.  NULL: memory is out. */
json_t *infer_learnt_sample(const struct data_index *x, enum data_split split);

/* What the models before m have learnt from, the last one first, and before them m itself where
 * that is asked for: member "earlier" of the provenance's "data" of m, or of a model that begins
 * with it, an array of {"train": pictures, "sample": as above}.  NULL: nothing is told, or memory
 * is out. */
json_t *infer_learnt_earlier(const struct infer_model *m, bool itself);

/* How many of the hashed pictures of x the model has learnt from, at most x->n; -1: it does not
 * tell, as models from before there was a sample.  Of what it and the models before it have learnt
 * from the most counts, as the same pictures may be among all of these. */
int infer_learnt_count(const struct infer_model *m, const struct data_index *x);

/* Whether it tells. */
bool infer_learnt_known(const struct infer_model *m);

#endif
