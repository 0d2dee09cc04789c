/*
 * batches -- what a training has seen: its batches, as the loader makes them, into one file
 *
 *     batches MODEL DATA SPLIT STEPS OUT
 *
 * MODEL was trained on DATA with the split file SPLIT; seed, batch and augmentation are those that
 * it tells of itself.  OUT is a safetensors file: image [steps,n,H,W,C] and target
 * [steps,n,labels].  Status 1 and a line on standard error when something fails.
 */
#include "data/loader.h"
#include "infer/model.h"
#include "nn/base/arena.h"
#include "nn/io/safetensors.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 1 };

/* What the training was told. */
struct settings {
    int batch;
    uint64_t seed;
    struct data_recipe recipe;
};

static bool read_settings(const struct infer_model *m, struct settings *s, struct err *err)
{
    json_t *all = json_loads(m->provenance, 0, NULL), *in = json_object_get(all, "settings");
    const char *augment = json_string_value(json_object_get(in, "augment"));
    bool ok;

    s->batch = (int)json_integer_value(json_object_get(in, "batch"));
    s->seed = (uint64_t)json_integer_value(json_object_get(in, "seed"));
    ok = s->batch > 0 && augment
             ? data_recipe_parse(augment, &(struct data_recipe_facts){ .n = 1 }, &s->recipe, err)
             : err_set(err, ERR_INPUT, "the model does not tell how it was trained");
    json_decref(all);
    return ok;
}

/* Batches of n pictures into image and target, from as many epochs as it takes. */
static bool fill(struct data_loader *l, int n, int steps, size_t pixels, size_t labels,
                 float *image, float *target, struct err *err)
{
    const struct data_batch *b = NULL;
    uint64_t epoch = 0;

    for (int i = 0; i < steps; i++) {
        if (!b)
            data_loader_start(l, epoch++, 0);
        b = data_loader_next(l);
        if (!b) { /* the epoch is over: the next one has this step */
            i--;
            continue;
        }
        if (b->n != n)
            return err_set(err, ERR_INPUT, "step %d has %d pictures instead of %d", i, b->n, n);
        memcpy(image, b->image, (size_t)n * pixels * sizeof *image);
        memcpy(target, b->target, (size_t)n * labels * sizeof *target);
        image += (size_t)n * pixels;
        target += (size_t)n * labels;
    }
    return true;
}

static bool write(const struct infer_model *m, struct data_loader *l, int n, int steps,
                  const char *out, struct err *err)
{
    size_t pixels = data_prep_count(&m->prep), labels = (size_t)m->n_labels, pictures, a, b;
    float *image = NULL, *target = NULL;
    bool ok = false;

    if (!size_mul((size_t)n, (size_t)steps, &pictures) || !size_mul(pictures, pixels, &a) ||
        !size_mul(a, sizeof *image, &a) || !size_mul(pictures, labels * sizeof *target, &b))
        return err_set(err, ERR_INPUT, "%d steps do not fit in memory", steps);
    image = malloc(a);
    target = malloc(b);
    if (!image || !target) {
        err_set(err, ERR_MEMORY, "%d steps do not fit in memory", steps);
        goto out;
    }
    if (!fill(l, n, steps, pixels, labels, image, target, err))
        goto out;
    ok = st_write(out, 2,
                  (struct st_entry[]){
                      { "image",
                        { DTYPE_F32,
                          { 5, { steps, n, m->prep.size[0], m->prep.size[1],
                                 data_prep_channels(&m->prep) } },
                          image } },
                      { "target", { DTYPE_F32, { 3, { steps, n, m->n_labels } }, target } } },
                  0, NULL, err);
out:
    free(image);
    free(target);
    return ok;
}

static bool run(char **arg, struct err *err)
{
    struct infer_model *m = infer_model_open(arg[0], err);
    struct data_index *x = NULL, *train = NULL;
    struct data_loader *l = NULL;
    struct settings s;
    bool ok = false;

    if (!m || !read_settings(m, &s, err))
        goto out;
    x = data_index_open(arg[1], &(struct data_source_options){ .split_file = arg[2] }, err);
    train = x ? data_index_part(x, DATA_TRAIN, err) : NULL;
    if (!train)
        goto out;
    l = data_loader_new(train, &m->prep,
                        &(struct data_loader_options){ .batch = s.batch,
                                                       .threads = THREADS,
                                                       .shuffle = true,
                                                       .drop_last = true,
                                                       .recipe = &s.recipe,
                                                       .seed = s.seed },
                        err);
    ok = l && write(m, l, s.batch, (int)strtol(arg[3], NULL, 10), arg[4], err);
out:
    data_loader_free(l);
    data_index_free(train);
    data_index_free(x);
    infer_model_free(m);
    return ok;
}

int main(int argc, char **argv)
{
    struct err err = { 0 };

    if (argc != 6) {
        fputs("usage: batches MODEL DATA SPLIT STEPS OUT\n", stderr);
        return 2;
    }
    if (run(argv + 1, &err))
        return 0;
    fprintf(stderr, "batches: %s\n", err.msg);
    return 1;
}
