/*
 * crop -- a part of the picture, at a random place
 *
 * A picture larger than the net's input: a rectangle of area share a in [1 - 0.65 magnitude, 1] and
 * of the net's aspect times r, log r in [-1,1] log(4/3) magnitude, shrunk to fit, anywhere inside
 * (Szegedy et al. 2015, arXiv:1409.4842).  Of a picture that is cropped in preparation, what lies
 * beyond the middle is as good to learn from.  A smaller or equal one has no pixels to spare: it
 * moves by whole pixels, up to (1 + magnitude) / 12 of its size (at 0.5 1/8: 4 of 32, as is usual
 * for CIFAR), and what comes in at the edge is the picture mirrored.
 */
#include "data/aug/aug.h"

#include <math.h>

static void view(const struct data_aug_address *a, double magnitude, const struct data_prep *prep,
                 const struct data_image *image, struct data_view *v)
{
    double area, aspect, w, h, fit;

    if (image->width <= prep->size[1] && image->height <= prep->size[0]) {
        double reach = (1 + magnitude) / 12;

        v->x += data_aug_whole(a, 0, round(reach * v->w));
        v->y += data_aug_whole(a, 1, round(reach * v->h));
        return;
    }
    if (prep->resize == DATA_CROP) {
        v->x = v->y = 0;
        v->w = image->width;
        v->h = image->height;
    }
    area = 1 - 0.65 * magnitude * data_aug_u(a, 0);
    aspect = exp((2 * data_aug_u(a, 1) - 1) * log(4.0 / 3) * magnitude);
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
    .scale = "35 % of the picture at least, sides in proportion 3:4 to 4:3; small ones move by a "
             "sixth",
    .source = "Szegedy et al. 2015, arXiv:1409.4842",
    .magnitude = 0.5, .chance = 1, .view = view,
};
