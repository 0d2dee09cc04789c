/*
 * zoom -- the picture comes nearer or moves away
 *
 * The view's sides times s, log s uniform in [-1,1] magnitude log(1.5), about its middle.
 */
#include "data/aug/aug.h"

#include <math.h>

static void view(const struct data_aug_address *a, double magnitude, const struct data_prep *prep,
                 const struct data_image *image, struct data_view *v)
{
    double s = exp((2 * data_aug_u(a, 0) - 1) * magnitude * log(1.5));

    (void)prep, (void)image;
    v->x += v->w * (1 - s) / 2;
    v->y += v->h * (1 - s) / 2;
    v->w *= s;
    v->h *= s;
}

const struct data_aug data_aug_zoom = {
    .name = "zoom", .doc = "the picture comes nearer or moves away",
    .scale = "1.5 times as large or as small", .magnitude = 0.5, .chance = 1, .view = view,
};
