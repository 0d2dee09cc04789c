/*
 * take -- see take.h
 */
#include "data/take.h"

#include <stdlib.h>
#include <string.h>

/* LETTERBOX has grey beside the picture: nearer there is less of it. */
static bool nearer(const struct data_take *t, const struct data_image *image, uint8_t *pixel,
                   struct err *err)
{
    struct data_view v;
    double w, h;

    data_prep_view(t->prep, image, &v);
    w = v.w * t->share;
    h = v.h * t->share;
    v.x += (v.w - w) / 2;
    v.y += (v.h - h) / 2;
    v.w = w;
    v.h = h;
    return data_prep_view_pixels(t->prep, image, &v, pixel, err);
}

static bool one(const struct data_take *t, const struct data_image *image, float *out,
                struct err *err)
{
    size_t count = data_prep_count(t->prep);
    uint8_t *pixel;
    bool ok;

    if (t->share == 1)
        return data_prep_apply(t->prep, image, out, err);
    pixel = malloc(count);
    if (!pixel)
        return err_set(err, ERR_MEMORY, "cannot hold %zu bytes of pixels", count);
    ok = nearer(t, image, pixel, err);
    if (ok)
        data_prep_normalize(t->prep, pixel, (int64_t)count, out);
    free(pixel);
    return ok;
}

bool data_take_image(const struct data_take *take, int n, const struct data_image *image,
                     float *const out[], struct err *err)
{
    for (int t = 0; t < n; t++)
        if (!one(&take[t], image, out[t], err))
            return false;
    return true;
}

static bool decode(const struct data_sample *s, const uint8_t *bytes, size_t size,
                   const struct data_decode *how, struct data_image *image, struct err *err)
{
    return bytes ? data_sample_decode(s, bytes, size, how, image, err)
                 : data_sample_image(s, how, image, err);
}

bool data_take_sample(const struct data_take *take, int n, const struct data_sample *s,
                      const uint8_t *bytes, size_t size, const struct data_decode *how,
                      float *const out[], struct err *err)
{
    struct data_decode as = how ? *how : data_decode_default;
    struct data_image image = { 0 };
    bool ok = true;

    for (int t = 0; ok && t < n; t++) {
        const struct data_prep *p = take[t].prep;

        if (t == 0 || memcmp(p->background, take[t - 1].prep->background, sizeof p->background)) {
            data_image_release(&image);
            image = (struct data_image){ 0 };
            data_prep_decode(p, &as);
            ok = decode(s, bytes, size, &as, &image, err);
        }
        if (ok)
            ok = one(&take[t], &image, out[t], err) || err_in(err, "%s", s->path);
    }
    data_image_release(&image);
    return ok;
}
