/*
 * take -- one picture as several networks want to see it, decoded once
 */
#ifndef DATA_TAKE_H
#define DATA_TAKE_H

#include "data/index.h"
#include "data/prep.h"

/* A preparation, and how near it goes: the middle of what it shows, `share` of it across and down;
 * 1 is the preparation itself. */
struct data_take {
    const struct data_prep *prep;       /* lent */
    double share;               /* (0,1] */
};

/* out[t][data_prep_count of take t], normalised, from a decoded picture. */
bool data_take_image(const struct data_take *take, int n, const struct data_image *image,
                     float *const out[], struct err *err);

/* The same from a sample, or from its bytes (NULL: they are read).  Decoded once for each
 * background, which is the preparation's.  how NULL: the default.  The error names the sample.  Any
 * thread. */
bool data_take_sample(const struct data_take *take, int n, const struct data_sample *s,
                      const uint8_t *bytes, size_t size, const struct data_decode *how,
                      float *const out[], struct err *err);

#endif
