/*
 * aug -- augmentations: one file and one line of augs.def each
 *
 * Addressed, not consumed: what happens to a picture is a pure function of (seed, epoch, sample, view).
 */
#ifndef DATA_AUG_H
#define DATA_AUG_H

#include "data/image.h"
#include "nn/base/rng.h"

struct data_aug_address {
    uint64_t seed;
    uint32_t stream;            /* number of the augmentation: data_aug_u adds it */
    uint64_t index;             /* of (epoch, sample, view) */
};

/* Draw number i (< 64) of this augmentation for this picture, uniform in [0,1). */
float data_aug_u(const struct data_aug_address *a, int i);

/* The geometry of one view: which part of the picture, and whether mirrored.  Augmentations that move pixels change
 * it before the one resampling; those that change values (later) work on the resampled pixels. */
struct data_view {
    double x, y, w, h;          /* part of the picture, in its pixels */
    bool mirror;
};

struct data_aug {
    const char *name, *doc;
    /* strength in (0,1]: light 0.5, strong 1.  aspect: width / height of the net's input. */
    void (*view)(const struct data_aug_address *a, double strength, const struct data_image *image, double aspect,
                 struct data_view *v);
};

#define DATA_AUG(name) extern const struct data_aug data_aug_##name;
#include "data/aug/augs.def"
#undef DATA_AUG

enum data_augment { DATA_AUGMENT_NONE, DATA_AUGMENT_LIGHT, DATA_AUGMENT_STRONG };
extern const char *const data_augment_names[];          /* "none" "light" "strong" NULL */

#endif
