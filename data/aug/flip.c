/*
 * flip -- left and right change places
 */
#include "data/aug/aug.h"

static void view(const struct data_aug_address *a, double magnitude, const struct data_prep *prep,
                 const struct data_image *image, struct data_view *v)
{
    (void)a, (void)magnitude, (void)prep, (void)image;
    v->mirror = !v->mirror;
}

const struct data_aug data_aug_flip = {
    .name = "flip", .doc = "left and right change places", .magnitude = 1, .chance = 0.5,
    .view = view,
};
