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
#include "data/resize.h"
#include "nn/base/field.h"

enum data_resize { DATA_CROP, DATA_SQUASH, DATA_LETTERBOX };
extern const char *const data_resize_names[];   /* "crop" "squash" "letterbox" NULL */
enum data_color { DATA_RGB, DATA_GREY };        /* a net's input of 3 channels, or 1 */
extern const char *const data_color_names[];    /* "rgb" "grey" NULL */

struct data_prep {
    int size[2];                /* height, width of the net's input */
    int resize;                 /* enum data_resize */
    int color;                  /* enum data_color */
    int filter;                 /* enum data_filter (resize.h) */
    int background[3];          /* RGB under what is transparent, 0 to 255 */
    double crop;                /* CROP: share of the (aspect-matched) picture seen, 1 = all */
    double mean[3], std[3];     /* y = (pixel/255 - mean) / std, RGB; GREY: the first of each */
};
extern const struct field data_prep_fields[];

/* What is chosen when nobody says, as train and `data show` do: what one of several labels names
 * may be at an edge, where CROP would cut it off; one label for the whole is clear from the middle,
 * and undistorted. */
enum data_resize data_resize_for(bool several_labels);

/* 3, or 1 for grey. */
int data_prep_channels(const struct data_prep *p);
/* Numbers of a prepared picture: height * width * channels. */
size_t data_prep_count(const struct data_prep *p);

/* Puts into *how what this preparation wants of decoding: the background. */
void data_prep_decode(const struct data_prep *p, struct data_decode *how);

/* Pixels before normalisation, as validation and prediction see them: out[data_prep_count].  A
 * picture that has the net's size already comes through unchanged when crop is 1.  Grey is
 * data_image_luma of the resized RGB. */
bool data_prep_pixels(const struct data_prep *p, const struct data_image *image, uint8_t *out,
                      struct err *err);

/* The same as a factor and a summand a channel: y = pixel * scale + shift.  GREY: three alike. */
void data_prep_affine(const struct data_prep *p, float scale[3], float shift[3]);

/* out[n] floats from n = pixels * channels bytes, not overlapping. */
void data_prep_normalize(const struct data_prep *p, const uint8_t *restrict pixel, int64_t n,
                         float *restrict out);

/* Both: out[data_prep_count]. */
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

/* The pixels of any view: out[data_prep_count]. */
bool data_prep_view_pixels(const struct data_prep *p, const struct data_image *image,
                           const struct data_view *v, uint8_t *out, struct err *err);

/*
 * What is kept of a picture from one epoch to the next.  Where views are taken of it (`moved`): the
 * picture shrunk, never enlarged, to DATA_KEEP times the net's input, in whole pixels.  CROP: both
 * its sides are at least that; LETTERBOX: both at most; SQUASH: each by itself.  Of what is kept so
 * all is kept.  Else the prepared pixels, before
 * they become grey, which data_prep_kept_pixels takes: data_prep_pixels of the picture.
 * data_prep_keep makes *image what is kept; on failure it is as before.
 */
#define DATA_KEEP 1.15
bool data_prep_keep(const struct data_prep *p, bool moved, struct data_image *image,
                    struct err *err);
/* The size of what is kept of a picture: height, width. */
void data_prep_keep_size(const struct data_prep *p, bool moved, int width, int height, int size[2]);
void data_prep_kept_pixels(const struct data_prep *p, const struct data_image *kept, uint8_t *out);

#endif
