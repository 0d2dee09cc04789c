/*
 * fetch -- one picture of an index to the numbers that a net sees
 *
 * Cache, or decode and shrink; then a view, then changes of pixels, then normalisation.  What
 * augmentations see is what is kept of a picture (data_prep_keep) whether or not there is a cache,
 * so that the numbers do not depend on it.
 */
#ifndef DATA_FETCH_H
#define DATA_FETCH_H

#include "data/aug/aug.h"
#include "data/cache.h"
#include "data/index.h"

enum { DATA_VIEWS = 2 };

struct data_fetch {
    const struct data_index *x;
    const struct data_prep *prep;
    const struct data_prep *keep;       /* what pictures are kept for, prep in another size; NULL:
                                           prep */
    const struct data_recipe *recipe;   /* NULL or empty: as validation sees them */
    struct data_decode decode;          /* the background is prep's */
    struct data_cache *cache;           /* of x's pictures as keep and recipe keep them, of those
                                           files that are still as x has hashed them; or NULL */
    uint64_t seed;
};

/* Bytes of scratch memory that a call wants, a multiple of 64; a thread's own. */
size_t data_fetch_scratch(const struct data_fetch *f);

/* Views 0 .. views-1 of the picture in this epoch, each to out[v][data_prep_count].  draw, in
 * [0, x->n), is what its random numbers are addressed by: the sample, or where that may come more
 * than once its place in the epoch.  The error names the picture.  Any thread. */
bool data_fetch(const struct data_fetch *f, uint64_t epoch, int draw, int sample, int views,
                uint8_t *scratch, float *const out[], struct err *err);

#endif
