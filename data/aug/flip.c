/*
 * flip -- left and right swapped, for half of the pictures
 */
#include "data/aug/aug.h"

static void view(const struct data_aug_address *a, double strength, const struct data_prep *prep,
                 const struct data_image *image, struct data_view *v)
{
    (void)strength, (void)prep, (void)image;
    if (data_aug_u(a, 0) < 0.5f)
        v->mirror = !v->mirror;
}

const struct data_aug data_aug_flip = {
    .name = "flip", .doc = "left and right swapped, for half of the pictures", .view = view,
};
