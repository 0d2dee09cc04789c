/*
 * cache -- pictures from a cache to a net's numbers, on one core
 *
 * The loader's way with a picture: find it, take its view, normalise.  Beside it what memory alone
 * takes: a copy of the pixels, and of as many bytes as the numbers have.
 */
#include "tests/bench/bench.h"

#include "data/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 64 << 20, RUN = 1000 };          /* more than caches of processors hold */

struct job {
    struct data_fetch f;
    int n, next;
    size_t count;
    uint8_t *scratch, *pixel;
    float *out;
};

static void fetch(void *ctx)
{
    struct job *j = ctx;
    struct err err;

    for (int i = 0; i < RUN; i++, j->next = (j->next + 1) % j->n)
        if (!data_fetch(&j->f, 1, j->next, j->next, 1, j->scratch, &j->out, &err))
            abort();
}

static void copy_pixels(void *ctx)
{
    struct job *j = ctx;
    struct data_image m;

    for (int i = 0; i < RUN; i++, j->next = (j->next + 1) % j->n)
        if (data_cache_find(j->f.cache, j->next, &m))
            memcpy(j->pixel, m.pixel, j->count);
}

static void copy_numbers(void *ctx)
{
    struct job *j = ctx;

    for (int i = 0; i < RUN; i++, j->next = (j->next + 1) % j->n) {
        memcpy(j->out, (uint8_t *)(j->out + j->count), j->count * sizeof(float));
        __asm__ volatile("" : : "r"(j->out) : "memory");        /* it is wanted */
    }
}

static bool fill(struct job *j, int side, struct err *err)
{
    struct data_image m = { side, side, malloc(j->count) };
    struct data_cache_options opt = { .dir = "build/bench-data/cache", .share = 0.9, .key = 1,
                                      .n = j->n, .bytes = j->count * (size_t)j->n };
    struct err why = { 0 };

    j->f.cache = m.pixel ? data_cache_open(&opt, &why, err) : NULL;
    if (!j->f.cache || why.kind) {
        free(m.pixel);
        *err = why.kind ? why : *err;
        return why.kind ? false : err_set(err, ERR_MEMORY, "no memory for pictures");
    }
    for (int i = 0; i < j->n; i++) {
        memset(m.pixel, i, j->count);
        data_cache_keep(j->f.cache, i, &m);
    }
    free(m.pixel);
    return true;
}

static bool bench_side(int side, struct err *err)
{
    struct data_prep prep;
    struct data_index x = { 0 };
    struct job j = { .count = (size_t)side * (size_t)side * 3 };
    struct bench_side sides[] = {
        { "fetch", fetch, &j }, { "copy of pixels", copy_pixels, &j },
        { "copy of floats", copy_numbers, &j },
    };
    char what[64];
    bool ok;

    field_defaults(data_prep_fields, &prep);
    prep.size[0] = prep.size[1] = side;
    j.n = (int)(BYTES / j.count);
    x.n = j.n;
    x.sample = calloc((size_t)j.n, sizeof *x.sample);
    j.f = (struct data_fetch){ .x = &x, .prep = &prep, .decode = data_decode_default };
    j.scratch = malloc(data_fetch_scratch(&j.f));
    j.pixel = malloc(j.count);
    j.out = calloc(2 * j.count, sizeof *j.out);
    ok = x.sample && j.scratch && j.pixel && j.out ? fill(&j, side, err)
                                                   : err_set(err, ERR_MEMORY, "no memory");
    snprintf(what, sizeof what, "cached, %d px", side);
    if (ok)
        bench_sides(what, RUN, "pictures", sides, sizeof sides / sizeof *sides);
    data_cache_free(j.f.cache);
    free(x.sample);
    free(j.scratch);
    free(j.pixel);
    free(j.out);
    return ok;
}

bool bench_cache(struct err *err)
{
    return bench_side(32, err) && bench_side(160, err);
}
