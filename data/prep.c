/*
 * prep -- the preprocessing that a model was trained with, and its application
 */
#include "data/prep.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BAR = 114 };             /* grey of letterbox bars, as detectors have it */

const char *const data_resize_names[] = { "crop", "squash", "letterbox", NULL };
const char *const data_color_names[] = { "rgb", "grey", NULL };

const struct field data_prep_fields[] = {
    FIELD_INTS(struct data_prep, size, NULL, 2, 224, 1, 4096,
               "height and width of the net's input, in pixels"),
    FIELD_ENUM(struct data_prep, resize, data_resize_names, DATA_CROP,
               "how a picture of another shape is fitted"),
    FIELD_FLOAT(struct data_prep, crop, NULL, 1, 0.05, 1,
                "crop: share of the picture's centre that is seen"),
    FIELD_FLOATS(struct data_prep, mean, 3, 0.5, -2, 3,
                 "subtracted from red, green, blue in 0 to 1; grey: the first"),
    FIELD_FLOATS(struct data_prep, std, 3, 0.5, 0.0001, 1000,
                 "by which the difference is divided; grey: the first"),
    FIELD_ENUM(struct data_prep, color, data_color_names, DATA_RGB,
               "channels of the net's input: 3 or 1"),
    FIELD_ENUM(struct data_prep, filter, data_filter_names, DATA_BILINEAR,
               "of resizing"),
    FIELD_INTS(struct data_prep, background, NULL, 3, 255, 0, 255,
               "red, green, blue under what is transparent"),
    FIELDS_END
};

enum data_resize data_resize_for(bool several_labels)
{
    return several_labels ? DATA_SQUASH : DATA_CROP;
}

int data_prep_channels(const struct data_prep *p)
{
    return p->color == DATA_GREY ? 1 : 3;
}

size_t data_prep_count(const struct data_prep *p)
{
    return (size_t)p->size[0] * (size_t)p->size[1] * (size_t)data_prep_channels(p);
}

void data_prep_decode(const struct data_prep *p, struct data_decode *how)
{
    for (int c = 0; c < 3; c++)
        how->background[c] = (uint8_t)p->background[c];
}

void data_prep_view(const struct data_prep *p, const struct data_image *image, struct data_view *v)
{
    double w = image->width, h = image->height;
    bool wide = (int64_t)image->width * p->size[0] > (int64_t)image->height * p->size[1];

    if (p->resize != DATA_SQUASH && wide == (p->resize == DATA_CROP))
        w = h * p->size[1] / p->size[0];
    else if (p->resize != DATA_SQUASH)
        h = w * p->size[0] / p->size[1];
    if (p->resize == DATA_CROP) {
        w *= p->crop;
        h *= p->crop;
    }
    *v = (struct data_view){ (image->width - w) / 2, (image->height - h) / 2, w, h, false, false };
}

/* The part of the picture at another size. */
static bool resample(const struct data_prep *p, const struct data_image *image, double x, double y,
                     double w, double h, int out_w, int out_h, uint8_t *out, struct err *err)
{
    struct data_resize_job job = {
        .src = image->pixel, .width = image->width, .height = image->height,
        .stride = (size_t)image->width * 3, .x = x, .y = y, .w = w, .h = h,
        .filter = (enum data_filter)p->filter, .out_w = out_w, .out_h = out_h };

    return data_resize(&job, out, err);
}

/* The picture's pixels [x0,x0+w) x [y0,y0+h), which reach outside, in a picture of their own. */
static bool extend(const struct data_prep *p, const struct data_image *image, int x0, int y0, int w,
                   int h, struct data_image *part, struct err *err)
{
    uint8_t *o = malloc((size_t)w * (size_t)h * 3);

    *part = (struct data_image){ w, h, o };
    if (!o)
        return err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", w, h);
    for (int y = y0; y < y0 + h; y++) {
        const uint8_t *row = image->pixel + (size_t)data_image_mirrored(y, image->height) *
                                                (size_t)image->width * 3;

        for (int x = x0; x < x0 + w; x++, o += 3) {
            if (p->resize == DATA_LETTERBOX &&
                (x < 0 || y < 0 || x >= image->width || y >= image->height))
                memset(o, BAR, 3);
            else
                memcpy(o, row + 3 * (size_t)data_image_mirrored(x, image->width), 3);
        }
    }
    return true;
}

static void mirror(uint8_t *pixel, int width, int height)
{
    for (int y = 0; y < height; y++, pixel += 3 * (size_t)width) {
        for (uint8_t *a = pixel, *b = pixel + 3 * (size_t)(width - 1); a < b; a += 3, b -= 3) {
            for (int c = 0; c < 3; c++) {
                uint8_t t = a[c];

                a[c] = b[c];
                b[c] = t;
            }
        }
    }
}

static void upside_down(uint8_t *pixel, int width, int height)
{
    size_t row = 3 * (size_t)width;

    for (uint8_t *a = pixel, *b = pixel + row * (size_t)(height - 1); a < b; a += row, b -= row) {
        for (size_t i = 0; i < row; i++) {
            uint8_t t = a[i];

            a[i] = b[i];
            b[i] = t;
        }
    }
}

/* The whole picture on whole pixels, so that no grey bleeds into it. */
static bool letterbox(const struct data_prep *p, const struct data_image *image, uint8_t *out,
                      struct err *err)
{
    double scale = fmin((double)p->size[1] / image->width, (double)p->size[0] / image->height);
    int w = (int)fmax(1, fmin(p->size[1], round(image->width * scale)));
    int h = (int)fmax(1, fmin(p->size[0], round(image->height * scale)));
    int left = (p->size[1] - w) / 2, top = (p->size[0] - h) / 2;
    uint8_t *fit = malloc((size_t)w * (size_t)h * 3);
    bool ok;

    if (!fit)
        return err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", w, h);
    ok = resample(p, image, 0, 0, image->width, image->height, w, h, fit, err);
    memset(out, BAR, (size_t)p->size[0] * (size_t)p->size[1] * 3);
    for (int y = 0; ok && y < h; y++)
        memcpy(out + ((size_t)(top + y) * (size_t)p->size[1] + (size_t)left) * 3,
               fit + (size_t)y * (size_t)w * 3, (size_t)w * 3);
    free(fit);
    return ok;
}

static bool view_rgb(const struct data_prep *p, const struct data_image *image,
                     const struct data_view *v, uint8_t *out, struct err *err)
{
    const double slack = 1e-6;          /* rounding must not reach for a pixel outside */
    double right = v->x + v->w, bottom = v->y + v->h;
    double reach = 2.0 * (image->width + image->height) + v->w + v->h;
    bool ok;

    if (!(v->w > 0 && v->h > 0 && v->x > -reach && v->y > -reach && right < reach &&
          bottom < reach))
        return err_set(err, ERR_INPUT, "view %g x %g at %g,%g is too far from a picture of %d x %d",
                       v->w, v->h, v->x, v->y, image->width, image->height);
    if (v->x >= -slack && v->y >= -slack && right <= image->width + slack &&
        bottom <= image->height + slack) {
        double x = fmax(v->x, 0), y = fmax(v->y, 0);

        ok = resample(p, image, x, y, fmin(right, image->width) - x,
                      fmin(bottom, image->height) - y, p->size[1], p->size[0], out, err);
    } else if (v->w * v->h > 4.0 * image->width * image->height + (1 << 24)) {
        /* A thread of a picture, nearly all bars: not worth the memory. */
        ok = letterbox(p, image, out, err);
    } else {
        int x0 = (int)floor(v->x + slack), y0 = (int)floor(v->y + slack);
        int x1 = (int)ceil(right - slack), y1 = (int)ceil(bottom - slack);
        struct data_image part;
        double x = fmax(v->x - x0, 0), y = fmax(v->y - y0, 0);

        ok = extend(p, image, x0, y0, x1 - x0, y1 - y0, &part, err) &&
             resample(p, &part, x, y, fmin(v->w, part.width - x), fmin(v->h, part.height - y),
                      p->size[1], p->size[0], out, err);
        data_image_release(&part);
    }
    if (ok && v->mirror)
        mirror(out, p->size[1], p->size[0]);
    if (ok && v->upside_down)
        upside_down(out, p->size[1], p->size[0]);
    return ok;
}

/* As validation sees it when v is NULL. */
static bool any_rgb(const struct data_prep *p, const struct data_image *image,
                    const struct data_view *v, uint8_t *out, struct err *err)
{
    struct data_view whole;

    if (!v && p->resize == DATA_LETTERBOX)
        return letterbox(p, image, out, err);
    if (!v)
        data_prep_view(p, image, &whole);
    return view_rgb(p, image, v ? v : &whole, out, err);
}

static void to_grey(const uint8_t *rgb, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = data_image_luma(rgb + 3 * i);
}

static bool any_pixels(const struct data_prep *p, const struct data_image *image,
                       const struct data_view *v, uint8_t *out, struct err *err)
{
    size_t n = data_prep_count(p);
    uint8_t *rgb;
    bool ok;

    if (p->color != DATA_GREY)
        return any_rgb(p, image, v, out, err);
    rgb = malloc(3 * n);
    if (!rgb)
        return err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", p->size[1], p->size[0]);
    ok = any_rgb(p, image, v, rgb, err);
    if (ok)
        to_grey(rgb, n, out);
    free(rgb);
    return ok;
}

bool data_prep_view_pixels(const struct data_prep *p, const struct data_image *image,
                           const struct data_view *v, uint8_t *out, struct err *err)
{
    return any_pixels(p, image, v, out, err);
}

bool data_prep_pixels(const struct data_prep *p, const struct data_image *image, uint8_t *out,
                      struct err *err)
{
    return any_pixels(p, image, NULL, out, err);
}

/* ---- what is kept ---------------------------------------------------------------------------- */

void data_prep_keep_size(const struct data_prep *p, bool moved, int width, int height, int size[2])
{
    /* Whole pixels before the ratios: of what is kept then all is kept. */
    double y = round(DATA_KEEP * p->size[0]) / height, x = round(DATA_KEEP * p->size[1]) / width;

    if (p->resize == DATA_CROP)
        x = y = fmax(x, y);
    else if (p->resize == DATA_LETTERBOX)
        x = y = fmin(x, y);
    size[0] = !moved ? p->size[0] : y < 1 ? (int)fmax(1, round(height * y)) : height;
    size[1] = !moved ? p->size[1] : x < 1 ? (int)fmax(1, round(width * x)) : width;
}

bool data_prep_keep(const struct data_prep *p, bool moved, struct data_image *image,
                    struct err *err)
{
    struct data_image kept = { 0 };
    int size[2];
    bool ok;

    data_prep_keep_size(p, moved, image->width, image->height, size);
    if (moved && size[0] == image->height && size[1] == image->width)
        return true;
    kept = (struct data_image){ size[1], size[0], malloc((size_t)size[0] * (size_t)size[1] * 3) };
    if (!kept.pixel)
        return err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", size[1], size[0]);
    ok = moved ? resample(p, image, 0, 0, image->width, image->height, size[1], size[0],
                          kept.pixel, err)
               : any_rgb(p, image, NULL, kept.pixel, err);
    if (!ok) {
        data_image_release(&kept);
        return false;
    }
    data_image_release(image);
    *image = kept;
    return true;
}

void data_prep_kept_pixels(const struct data_prep *p, const struct data_image *kept, uint8_t *out)
{
    size_t n = (size_t)p->size[0] * (size_t)p->size[1];

    assert(kept->height == p->size[0] && kept->width == p->size[1]);
    if (p->color == DATA_GREY)
        to_grey(kept->pixel, n, out);
    else
        memcpy(out, kept->pixel, 3 * n);
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* In blocks of whole pixels and whole vectors: four times as fast as channel by channel. */
void data_prep_affine(const struct data_prep *p, float scale[3], float shift[3])
{
    for (int k = 0; k < 3; k++) {
        int c = p->color == DATA_GREY ? 0 : k;

        scale[k] = (float)(1 / (255 * p->std[c]));
        shift[k] = (float)(-p->mean[c] / p->std[c]);
    }
}

void data_prep_normalize(const struct data_prep *p, const uint8_t *restrict pixel, int64_t n,
                         float *restrict out)
{
    enum { BLOCK = 48 };
    float scale[BLOCK], shift[BLOCK];
    int64_t i = 0;

    data_prep_affine(p, scale, shift);
    for (int k = 3; k < BLOCK; k++) {
        scale[k] = scale[k % 3];
        shift[k] = shift[k % 3];
    }
    for (; i + BLOCK <= n; i += BLOCK)
        for (int k = 0; k < BLOCK; k++)
            out[i + k] = pixel[i + k] * scale[k] + shift[k];
    for (int k = 0; k < BLOCK && i < n; i++, k++)
        out[i] = pixel[i] * scale[k] + shift[k];
}

bool data_prep_apply(const struct data_prep *p, const struct data_image *image, float *out,
                     struct err *err)
{
    size_t n = data_prep_count(p);
    uint8_t *pixel = malloc(n);
    bool ok;

    if (!pixel)
        return err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", p->size[1], p->size[0]);
    ok = data_prep_pixels(p, image, pixel, err);
    if (ok)
        data_prep_normalize(p, pixel, (int64_t)n, out);
    free(pixel);
    return ok;
}
