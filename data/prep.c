/*
 * prep -- the preprocessing that a model was trained with, and its application
 */
#include "data/prep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GREY = 114 };            /* of letterbox bars, as detectors have it */

const char *const data_resize_names[] = { "crop", "squash", "letterbox", NULL };

const struct field data_prep_fields[] = {
    FIELD_INTS(struct data_prep, size, NULL, 2, 224, 1, 4096,
               "height and width of the net's input, in pixels"),
    FIELD_ENUM(struct data_prep, resize, data_resize_names, DATA_CROP,
               "how a picture of another shape is fitted"),
    FIELD_FLOAT(struct data_prep, crop, NULL, 1, 0.05, 1,
                "crop: share of the picture's centre that is seen"),
    FIELD_FLOATS(struct data_prep, mean, 3, 0.5, -2, 3,
                 "subtracted from red, green, blue in 0 to 1"),
    FIELD_FLOATS(struct data_prep, std, 3, 0.5, 0.0001, 1000,
                 "by which the difference is divided"),
    FIELDS_END
};

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

/* Position i of a line of n pixels that repeats mirrored: ...1 0 | 0 1 2 ... n-1 | n-1 n-2 ... */
static int mirrored(int i, int n)
{
    int turn = i % (2 * n);

    if (turn < 0)
        turn += 2 * n;
    return turn < n ? turn : 2 * n - 1 - turn;
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
        const uint8_t *row =
            image->pixel + (size_t)mirrored(y, image->height) * (size_t)image->width * 3;

        for (int x = x0; x < x0 + w; x++, o += 3) {
            if (p->resize == DATA_LETTERBOX &&
                (x < 0 || y < 0 || x >= image->width || y >= image->height))
                memset(o, GREY, 3);
            else
                memcpy(o, row + 3 * (size_t)mirrored(x, image->width), 3);
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
    ok = data_image_resample(image, 0, 0, image->width, image->height, w, h, fit, err);
    memset(out, GREY, (size_t)p->size[0] * (size_t)p->size[1] * 3);
    for (int y = 0; ok && y < h; y++)
        memcpy(out + ((size_t)(top + y) * (size_t)p->size[1] + (size_t)left) * 3,
               fit + (size_t)y * (size_t)w * 3, (size_t)w * 3);
    free(fit);
    return ok;
}

bool data_prep_view_pixels(const struct data_prep *p, const struct data_image *image,
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

        ok = data_image_resample(image, x, y, fmin(right, image->width) - x,
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
             data_image_resample(&part, x, y, fmin(v->w, part.width - x),
                                 fmin(v->h, part.height - y), p->size[1], p->size[0], out, err);
        data_image_release(&part);
    }
    if (ok && v->mirror)
        mirror(out, p->size[1], p->size[0]);
    if (ok && v->upside_down)
        upside_down(out, p->size[1], p->size[0]);
    return ok;
}

bool data_prep_pixels(const struct data_prep *p, const struct data_image *image, uint8_t *out,
                      struct err *err)
{
    struct data_view v;

    if (p->resize == DATA_LETTERBOX)
        return letterbox(p, image, out, err);
    data_prep_view(p, image, &v);
    return data_prep_view_pixels(p, image, &v, out, err);
}

void data_prep_normalize(const struct data_prep *p, const uint8_t *pixel, int64_t n, float *out)
{
    float scale[3], shift[3];

    for (int c = 0; c < 3; c++) {
        scale[c] = (float)(1 / (255 * p->std[c]));
        shift[c] = (float)(-p->mean[c] / p->std[c]);
    }
    for (int64_t i = 0; i + 2 < n; i += 3) {
        out[i] = pixel[i] * scale[0] + shift[0];
        out[i + 1] = pixel[i + 1] * scale[1] + shift[1];
        out[i + 2] = pixel[i + 2] * scale[2] + shift[2];
    }
}

bool data_prep_apply(const struct data_prep *p, const struct data_image *image, float *out,
                     struct err *err)
{
    int64_t n = (int64_t)p->size[0] * p->size[1] * 3;
    uint8_t *pixel = malloc((size_t)n);
    bool ok;

    if (!pixel)
        return err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", p->size[1], p->size[0]);
    ok = data_prep_pixels(p, image, pixel, err);
    if (ok)
        data_prep_normalize(p, pixel, n, out);
    free(pixel);
    return ok;
}
