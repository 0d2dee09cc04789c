/*
 * resize -- pictures to the size of a net: our kernels against stb_image_resize, on one core
 *
 * The pictures are noise: no part of either looks at what the samples are.
 */
#include "tests/bench/resize.h"
#include "tests/bench/bench.h"

#include "nn/base/cpu.h"
#include "nn/base/rng.h"

#include <stdio.h>
#include <stdlib.h>

struct job {
    struct data_resize r;
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
    struct data_resize r = { src, width, height, 3 * (size_t)width, 0, 0, width, height, filter,
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
    return true;
}
