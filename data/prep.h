/*
 * prep -- the preprocessing that a model was trained with, and its application
 *
 * Stored in the model file, so that whoever answers prepares as the trainer did.  CROP and
 * SQUASH take one rectangle of the picture in one resampling; LETTERBOX fits the whole picture
 * and fills the rest with grey 114.
 */
#ifndef DATA_PREP_H
#define DATA_PREP_H

#include "data/image.h"
#include "nn/base/field.h"

enum data_resize { DATA_CROP, DATA_SQUASH, DATA_LETTERBOX };
extern const char *const data_resize_names[];   /* "crop" "squash" "letterbox" NULL */

struct data_prep {
    int size[2];                /* height, width of the net's input */
    int resize;                 /* enum data_resize */
    double crop;                /* CROP: share of the (aspect-matched) picture seen, 1 = all */
    double mean[3], std[3];     /* y = (pixel/255 - mean) / std, RGB */
};
extern const struct field data_prep_fields[];

/* Pixels before normalisation, as validation and prediction see them: out[size[0]*size[1]*3].  A
 * picture that has the net's size already comes through unchanged when crop is 1. */
bool data_prep_pixels(const struct data_prep *p, const struct data_image *image, uint8_t *out,
                      struct err *err);

/* out[n] floats from n = pixels*3 bytes. */
void data_prep_normalize(const struct data_prep *p, const uint8_t *pixel, int64_t n, float *out);

/* Both: out[size[0]*size[1]*3]. */
bool data_prep_apply(const struct data_prep *p, const struct data_image *image, float *out,
                     struct err *err);

/* Which part of the picture fills the net's input, and which way round.  It may reach outside:
 * there CROP and SQUASH see the picture mirrored at its edge, LETTERBOX grey. */
struct data_view {
    double x, y, w, h;          /* in the picture's pixels */
    bool mirror, upside_down;   /* left and right, top and bottom change places */
};

/* What data_prep_pixels shows. */
void data_prep_view(const struct data_prep *p, const struct data_image *image, struct data_view *v);

/* The pixels of any view: out[size[0]*size[1]*3]. */
bool data_prep_view_pixels(const struct data_prep *p, const struct data_image *image,
                           const struct data_view *v, uint8_t *out, struct err *err);

#endif
