/*
 * bench, data -- files to batches: what each part of the road gives
 */
#include "train/bench.h"

#include "data/loader.h"
#include "data/prep.h"
#include "nn/base/clock.h"

#include <stdlib.h>

enum { PICTURES = 256, BATCH = 32, PASSES = 3 };

const char *const train_bench_data_names[] = { "read", "decode", "prepare", "load", NULL };

/* Some pictures, read and decoded. */
struct few {
    int n;
    struct data_index x;        /* of these pictures */
    uint8_t *bytes[PICTURES];
    size_t size[PICTURES];
    struct data_image image[PICTURES];
    uint8_t *pixel;
};

static void release(struct few *f)
{
    for (int i = 0; i < f->n; i++) {
        free(f->bytes[i]);
        data_image_release(&f->image[i]);
    }
    free(f->pixel);
    free(f->x.sample);
}

/* As many as there are, spread over all, so that every label has some. */
static bool choose(struct few *f, const struct data_index *x, const struct data_prep *prep,
                   struct err *err)
{
    f->n = x->n < PICTURES ? x->n : PICTURES;
    f->x = *x;
    f->x.n = f->n;
    f->x.sample = calloc((size_t)f->n + 1, sizeof *f->x.sample);
    f->pixel = malloc(data_prep_count(prep));
    if (!f->x.sample || !f->pixel)
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", f->n);
    for (int i = 0; i < f->n; i++)
        f->x.sample[i] = x->sample[(int64_t)i * x->n / f->n];
    return true;
}

/* One pass over all of them, of a part of the road. */
static bool pass(struct few *f, enum train_bench_data what, const struct data_prep *prep,
                 struct err *err)
{
    for (int i = 0; i < f->n; i++) {
        const struct data_sample *s = &f->x.sample[i];

        if (what == TRAIN_BENCH_READ) {
            free(f->bytes[i]);
            f->bytes[i] = data_sample_bytes(s, data_decode_default.limits.file_bytes, &f->size[i],
                                            err);
            if (!f->bytes[i])
                return false;
        } else if (what == TRAIN_BENCH_DECODE) {
            data_image_release(&f->image[i]);
            if (!data_sample_decode(s, f->bytes[i], f->size[i], NULL, &f->image[i], err))
                return false;
        } else if (!data_prep_pixels(prep, &f->image[i], f->pixel, err)) {
            return false;
        }
    }
    return true;
}

/* The loader, with the augmentation that trainings have, no cache; the first batch is not timed. */
static bool load(const struct few *f, const struct data_prep *prep, int threads, double *rate,
                 struct err *err)
{
    const struct data_recipe_facts facts = { f->n, f->x.n_labels, prep->size[0] };
    struct data_recipe recipe;
    struct data_loader_options opt = { .batch = f->n < BATCH ? f->n : BATCH, .threads = threads,
                                       .shuffle = true, .recipe = &recipe, .seed = 1 };
    struct data_loader *l = data_recipe_parse("light", &facts, &recipe, err) ?
        data_loader_new(&f->x, prep, &opt, err) : NULL;
    double start = 0;
    int64_t n = 0;

    if (!l)
        return false;
    for (int epoch = 0; epoch < PASSES; epoch++) {
        const struct data_batch *b;

        data_loader_start(l, (uint64_t)epoch, 0);
        while ((b = data_loader_next(l)) != NULL) {
            if (!start)
                start = clock_now();
            else
                n += b->n;
        }
    }
    *rate = n ? (double)n / (clock_now() - start) : 0;
    data_loader_free(l);
    return true;
}

bool train_bench_data(const struct data_index *x, int size, int threads,
                      struct train_bench_data_result *out, struct err *err)
{
    struct data_prep prep = { .size = { size, size }, .resize = DATA_CROP, .crop = 1,
                              .std = { 1, 1, 1 } };
    struct few *f = calloc(1, sizeof *f);
    bool ok = f;

    if (!f)
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", PICTURES);
    ok = choose(f, x, &prep, err);
    for (int what = TRAIN_BENCH_READ; ok && what <= TRAIN_BENCH_PREPARE; what++) {
        double best = 0;

        for (int i = 0; ok && i < PASSES; i++) {
            double start = clock_now(), seconds;

            ok = pass(f, (enum train_bench_data)what, &prep, err);
            seconds = clock_now() - start;
            best = !i || seconds < best ? seconds : best;
        }
        out->rate[what] = f->n / (best + 1e-9);
    }
    out->pictures = f->n;
    ok = ok && load(f, &prep, threads, &out->rate[TRAIN_BENCH_LOAD], err);
    release(f);
    free(f);
    return ok;
}
