/*
 * resize -- pictures to the size of a net: our kernels against stb_image_resize, on one core
 *
 * Noise of common sizes (neither looks at what the samples are), and photographs where they are.
 */
#include "tests/bench/resize.h"
#include "tests/bench/bench.h"

#include "data/index.h"
#include "data/prep.h"
#include "nn/base/cpu.h"
#include "nn/base/file.h"
#include "nn/base/rng.h"

#include <stdio.h>
#include <stdlib.h>

struct job {
    struct data_resize_job r;
    uint8_t *out;
};

static void run_own(void *ctx)
{
    struct job *job = ctx;
    struct err err;

    data_resize(&job->r, job->out, &err);
}

static void run_stb(void *ctx)
{
    struct job *job = ctx;

    bench_resize_stb(&job->r, job->out);
}

static bool bench_size(int width, int height, int size, enum data_filter filter, struct err *err)
{
    size_t bytes = 3 * (size_t)width * (size_t)height;
    uint8_t *src = malloc(bytes), *out = malloc(3 * (size_t)size * (size_t)size);
    struct data_resize_job r = { src, width, height, 3 * (size_t)width, 0, 0, width, height, filter,
                                 size, size, 0 };
    struct job best = { r, out }, avx2 = { r, out }, ref = { r, out };
    const struct bench_side side[] = {
        { "own", run_own, &best }, { "avx2", run_own, &avx2 }, { "ref", run_own, &ref },
        { "stb", run_stb, &best },
    };
    char what[64];

    avx2.r.without = CPU_avx512;
    ref.r.without = CPU_avx512 | CPU_avx2;
    if (src && out) {
        for (size_t i = 0; i < bytes; i++)
            src[i] = (uint8_t)rng_below(1, rng_stream(RNG_TEST, 0), i, 256);
        snprintf(what, sizeof what, "%4d x %4d to %d %s", width, height, size,
                 data_filter_names[filter]);
        bench_sides(what, 1, "pictures", side, 4);
    } else {
        err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", width, height);
    }
    free(src);
    free(out);
    return src && out;
}

enum { PHOTOS = 60 };

/* The centre squares of some photographs, one after another. */
struct photos {
    struct data_image image[PHOTOS];
    struct job job[PHOTOS];
    int n;
};

static void run_photos_own(void *ctx)
{
    struct photos *p = ctx;

    for (int i = 0; i < p->n; i++)
        run_own(&p->job[i]);
}

static void run_photos_stb(void *ctx)
{
    struct photos *p = ctx;

    for (int i = 0; i < p->n; i++)
        run_stb(&p->job[i]);
}

static bool read_photos(struct photos *p, const char *folder, char **names, int n, struct err *err)
{
    for (p->n = 0; p->n < n && p->n < PHOTOS; p->n++) {
        char path[600];

        snprintf(path, sizeof path, "%s/%s", folder, names[p->n]);
        if (!data_sample_image(&(struct data_sample){ .path = path }, NULL, &p->image[p->n], err))
            return false;
    }
    return true;
}

static bool bench_photos(int size, struct photos *p, struct err *err)
{
    struct data_prep prep = { .size = { size, size }, .resize = DATA_CROP, .crop = 1 };
    uint8_t *out = malloc(3 * (size_t)size * (size_t)size);
    char what[64];

    if (!out)
        return err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", size, size);
    for (int i = 0; i < p->n; i++) {
        const struct data_image *m = &p->image[i];
        struct data_view v;

        data_prep_view(&prep, m, &v);
        p->job[i].out = out;
        p->job[i].r = (struct data_resize_job){ m->pixel, m->width, m->height, 3 * (size_t)m->width,
                                                v.x, v.y, v.w, v.h, DATA_BILINEAR, size, size,
                                                0 };
    }
    snprintf(what, sizeof what, "flowers to %d", size);
    bench_sides(what, p->n, "pictures", (const struct bench_side[]){
        { "own", run_photos_own, p }, { "stb", run_photos_stb, p } }, 2);
    free(out);
    return true;
}

static bool bench_flowers(struct err *err)
{
    const char *flowers = bench_dataset("flowers");
    struct photos *p = calloc(1, sizeof *p);
    char folder[400], **names = NULL;
    bool ok = p;
    int n;

    if (!p)
        err_set(err, ERR_MEMORY, "cannot hold %d pictures", PHOTOS);
    if (ok && flowers) {
        snprintf(folder, sizeof folder, "%s/train/daisy", flowers);
        n = file_list(folder, &names, err);
        ok = n >= 0 && read_photos(p, folder, names, n, err) && bench_photos(160, p, err) &&
             bench_photos(224, p, err);
        for (int i = 0; i < PHOTOS; i++)
            data_image_release(&p->image[i]);
    }
    free(names);
    free(p);
    return ok;
}

bool bench_resize(struct err *err)
{
    static const int sizes[][3] = {
        { 256, 180, 160 }, { 500, 375, 224 }, { 1024, 768, 224 }, { 1920, 1080, 224 },
        { 160, 160, 224 },
    };

    for (int f = DATA_BILINEAR; f <= DATA_BICUBIC; f++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            if (!bench_size(sizes[i][0], sizes[i][1], sizes[i][2], (enum data_filter)f, err))
                return false;
    return bench_flowers(err);
}
