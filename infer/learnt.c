/*
 * learnt -- see learnt.h
 */
#include "infer/learnt.h"
#include "nn/base/order.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The hashes of the part (of all: DATA_UNSPLIT), rising, each once; their number in *n. */
static uint64_t *hashes(const struct data_index *x, enum data_split split, int *n)
{
    uint64_t *h = calloc((size_t)x->n + 1, sizeof *h);
    int all = 0;

    *n = 0;
    if (!h)
        return NULL;
    for (int i = 0; i < x->n; i++)
        if (x->sample[i].hash && (split == DATA_UNSPLIT || x->sample[i].split == split))
            h[all++] = x->sample[i].hash;
    qsort(h, (size_t)all, sizeof *h, order_hashes);
    for (int i = 0; i < all; i++)
        if (!i || h[i] != h[i - 1])
            h[(*n)++] = h[i];
    return h;
}

/* The first INFER_LEARNT of n hashes at most, as a file has them.  NULL: memory is out. */
static json_t *write_sample(const uint64_t *h, int n)
{
    json_t *list = json_array();

    for (int i = 0; list && i < n && i < INFER_LEARNT; i++) {
        char digits[17];

        snprintf(digits, sizeof digits, "%016" PRIx64, h[i]);
        if (json_array_append_new(list, json_string(digits))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

json_t *infer_learnt_sample(const struct data_index *x, enum data_split split)
{
    int n;
    uint64_t *h = hashes(x, split, &n);
    json_t *list = h ? write_sample(h, n) : NULL;

    free(h);
    return list;
}

/* ---- what a model tells ---------------------------------------------------------------------- */

/* A sample, rising as it stands there. */
struct sample {
    int n, pictures; /* n 0: none is told; pictures: that it was drawn from */
    uint64_t hash[INFER_LEARNT];
};

/* Of an object with members "train" and "sample". */
static void read_sample(const json_t *of, struct sample *s)
{
    const json_t *digits;
    size_t i;

    s->n = 0;
    s->pictures = (int)json_integer_value(json_object_get(of, "train"));
    json_array_foreach(json_object_get(of, "sample"), i, digits)
        if (s->pictures > 0 && s->n < INFER_LEARNT && json_is_string(digits))
            s->hash[s->n++] = strtoull(json_string_value(digits), NULL, 16);
}

/* Member "data" of the model's provenance; *all is what to release. */
static json_t *data_of(const struct infer_model *m, json_t **all)
{
    *all = json_loads(m->provenance, 0, NULL);
    return json_object_get(*all, "data");
}

bool infer_learnt_known(const struct infer_model *m)
{
    struct sample s;
    json_t *all;

    read_sample(data_of(m, &all), &s);
    json_decref(all);
    return s.n > 0;
}

/* Appends what `of` tells, where it does and there is room: a file of others may hold anything. */
static void add_earlier(json_t *list, const json_t *of)
{
    struct sample s;

    read_sample(of, &s);
    if (s.n && json_array_size(list) < INFER_LEARNT_EARLIER)
        json_array_append_new(list, json_pack("{s:i, s:o}", "train", s.pictures, "sample",
                                              write_sample(s.hash, s.n)));
}

json_t *infer_learnt_earlier(const struct infer_model *m, bool itself)
{
    json_t *all, *data = data_of(m, &all), *list = json_array(), *before;
    size_t i;

    if (itself)
        add_earlier(list, data);
    json_array_foreach(json_object_get(data, "earlier"), i, before)
        add_earlier(list, before);
    json_decref(all);
    if (json_array_size(list))
        return list;
    json_decref(list);
    return NULL;
}

/* How many of the n hashes, rising, are among the pictures that `of` tells of; -1: of none. */
static int count_of(const json_t *of, const uint64_t *hash, int n)
{
    struct sample s;
    int hits = 0;

    read_sample(of, &s);
    for (int i = 0; i < s.n; i++)
        hits += bsearch(&s.hash[i], hash, (size_t)n, sizeof *hash, order_hashes) != NULL;
    return s.n ? (int)round((double)s.pictures * hits / s.n) : -1;
}

int infer_learnt_count(const struct infer_model *m, const struct data_index *x)
{
    json_t *all, *data = data_of(m, &all), *before;
    int n, most = -1;
    uint64_t *h = hashes(x, DATA_UNSPLIT, &n);
    size_t i;

    if (h) {
        most = count_of(data, h, n);
        json_array_foreach(json_object_get(data, "earlier"), i, before)
            most = (int)fmax(most, count_of(before, h, n));
    }
    free(h);
    json_decref(all);
    return (int)fmin(x->n, most);
}
