/*
 * translate -- the picture moves across and down
 *
 * By whole pixels of the net's input, each of them equally likely, up to magnitude / 2 of its width
 * and height.  What comes in at an edge is what data_view says.
 */
#include "data/aug/aug.h"

#include <math.h>

static void view(const struct data_aug_address *a, double magnitude, const struct data_prep *prep,
                 const struct data_image *image, struct data_view *v)
{
    (void)image;
    v->x += data_aug_whole(a, 0, floor(magnitude / 2 * prep->size[1])) * v->w / prep->size[1];
    v->y += data_aug_whole(a, 1, floor(magnitude / 2 * prep->size[0])) * v->h / prep->size[0];
}

const struct data_aug data_aug_translate = {
    .name = "translate", .doc = "the picture moves across and down, by whole pixels",
    .scale = "by up to half of its width and height", .magnitude = 0.25, .chance = 1,
    .view = view,
};
