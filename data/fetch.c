/*
 * fetch -- see fetch.h
 */
#include "data/fetch.h"

static size_t align(size_t n)
{
    return (n + 63) / 64 * 64;
}

size_t data_fetch_scratch(const struct data_fetch *f)
{
    size_t count = data_prep_count(f->prep);

    return align(count) + align(count * DATA_PIXELS_SCRATCH);
}

static const struct data_prep *keep(const struct data_fetch *f)
{
    return f->keep ? f->keep : f->prep;
}

/* A cache is bytes from outside: what does not have the right size was not kept by us. */
static bool find(const struct data_fetch *f, int sample, bool moved, struct data_image *kept)
{
    int size[2];

    if (!f->cache || !data_cache_find(f->cache, sample, kept))
        return false;
    data_prep_keep_size(keep(f), moved, kept->width, kept->height, size);
    return size[0] == kept->height && size[1] == kept->width;
}

/* What is kept of a picture, decoded; *same: its bytes are those that were hashed, which the
 * cache's key names. */
static bool decode(const struct data_fetch *f, const struct data_sample *s, bool moved,
                   struct data_image *kept, bool *same, struct err *err)
{
    struct data_decode how = f->decode;
    uint64_t hash;

    data_prep_decode(f->prep, &how);
    if (!data_sample_hashed(s, &how, kept, &hash, err))
        return false;
    *same = hash == s->hash;
    if (data_prep_keep(keep(f), moved, kept, err))
        return true;
    data_image_release(kept);
    return err_in(err, "%s", s->path);
}

/* Pixels that were prepared for another size, all of which are seen. */
static bool resized(const struct data_fetch *f, const struct data_image *kept, uint8_t *out,
                    struct err *err)
{
    struct data_prep whole = *f->prep;

    whole.crop = 1;
    return data_prep_pixels(&whole, kept, out, err);
}

/* One view of what is kept, as 8-bit pixels in m->pixel or where they lie already; NULL on
 * failure. */
static const uint8_t *view(const struct data_fetch *f, struct data_place at, bool moved,
                           const struct data_image *kept, struct data_pixels *m, struct err *err)
{
    if (moved)
        return data_recipe_pixels(f->recipe, f->seed, at, f->prep, kept, m, err) ? m->pixel : NULL;
    if (kept->width != m->width || kept->height != m->height) {
        if (!resized(f, kept, m->pixel, err))
            return NULL;
    } else if (f->prep->color == DATA_RGB && (!f->recipe || !f->recipe->n)) {
        return kept->pixel;
    } else {
        data_prep_kept_pixels(f->prep, kept, m->pixel);
    }
    data_recipe_change(f->recipe, f->seed, at, m);
    return m->pixel;
}

bool data_fetch(const struct data_fetch *f, uint64_t epoch, int draw, int sample, int views,
                uint8_t *scratch, float *const out[], struct err *err)
{
    const struct data_sample *s = &f->x->sample[sample];
    size_t count = data_prep_count(f->prep);
    struct data_pixels m = { f->prep->size[1], f->prep->size[0], data_prep_channels(f->prep),
                             scratch, scratch + align(count) };
    bool moved = data_recipe_moves(f->recipe), same = false, found, ok = true;
    struct data_image kept = { 0 };

    found = find(f, sample, moved, &kept);
    if (!found) {
        ok = decode(f, s, moved, &kept, &same, err);
        if (f->cache)
            data_cache_keep(f->cache, sample, ok && same ? &kept : NULL);
    }
    for (int v = 0; ok && v < views; v++) {
        struct data_place at = data_recipe_place(epoch, (uint64_t)f->x->n, (uint64_t)draw, v);
        const uint8_t *pixel = view(f, at, moved, &kept, &m, err);

        ok = pixel || err_in(err, "%s", s->path);
        if (ok)
            data_prep_normalize(f->prep, pixel, (int64_t)count, out[v]);
    }
    if (!found)
        data_image_release(&kept);
    return ok;
}
