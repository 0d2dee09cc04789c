/*
 * crop -- a part of the picture, at a random place
 *
 * A picture larger than the net's input: a rectangle of area share a in [1 - 0.65 strength, 1] and
 * of the net's aspect times r, log r in [-1,1] log(4/3) strength, shrunk to fit, anywhere inside
 * (Szegedy et al. 2015, arXiv:1409.4842).  A smaller or equal one has no pixels to spare: it moves
 * by whole pixels, up to (1 + strength) / 12 of its size (light 1/8: 4 of 32, as is usual for
 * CIFAR), and what comes in at the edge is the picture mirrored.
 */
#include "data/aug/aug.h"

#include <math.h>

/* A whole number in [-reach, reach]. */
static double shift(float u, double reach)
{
    double r = round(reach);

    return floor(u * (2 * r + 1)) - r;
}

static void view(const struct data_aug_address *a, double strength, const struct data_prep *prep,
                 const struct data_image *image, struct data_view *v)
{
    double area, aspect, w, h, fit;

    if (image->width <= prep->size[1] && image->height <= prep->size[0]) {
        double reach = (1 + strength) / 12;

        data_prep_view(prep, image, v);
        v->x += shift(data_aug_u(a, 0), reach * v->w);
        v->y += shift(data_aug_u(a, 1), reach * v->h);
        return;
    }
    area = 1 - 0.65 * strength * data_aug_u(a, 0);
    aspect = exp((2 * data_aug_u(a, 1) - 1) * log(4.0 / 3) * strength);
    aspect *= prep->resize == DATA_SQUASH ? v->w / v->h : (double)prep->size[1] / prep->size[0];
    w = sqrt(area * v->w * v->h * aspect);
    h = w / aspect;
    fit = fmin(1, fmin(v->w / w, v->h / h));
    w *= fit;
    h *= fit;
    v->x += (v->w - w) * data_aug_u(a, 2);
    v->y += (v->h - h) * data_aug_u(a, 3);
    v->w = w;
    v->h = h;
}

const struct data_aug data_aug_crop = {
    .name = "crop", .doc = "a part of the picture at a random place, or a small one moved",
    .view = view,
};
