/*
 * tiny -- a model that takes no time, and a folder with it and with pictures, whole and broken
 */
#ifndef TESTS_INFER_TINY_H
#define TESTS_INFER_TINY_H

#include "tests/data/made.h"

#include "infer/model.h"

enum { TINY_LABELS = 4, TINY_PICTURES = 9, TINY_SIDE = 12 };

static const char *const tiny_label[] = { "cat", "Grünspecht", "a, b", "none of these" };

/* The network has batch-norms, whose statistics are no identity; the preparation crops. */
static inline struct infer_model *tiny_model(enum data_task task, uint64_t seed)
{
    static const char net[] = "image = input shape=12x12x3\n"
                              "c1 = conv2d image channels=4 size=3 pad=1\n"
                              "b1 = batchnorm c1\n"
                              "r1 = relu b1\n"
                              "m = meanpool r1\n"
                              "fc = linear m width=4 bias=true\n"
                              "output logits = fc\n";
    static const struct data_prep prep = {
        .size = { TINY_SIDE, TINY_SIDE }, .resize = DATA_CROP, .crop = 0.875,
        .background = { 255, 255, 255 },
        .mean = { 0.485, 0.456, 1.0 / 3 }, .std = { 0.229, 0.224, 0.225 },
    };
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(net, strlen(net), 0, NULL, &err);
    struct nn_params *p = g ? nn_params_new(g, false, &err) : NULL;
    struct infer_model *m;

    if (!p)
        fail_msg("%s", err.msg);
    nn_params_init(p, g, seed);
    for (int64_t i = 0; i < p->total; i++)
        p->value[i] += (real)rng_f32(seed, rng_stream(RNG_TEST, 0), (uint64_t)i);
    m = infer_model_new(g, p, &prep, task, TINY_LABELS, tiny_label, "tiny", &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static inline void tiny_write(const struct made_folder *f, const char *name, enum data_task task,
                              uint64_t seed)
{
    struct infer_model *m = tiny_model(task, seed);
    struct err err = { 0 };

    if (!infer_model_write(m, made_path(f, name), NULL, &err))
        fail_msg("%s", err.msg);
    infer_model_free(m);
}

/* Its weights become such that they are finite, but nothing that it answers is: of networks that
 * end in a batch-norm b1 and a linear layer fc. */
static inline void tiny_overflow(struct infer_model *m)
{
    struct nn_params *p = m->params;

    memset(p->value, 0, (size_t)p->total * sizeof *p->value);
    for (int e = 0; e < p->n; e++) {
        const char *name = m->graph->node[p->node[e]].name;
        double x = !strcmp(name, "b1.bias") ? 1 : !strcmp(name, "fc.weight") ? 3e38 : 0;

        for (int64_t i = 0; i < p->count[e]; i++)
            p->value[p->offset[e] + i] = (real)x;
    }
}

static inline void tiny_write_huge(const struct made_folder *f, const char *name,
                                   enum data_task task)
{
    struct infer_model *m = tiny_model(task, 7);
    struct err err = { 0 };

    tiny_overflow(m);
    if (!infer_model_write(m, made_path(f, name), NULL, &err))
        fail_msg("%s", err.msg);
    infer_model_free(m);
}

/* A folder with one.safetensors, many.safetensors and 0.jpg ... of unlike sizes. */
static inline void tiny_open(struct made_folder *f)
{
    made_open(f);
    tiny_write(f, "one.safetensors", DATA_SINGLE, 7);
    tiny_write(f, "many.safetensors", DATA_MULTI, 8);
    for (int i = 0; i < TINY_PICTURES; i++) {
        char name[16];

        snprintf(name, sizeof name, "%d.jpg", i);
        made_keep_jpeg(f, name, made_scene(14 + 5 * i, 40 - 2 * i, (uint64_t)i), 90);
    }
}

#endif
