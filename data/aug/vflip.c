/*
 * vflip -- top and bottom change places: for pictures that have no up, from above or of cells
 */
#include "data/aug/aug.h"

static void view(const struct data_aug_address *a, double magnitude, const struct data_prep *prep,
                 const struct data_image *image, struct data_view *v)
{
    (void)a, (void)magnitude, (void)prep, (void)image;
    v->upside_down = !v->upside_down;
}

const struct data_aug data_aug_vflip = {
    .name = "vflip", .doc = "top and bottom change places: for pictures that have no up",
    .magnitude = 1, .chance = 0.5, .view = view,
};
