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

json_t *infer_learnt_sample(const struct data_index *x, enum data_split split)
{
    int n;
    uint64_t *h = hashes(x, split, &n);
    json_t *list = h ? json_array() : NULL;

    for (int i = 0; list && i < n && i < INFER_LEARNT; i++) {
        char digits[17];

        snprintf(digits, sizeof digits, "%016" PRIx64, h[i]);
        if (json_array_append_new(list, json_string(digits))) {
            json_decref(list);
            list = NULL;
        }
    }
    free(h);
    return list;
}

/* The sample that the model tells, rising as it stands there; 0 of them where there is none. */
static int sample_of(const struct infer_model *m, uint64_t *sample, int *pictures)
{
    json_t *all = json_loads(m->provenance, 0, NULL), *data = json_object_get(all, "data"), *digits;
    size_t i;
    int n = 0;

    *pictures = (int)json_integer_value(json_object_get(data, "train"));
    json_array_foreach(json_object_get(data, "sample"), i, digits)
        if (n < INFER_LEARNT && json_is_string(digits))
            sample[n++] = strtoull(json_string_value(digits), NULL, 16);
    json_decref(all);
    return *pictures > 0 ? n : 0;
}

bool infer_learnt_known(const struct infer_model *m)
{
    uint64_t sample[INFER_LEARNT];
    int pictures;

    return sample_of(m, sample, &pictures) > 0;
}

int infer_learnt_count(const struct infer_model *m, const struct data_index *x)
{
    uint64_t sample[INFER_LEARNT], *h;
    int pictures, n, among, hits = 0;

    n = sample_of(m, sample, &pictures);
    h = n ? hashes(x, DATA_UNSPLIT, &among) : NULL;
    if (!h)
        return -1;
    for (int i = 0; i < n; i++)
        hits += bsearch(&sample[i], h, (size_t)among, sizeof *h, order_hashes) != NULL;
    free(h);
    return (int)fmin(x->n, round((double)pictures * hits / n));
}
