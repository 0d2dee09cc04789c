/*
 * phash -- pictures that look the same
 *
 * A descriptor of what a picture looks like, that survives re-compression, resizing and small
 * changes of colour, and clusters of pictures whose descriptors are near.  The rule, its distances
 * and what they were measured on are in phash.c and docs/data.md.
 */
#ifndef DATA_PHASH_H
#define DATA_PHASH_H

#include "data/index.h"
#include "nn/base/progress.h"

struct data_phash {
    uint64_t word[4];           /* bits that are compared by Hamming distance */
    uint8_t flat;               /* so little structure that nearness means nothing: never near */
    uint8_t cells;              /* how many cells carry the structure, at most 255 */
    uint8_t thumb[16 * 16];     /* grey, stretched: the second look at a candidate */
    uint8_t colour[2 * 4 * 4];  /* blue and red difference of larger cells */
};

void data_phash_of(const struct data_image *image, struct data_phash *out);

/* 0 identical ... 1 unrelated; below DATA_PHASH_NEAR is the same picture.  1: one is flat.  A
 * mirrored or turned picture is another one. */
double data_phash_distance(const struct data_phash *a, const struct data_phash *b);
#define DATA_PHASH_NEAR 0.15

/* hash[x->n], on `threads` threads, decoded as `decode` says (NULL: the default); what cannot be
 * read comes out flat, with readable[i] false.  progress and readable may be NULL.  Fills
 * x->sample[].hash on the way: each file is read once. */
bool data_phash_index(struct data_index *x, int threads, const struct data_decode *decode,
                      struct progress *progress, struct data_phash *hash, bool *readable,
                      struct err *err);

/*
 * cluster[i] = the smallest sample that i belongs with: same bytes (hash), near (phash NULL: not
 * looked at), same group.  Near pairs are found without comparing all with all.  Chains that would
 * tie together much of the set by likeness alone (more than max(8, n / 100) pictures) are cut back
 * to their closest pairs.  Depends on no number of threads.
 */
bool data_phash_clusters(const struct data_index *x, const struct data_phash *phash, int *cluster,
                         struct err *err);

#endif
