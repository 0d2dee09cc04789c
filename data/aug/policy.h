/*
 * policy -- the list of operations that policies draw from, with the levels of the papers
 *
 * That of Cubuk et al. 2019, arXiv:1909.13719: identity, autocontrast, equalize, rotate, solarize,
 * saturation, posterize, contrast, brightness, sharpness, shears and translations.
 */
#ifndef DATA_POLICY_H
#define DATA_POLICY_H

#include "data/aug/op.h"

/* What level 1 does. */
struct data_policy_range {
    double degrees, shear;      /* tangent */
    double translate;           /* share of the side */
    double factor;              /* brightness, contrast, saturation, sharpness: 1 +- it */
    int bits;                   /* that posterize takes away */
};

/* AugMix takes but the first: its paper leaves out what the benchmark is made of. */
enum { DATA_POLICY_AUGMIX = 10, DATA_POLICY_COUNT = 14 };

/* Operation `op` of DATA_POLICY_COUNT at a level in [0,1]; minus: the other way, where it has
 * two. */
void data_policy_apply(int op, double level, bool minus, const struct data_policy_range *range,
                       struct data_pixels *m);

#endif
