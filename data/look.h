/*
 * look -- how a picture looks at a glance: light, sharpness, colour
 *
 * Measured on luma (ITU-R 601, 0 black to 1 white), averaged over cells so that the short side has
 * 224 of them at most: about what a network sees, whatever camera it comes from.
 */
#ifndef DATA_LOOK_H
#define DATA_LOOK_H

#include "data/image.h"

struct data_look {
    float light;                /* mean luma */
    float low, high;            /* a hundredth of the cells is below, above */
    float sharp;                /* look.c: about 2 in photos, under 0.75 blurred; 0: one colour */
    bool grey;                  /* no pixel has colour, give or take what JPEG rounds */
};

/* False only when memory is out.  Thread-safe. */
bool data_look_at(const struct data_image *image, struct data_look *out, struct err *err);

#endif
