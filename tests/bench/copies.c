/*
 * copies -- how well copies of pictures are found, and how fast
 *
 * Of each set at hand: reading and hashing, clustering, how many pictures belong to one that is
 * there already.  Of some 500 of its pictures, changed in many ways: how many are found again by
 * data_phash_clusters among the others, and how far they are.  Then a million hashes made by lot,
 * half of them with signs as plain pictures have them, which fill few bands.
 */
#include "data/phash.h"
#include "data/stb.h"
#include "nn/base/arena.h"
#include "nn/base/pool.h"
#include "nn/base/rng.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOME = 500, MILLION = 1000000 };

struct change {
    const char *name;
    int quality;                /* of JPEG; 0: not squeezed */
    double size, gain, more;
};

static const struct change changes[] = {
    { "JPEG 95", 95, 1, 1, 0 },
    { "JPEG 75", 75, 1, 1, 0 },
    { "JPEG 50", 50, 1, 1, 0 },
    { "JPEG 30", 30, 1, 1, 0 },
    { "half size", 0, 0.5, 1, 0 },
    { "double size", 0, 2, 1, 0 },
    { "a third, JPEG 75", 75, 1.0 / 3, 1, 0 },
    { "lighter by 15", 0, 1, 1, 15 },
    { "darker by 15", 0, 1, 1, -15 },
    { "contrast x 1.15", 0, 1, 1.15, 0 },
    { "contrast x 0.8", 0, 1, 0.8, 0 },
};
enum { CHANGES = sizeof changes / sizeof *changes };

static bool changed(const struct data_image *m, const struct change *c, struct data_image *out,
                    struct err *err)
{
    int w = (int)fmax(1, m->width * c->size), h = (int)fmax(1, m->height * c->size);
    size_t n = (size_t)w * (size_t)h * 3, size;
    struct data_image squeezed;
    uint8_t *bytes;
    bool ok;

    *out = (struct data_image){ w, h, malloc(n) };
    if (!out->pixel)
        return err_set(err, ERR_MEMORY, "no memory for %d x %d pixels", w, h);
    if (!data_image_resample(m, 0, 0, m->width, m->height, w, h, out->pixel, err))
        return false;
    for (size_t i = 0; i < n; i++)
        out->pixel[i] =
            (uint8_t)fmin(255, fmax(0, (out->pixel[i] - 128) * c->gain + 128 + c->more));
    if (!c->quality)
        return true;
    bytes = data_stb_jpeg(out->pixel, w, h, c->quality, &size);
    ok = bytes && data_image_decode(bytes, size, NULL, &squeezed, err);
    free(bytes);
    data_image_release(out);
    *out = squeezed;
    return ok;
}

/* Hashes SOME pictures, each changed, into out, and the samples' numbers into which.  How many. */
static int copy_some(const struct data_index *x, const struct change *c, struct data_phash *out,
                     int *which, struct err *err)
{
    int step = x->n / SOME > 1 ? x->n / SOME : 1, n = 0;

    for (int i = 0; i < x->n && n < SOME; i += step) {
        struct data_image m, copy = { 0 };

        if (!data_sample_image(&x->sample[i], NULL, &m, err))
            continue;
        if (changed(&m, c, &copy, err)) {
            data_phash_of(&copy, &out[n]);
            which[n++] = i;
        }
        data_image_release(&copy);
        data_image_release(&m);
    }
    return n;
}

static bool one_change(const struct data_index *x, struct data_phash *hash, const struct change *c,
                       struct err *err)
{
    struct data_index both = { .n = x->n };
    int *cluster = malloc(((size_t)x->n + SOME) * sizeof *cluster), which[SOME], n, found = 0;
    double distance[SOME];

    both.sample = calloc((size_t)x->n + SOME, sizeof *both.sample);
    if (!cluster || !both.sample) {
        free(cluster);
        free(both.sample);
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", x->n);
    }
    n = copy_some(x, c, hash + x->n, which, err);
    both.n += n;
    if (data_phash_clusters(&both, hash, cluster, err)) {
        for (int i = 0; i < n; i++) {
            found += cluster[x->n + i] == cluster[which[i]];
            distance[i] = data_phash_distance(&hash[which[i]], &hash[x->n + i]);
        }
        printf("    %-18s %5.1f%% of %d found; distance %.3f", c->name, 100.0 * found / n, n,
               bench_median(distance, n));
        printf(", 99 of 100 below %.3f\n", distance[n * 99 / 100]);
    }
    free(cluster);
    free(both.sample);
    return true;
}

static bool one_set(const char *folder, struct err *err)
{
    struct data_index *x = data_index_open(folder, NULL, err);
    struct data_phash *hash = x ? calloc((size_t)x->n + SOME, sizeof *hash) : NULL;
    int *cluster = x ? malloc((size_t)x->n * sizeof *cluster) : NULL, flat = 0, joined = 0;
    double start = bench_now(), read, sorted;
    bool ok = hash && cluster && data_phash_index(x, 1, NULL, NULL, hash, NULL, err);

    read = bench_now() - start;
    start = bench_now();
    ok = ok && data_phash_clusters(x, hash, cluster, err);
    sorted = bench_now() - start;
    for (int i = 0; ok && i < x->n; i++) {
        flat += hash[i].flat;
        joined += cluster[i] != i;
    }
    if (ok)
        printf("%s: %d pictures, %.0f/s read and hashed on one core, clusters in %.3f s: %d are "
               "there already, %d flat\n", folder, x->n, x->n / read, sorted, joined, flat);
    for (int i = 0; ok && i < CHANGES; i++)
        ok = one_change(x, hash, &changes[i], err);
    free(cluster);
    free(hash);
    data_index_free(x);
    return ok;
}

static bool a_million(struct err *err)
{
    struct data_index x = { .n = MILLION, .sample = calloc(MILLION, sizeof *x.sample) };
    struct data_phash *hash = calloc(MILLION, sizeof *hash);
    int *cluster = malloc(MILLION * sizeof *cluster);
    double start;
    bool ok = x.sample && hash && cluster;

    for (int i = 0; ok && i < MILLION; i++) {
        struct data_phash *h = &hash[i];

        for (int k = 0; k < 256; k++)
            h->thumb[k] = (uint8_t)rng_u32((uint64_t)i, rng_stream(RNG_TEST, 9), (uint64_t)k / 4);
        for (int k = 0; k < 8; k++) {
            uint32_t bits = rng_u32((uint64_t)i, rng_stream(RNG_TEST, 8), (uint64_t)k);

            if (i & 1)                  /* one sign in eight is set */
                bits &= rng_u32((uint64_t)i, rng_stream(RNG_TEST, 7), (uint64_t)k) &
                        rng_u32((uint64_t)i, rng_stream(RNG_TEST, 6), (uint64_t)k);
            h->word[k / 2] |= (uint64_t)bits << 32 * (k & 1);
        }
        h->cells = 100;
    }
    start = bench_now();
    ok = ok && data_phash_clusters(&x, hash, cluster, err);
    if (ok)
        printf("%d hashes by lot: clusters in %.1f s\n", MILLION, bench_now() - start);
    else if (!err->kind)
        err_set(err, ERR_MEMORY, "no memory for a million hashes");
    free(cluster);
    free(hash);
    free(x.sample);
    return ok;
}

bool bench_copies(struct err *err)
{
    static const char *const sets[] = { "flowers", "hymenoptera", "cifar10" };

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const char *folder = bench_dataset(sets[i]);

        if (folder && !one_set(folder, err))
            return false;
    }
    return a_million(err);
}
