/*
 * training -- pictures to learn from, and a training that remembers what it was told
 */
#ifndef TESTS_TRAIN_TRAINING_H
#define TESTS_TRAIN_TRAINING_H

#include "tests/data/made.h"

#include "data/unlabelled.h"
#include "train/checkpoint.h"
#include "train/trainer.h"

#include <math.h>

enum { SIDE = 16, CLASSES = 2 };

/* A noisy picture: class 0 is lighter in its left half, class 1 in its right. */
static inline void draw(const struct made_folder *f, const char *part, int label, int number,
                        int side)
{
    struct data_image m = { side, side, malloc((size_t)side * (size_t)side * 3) };
    uint64_t stream = rng_stream(RNG_TEST, (uint32_t)(label * 1000 + number));
    char name[100], folder[512];
    struct err err = { 0 };

    assert_non_null(m.pixel);
    for (int i = 0; i < side * side * 3; i++) {
        bool right = i / 3 % side >= side / 2;

        m.pixel[i] =
            (uint8_t)(rng_below(1, stream, (uint64_t)i, 190) + (right == (label == 1) ? 60 : 0));
    }
    snprintf(folder, sizeof folder, "%s/%s/c%d", f->path, part, label);
    assert_true(file_mkdir(folder, &err));
    snprintf(name, sizeof name, "%s/c%d/%03d.png", part, label, number);
    assert_true(data_image_write_png(made_path(f, name), &m, &err));
    data_image_release(&m);
}

/* n pictures of each class in train, and m others (or with m 0 the same ones) in val. */
static inline void draw_set(const struct made_folder *f, int n, int m, int side)
{
    for (int label = 0; label < CLASSES; label++) {
        for (int i = 0; i < n; i++)
            draw(f, "train", label, i, side);
        for (int i = 0; i < (m ? m : n); i++)
            draw(f, "val", label, m ? n + i : i, side);
    }
}

struct told {
    const char *cache; /* where decoded pictures are kept; NULL: nowhere */
    char cache_note[400];
    int notes, bad, epochs;
    bool slower, faster, ended, chose_medium;
    int64_t step, stop_at; /* 0: never */
    double loss, accuracy, log_loss, mean_ap, elapsed;
    atomic_bool stop;
    bool stop_at_start, resume;
    double save_every;
    int saved;          /* times */
    bool stop_when_saved;
    int starts, best_epoch;  /* how often the start was judged; of the END */
    double start_accuracy;
    char going_on[200]; /* the note of a resume */
    int rollbacks;
    const struct train_method *method; /* NULL: supervised */
    struct train_find_lr *find_lr;
    double first_loss;               /* of the first step */
    char init_note[400], sizes[200]; /* sizes: of pictures that grow, by epoch */
    char teacher_note[400];
    int unlabelled, copies;          /* pictures without labels: learnt from, left out */
    enum train_event_kind last;
    char last_text[512];
};

static inline void listen(void *ctx, const struct train_event *e)
{
    struct told *t = ctx;

    t->last = e->kind;
    snprintf(t->last_text, sizeof t->last_text, "%s", e->text ? e->text : "");
    t->notes += e->kind == TRAIN_EVENT_NOTE;
    t->bad += e->kind == TRAIN_EVENT_BAD_FILE;
    t->ended |= e->kind == TRAIN_EVENT_END;
    t->chose_medium |= e->kind == TRAIN_EVENT_NOTE && strstr(e->text, "augment medium: ");
    t->faster |= e->kind == TRAIN_EVENT_NOTE && strstr(e->text, "faster");
    t->slower |= e->kind == TRAIN_EVENT_NOTE && strstr(e->text, "slower");
    if (e->kind == TRAIN_EVENT_NOTE && !strncmp(e->text, "cache: ", 7))
        snprintf(t->cache_note, sizeof t->cache_note, "%s", e->text);
    if (e->kind == TRAIN_EVENT_START && t->stop_at_start)
        atomic_store(&t->stop, true);
    t->saved += e->kind == TRAIN_EVENT_SAVED;
    if (e->kind == TRAIN_EVENT_SAVED && t->stop_when_saved)
        atomic_store(&t->stop, true);
    if (e->kind == TRAIN_EVENT_STEP && e->step == 1)
        t->first_loss = e->step_loss;
    if (e->kind == TRAIN_EVENT_NOTE && !strncmp(e->text, "init ", 5))
        snprintf(t->init_note, sizeof t->init_note, "%s", e->text);
    if (e->kind == TRAIN_EVENT_NOTE && !strncmp(e->text, "teacher ", 8))
        snprintf(t->teacher_note, sizeof t->teacher_note, "%s", e->text);
    if (e->kind == TRAIN_EVENT_NOTE && strstr(e->text, ": pictures of "))
        snprintf(t->sizes + strlen(t->sizes), sizeof t->sizes - strlen(t->sizes), "%.9s %s; ",
                 e->text, strstr(e->text, " of ") + 4);
    if (e->kind == TRAIN_EVENT_NOTE && strstr(e->text, "going on"))
        snprintf(t->going_on, sizeof t->going_on, "%s", e->text);
    if (e->kind == TRAIN_EVENT_NOTE && strstr(e->text, "back to the last checkpoint"))
        t->rollbacks++;
    if (e->kind == TRAIN_EVENT_END) {
        assert_true(e->waited >= 0 && e->waited <= 1);
        t->best_epoch = e->epoch;
    }
    t->elapsed = e->elapsed;
    t->step = e->step;
    if (e->kind == TRAIN_EVENT_STEP && e->step == t->stop_at)
        atomic_store(&t->stop, true);
    if (e->kind != TRAIN_EVENT_EPOCH)
        return;
    if (!e->epoch) {
        assert_true(t->epochs == 0 && e->step == 0 && isnan(e->loss));
        t->starts++;
        t->start_accuracy = e->val ? e->val->accuracy : NAN;
    }
    t->epochs++;
    t->loss = e->loss;
    if (e->val) {
        t->accuracy = e->val->accuracy;
        t->log_loss = e->val->log_loss;
        t->mean_ap = e->val->mean_ap;
    }
}

static inline struct train_cfg config(void)
{
    struct train_cfg cfg;

    field_defaults(train_cfg_fields, &cfg);
    cfg.epochs = 2;
    cfg.batch = 8;
    cfg.threads = 1;
    return cfg;
}

/* Trains on what lies in `data` of the folder, into its folder `out`. */
static inline bool train(const struct made_folder *f, const char *data, const char *out,
                         struct train_cfg *cfg, struct told *told, struct err *err)
{
    char folder[512], path[512];
    struct data_index *x;
    struct train_run run = { .out = folder,
                             .cache = told->cache,
                             .cache_share = 0.5,
                             .event = listen,
                             .event_ctx = told,
                             .stop = &told->stop,
                             .resume = told->resume,
                             .save_every = told->save_every,
                             .find_lr = told->find_lr };
    bool ok;

    snprintf(folder, sizeof folder, "%s/%s", f->path, out);
    snprintf(path, sizeof path, "%s/%s", f->path, data);
    assert_true(file_mkdir(folder, err));
    x = data_index_open(path, NULL, err);
    if (!x)
        fail_msg("%s", err->msg);
    ok = data_index_hash(x, 2, err) &&
         (!cfg->unlabelled ||
          data_unlabelled_add(x, cfg->unlabelled, 2, &told->unlabelled, &told->copies, err)) &&
         train_with(told->method ? told->method : &train_method_supervised, x, cfg, &run, err);
    data_index_free(x);
    if (!told->find_lr && !ok) { /* whoever listens hears how it ended, as the caller does */
        assert_int_equal(told->last,
                         err->kind == ERR_CANCELLED ? TRAIN_EVENT_STOP : TRAIN_EVENT_FAIL);
        assert_string_equal(told->last_text, err->msg);
    }
    return ok;
}

static inline void must_train(const struct made_folder *f, const char *out, struct train_cfg *cfg,
                              struct told *told)
{
    struct err err = { 0 };

    if (!train(f, ".", out, cfg, told, &err))
        fail_msg("%s", err.msg);
    assert_true(told->ended);
}

static inline struct infer_model *open_model(const struct made_folder *f, const char *out,
                                             const char *name)
{
    struct err err = { 0 };
    char path[512];
    struct infer_model *m;

    snprintf(path, sizeof path, "%s/%s/%s.safetensors", f->path, out, name);
    m = infer_model_open(path, &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static inline bool exists(const struct made_folder *f, const char *out, const char *name)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s/%s.safetensors", f->path, out, name);
    return file_kind(path) != FILE_NONE;
}

/* Weights, and all that is said about them but the date. */
static inline void assert_same_model(const struct made_folder *f, const char *a, const char *b,
                                     const char *name)
{
    struct infer_model *m = open_model(f, a, name), *n = open_model(f, b, name);
    const char *date_m = strstr(m->provenance, "\"date\""),
               *date_n = strstr(n->provenance, "\"date\"");

    assert_int_equal(m->params->total, n->params->total);
    assert_memory_equal(m->params->value, n->params->value,
                        (size_t)m->params->total * sizeof(real));
    assert_true(date_m && date_n);
    assert_int_equal(date_m - m->provenance, date_n - n->provenance);
    assert_memory_equal(m->provenance, n->provenance, (size_t)(date_m - m->provenance));
    infer_model_free(m);
    infer_model_free(n);
}

/* An array of the training in a checkpoint; free() it. */
static inline float *array_of(const struct made_folder *f, const char *out, const char *name,
                              int64_t n)
{
    struct err err = { 0 };
    char path[512];
    struct infer_file *file;
    float *x = calloc((size_t)n, sizeof *x);

    assert_non_null(x);
    snprintf(path, sizeof path, "%s/%s/" TRAIN_LAST, f->path, out);
    file = infer_file_open(path, &err);
    if (!file || !infer_file_array(file, name, n, x, &err))
        fail_msg("%s", err.msg);
    infer_file_close(file);
    return x;
}

static inline void assert_same_training(const struct made_folder *f, const char *a, const char *b)
{
    static const char *const arrays[] = { "training.values", "training.moment1" };
    struct infer_model *m = open_model(f, a, "last");
    int64_t n = m->params->total;

    assert_same_model(f, a, b, "last");
    assert_same_model(f, a, b, "best");
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        float *x = array_of(f, a, arrays[i], n), *y = array_of(f, b, arrays[i], n);

        assert_memory_equal(x, y, (size_t)n * sizeof *x);
        free(x);
        free(y);
    }
    infer_model_free(m);
}

#endif
