/*
 * sums -- see model_file.h
 */
#include "infer/model_file.h"
#include "nn/base/json.h"
#include "nn/base/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define KEY "discern.sums"
#define METADATA ""             /* no tensor is called so */

enum { DIGITS = 17 };

static void digits(char out[DIGITS], uint64_t sum)
{
    snprintf(out, DIGITS, "%016" PRIx64, sum);
}

static void tensor_sum(char out[DIGITS], const struct st_entry *e)
{
    digits(out, XXH3_64bits(e->tensor.data, st_bytes(e)));
}

static int by_key(const void *pa, const void *pb)
{
    const struct st_meta *const *a = pa, *const *b = pb;

    return strcmp((*a)->key, (*b)->key);
}

static uint64_t with_text(const char *text, uint64_t seed)
{
    return XXH3_64bits_withSeed(text, strlen(text) + 1, seed);
}

static bool meta_sum(char out[DIGITS], int n, const struct st_meta *meta)
{
    const struct st_meta **ours = calloc((size_t)n + 1, sizeof *ours);
    int count = 0;
    uint64_t h = 0;

    if (!ours)
        return false;
    for (int i = 0; i < n; i++)
        if (!strncmp(meta[i].key, MODEL_PREFIX, sizeof MODEL_PREFIX - 1) &&
            strcmp(meta[i].key, KEY))
            ours[count++] = &meta[i];
    qsort(ours, (size_t)count, sizeof *ours, by_key);
    for (int i = 0; i < count; i++)
        h = with_text(ours[i]->value, with_text(ours[i]->key, h));
    free(ours);
    digits(out, h);
    return true;
}

void infer_sums_add(struct str *out, int n, const struct st_entry *entry, int n_meta,
                    const struct st_meta *meta)
{
    char sum[DIGITS];

    if (!meta_sum(sum, n_meta, meta)) {
        out->failed = true;
        return;
    }
    json_begin(out, NULL, '{');
    json_text(out, METADATA, sum);
    for (int i = 0; i < n; i++) {
        tensor_sum(sum, &entry[i]);
        json_text(out, entry[i].name, sum);
    }
    json_end(out, '}');
}

bool infer_sums_open(const struct st_file *f, json_t **sums, struct err *err)
{
    const char *text = st_meta(f, KEY), *said;
    char is[DIGITS];
    bool ok = false;

    *sums = NULL;
    if (!text)
        return true;
    *sums = record_parse(text, strlen(text), err);
    if (!*sums)
        return err_in(err, KEY);
    said = json_string_value(json_object_get(*sums, METADATA));
    if (!said)
        err_set(err, ERR_INPUT, KEY ": says nothing of the metadata");
    else if (!meta_sum(is, f->n_meta, f->meta))
        err_set(err, ERR_MEMORY, "no memory to check the metadata");
    else if (strcmp(said, is))
        err_set(err, ERR_INPUT,
                "the metadata are damaged, or were changed by hand (" KEY " says %.16s, they are "
                "%s): take another copy, or \"" KEY "\" out",
                said, is);
    else
        ok = true;
    if (!ok) {
        json_decref(*sums);
        *sums = NULL;
    }
    return ok;
}

bool infer_sums_check(const json_t *sums, const struct st_entry *e, struct err *err)
{
    const char *said = json_string_value(json_object_get(sums, e->name));
    char is[DIGITS];

    if (!sums)
        return true;
    if (!said)
        return err_set(err, ERR_INPUT, KEY ": says nothing of tensor \"%.200s\"", e->name);
    tensor_sum(is, e);
    if (!strcmp(said, is))
        return true;
    return err_set(err, ERR_INPUT,
                   "tensor \"%.200s\" is damaged (" KEY " says %.16s, its bytes are %s): take "
                   "another copy of the file",
                   e->name, said, is);
}
