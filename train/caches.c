/*
 * caches -- see caches.h
 */
#include "train/caches.h"

#include "nn/base/about.h"
#include "nn/base/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Everything that the kept pixels depend on, as text.  Of the preparation all but what comes after
 * the pixels: a field that is new is in without a thought. */
static bool make_key(const struct data_index *x, const struct data_prep *prep, bool moved,
                     uint64_t *key, struct err *err)
{
    json_t *json = record_to_json(data_prep_fields, prep);
    struct str text = { 0 };
    char *record = NULL;
    bool ok;

    json_object_del(json, "mean");
    json_object_del(json, "std");
    json_object_del(json, "color");
    if (json)
        record = record_dump(json);
    str_printf(&text, "%s %s %s %016" PRIx64 " %s %s %g", about_version, about_git, data_decoders,
               data_index_fingerprint(x), record ? record : "", moved ? "moved" : "prepared",
               DATA_KEEP);
    ok = record && !text.failed;
    *key = XXH3_64bits(str_text(&text), text.len);
    str_release(&text);
    free(record);
    json_decref(json);
    return ok || err_set(err, ERR_MEMORY, "no memory for the key of a cache");
}

/* Bytes that are expected of n pictures. */
static uint64_t expected(const struct data_prep *prep, const struct train_seen *seen, bool moved,
                         int n)
{
    double sum = 0;
    int count = seen->n && moved ? seen->n : 1;

    for (int i = 0; i < count; i++) {
        int width = seen->n ? seen->width[i] : prep->size[1],
            height = seen->n ? seen->height[i] : prep->size[0], size[2];

        data_prep_keep_size(prep, moved, width, height, size);
        sum += 3.0 * size[0] * size[1];
    }
    return (uint64_t)(sum / count * n);
}

/* Whether pictures can be told from later ones, and are work to read. */
static bool worth_it(const struct data_index *x)
{
    bool hashed = false, raw = true;

    for (int i = 0; i < x->n; i++) {
        hashed |= x->sample[i].hash != 0;
        raw &= x->sample[i].raw != NULL;
    }
    return hashed && !raw;
}

/* A cache for x; NULL with why->kind set where there can be none. */
static struct data_cache *open_one(const struct train_caches_options *opt,
                                   const struct data_index *x, bool moved, struct err *why,
                                   struct err *err)
{
    struct data_cache_options o = { .dir = opt->dir, .share = opt->share, .n = x->n };
    struct data_cache *c;

    if (!make_key(x, opt->prep, moved, &o.key, err))
        return NULL;
    o.bytes = expected(opt->prep, opt->seen, moved, x->n);
    c = data_cache_open(&o, why, err);
    if (c && !data_cache_path(c)[0]) {
        data_cache_free(c);
        c = NULL;
    }
    return c;
}

int64_t train_caches_bytes(const struct train_caches *c)
{
    return (c->train ? (int64_t)data_cache_bytes(c->train) : 0) +
           (c->val ? (int64_t)data_cache_bytes(c->val) : 0);
}

static void tell(const struct train_caches *c, const struct train_caches_options *opt,
                 const struct err *why)
{
    double bytes = (double)train_caches_bytes(c);
    struct str text = { 0 };

    if (why->kind)
        str_printf(&text, "cache: pictures%s are decoded in every epoch; %s",
                   c->train ? " to check with" : "", why->msg);
    else if (!train_caches_filling(c) && (!c->val || data_cache_complete(c->val)))
        str_printf(&text, "cache: decoded pictures are reused from %s, %.3g MB", opt->dir,
                   1e-6 * bytes);
    else
        str_printf(&text,
                   "cache: the first epoch fills %s with decoded pictures, about %.3g MB; --cache "
                   "off keeps none", opt->dir, 1e-6 * bytes);
    opt->say(opt->say_ctx, str_text(&text));
    str_release(&text);
}

bool train_caches_open(struct train_caches *c, const struct train_caches_options *opt,
                       struct err *err)
{
    struct err why = { 0 }, fatal = { 0 };

    *c = (struct train_caches){ 0 };
    if (!opt->dir || !worth_it(opt->train))
        return true;
    c->train = open_one(opt, opt->train, data_recipe_moves(opt->recipe), &why, &fatal);
    if (c->train && opt->val && worth_it(opt->val))
        c->val = open_one(opt, opt->val, false, &why, &fatal);
    if (fatal.kind) {
        train_caches_close(c);
        *err = fatal;
        return false;
    }
    tell(c, opt, &why);
    return true;
}

void train_caches_close(struct train_caches *c)
{
    data_cache_free(c->train);
    data_cache_free(c->val);
    *c = (struct train_caches){ 0 };
}

bool train_caches_filling(const struct train_caches *c)
{
    return c->train && !data_cache_complete(c->train);
}
