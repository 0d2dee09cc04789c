/*
 * normalize -- what networks of others want pixels to be, by the words that others have for it; and
 * what of a preparation nobody said
 */
#ifndef INFER_NORMALIZE_H
#define INFER_NORMALIZE_H

#include "data/prep.h"
#include "nn/base/str.h"

/* What pixels of 0 to 255 become: as they are; 0 to 1; -0.5 to 0.5; -1 to 1; with ImageNet's mean
 * and deviation. */
enum infer_normalize { INFER_NORMALIZE_AUTO, INFER_NORMALIZE_NONE, INFER_NORMALIZE_UNIT,
                       INFER_NORMALIZE_HALF, INFER_NORMALIZE_FULL, INFER_NORMALIZE_IMAGENET };
extern const char *const infer_normalize_names[];       /* "auto" "none" "unit" ... NULL */

/* Mean and deviation; AUTO leaves them. */
void infer_normalize(struct data_prep *p, enum infer_normalize how);

/* What somebody said of how pictures are prepared: the caller, or files. */
struct infer_prep_said {
    bool size, crop, filter, mean;      /* mean: and deviation */
};

/* A line in told on what was taken though nobody said it, where that is anything; why: " as ...",
 * or "". */
void infer_prep_tell(const struct data_prep *p, const struct infer_prep_said *said, const char *why,
                     struct str *told);

#endif
