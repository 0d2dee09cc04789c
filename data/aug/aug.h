/*
 * aug -- augmentations: one file and one line of augs.def each
 *
 * Addressed, not consumed: what happens to a picture is a pure function of
 * (seed, epoch, sample, view).
 */
#ifndef DATA_AUG_H
#define DATA_AUG_H

#include "data/prep.h"
#include "nn/base/rng.h"

struct data_aug_address {
    uint64_t seed;
    uint32_t stream;            /* number of the augmentation */
    uint64_t index;             /* of (epoch, sample, view) */
};

/* Draw number i (< 64) of this augmentation for this picture, uniform in [0,1). */
float data_aug_u(const struct data_aug_address *a, int i);

/* Augmentations that move pixels change the view before the one resampling; those that change
 * values (later) work on the resampled pixels. */
struct data_aug {
    const char *name, *doc;
    /* strength in (0,1]: light 0.5, strong 1.  *v comes as the widest rectangle allowed. */
    void (*view)(const struct data_aug_address *a, double strength, const struct data_prep *prep,
                 const struct data_image *image, struct data_view *v);
};

#define DATA_AUG(name) extern const struct data_aug data_aug_##name;
#include "data/aug/augs.def"
#undef DATA_AUG

enum data_augment { DATA_AUGMENT_NONE, DATA_AUGMENT_LIGHT, DATA_AUGMENT_STRONG };
extern const char *const data_augment_names[];          /* "none" "light" "strong" NULL */

/* The view of one picture after all augmentations; with NONE that of data_prep_view. */
void data_augment_view(enum data_augment how, uint64_t seed, uint64_t index,
                       const struct data_prep *prep, const struct data_image *image,
                       struct data_view *v);

#endif
