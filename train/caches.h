/*
 * caches -- what a training keeps of its pictures, for the next epoch and the next training
 *
 * One cache for the pictures to learn from, as augmentations see them, and one for those to check
 * with, prepared.  Their keys hold everything that pixels depend on: the files' hashes, the
 * preparation, the decoders, and the build of discern.
 */
#ifndef TRAIN_CACHES_H
#define TRAIN_CACHES_H

#include "data/fetch.h"
#include "train/choose.h"

struct train_caches {
    struct data_cache *train, *val; /* NULL: none */
};

struct train_caches_options {
    const char *dir; /* NULL: none */
    double share;    /* of the free disk */
    const struct data_index *train, *val; /* val may be NULL */
    const struct data_prep *prep;
    const struct data_recipe *recipe;
    const struct train_seen *seen; /* pictures, from which the size of all is expected */
    train_say_fn *say;             /* told where the caches are and how large, or why not */
    void *say_ctx;
};

/* Where a cache cannot be, or cannot tell files that changed (no hashes), or has nothing to save
 * (pixels that lie in the data as they are), there is none, which is no failure. */
bool train_caches_open(struct train_caches *c, const struct train_caches_options *opt,
                       struct err *err);
void train_caches_close(struct train_caches *c);

/* Of the files, complete or expected. */
int64_t train_caches_bytes(const struct train_caches *c);

/* The pictures to learn from are decoded in this training, in its first epoch. */
bool train_caches_filling(const struct train_caches *c);

#endif
