/*
 * trainer: it learns, repeats itself to the bit, tells what the file holds, and leaves nothing bad
 * behind
 */
#include "tests/data/made.h"

#include "train/checkpoint.h"
#include "train/plan.h"
#include "train/trainer.h"

#include <math.h>

enum { SIDE = 16, CLASSES = 2 };

/* ---- pictures, and a run that remembers what it was told ------------------------------------- */

/* A noisy picture: class 0 is lighter in its left half, class 1 in its right. */
static void draw(const struct made_folder *f, const char *part, int label, int number, int side)
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
static void draw_set(const struct made_folder *f, int n, int m, int side)
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
    bool slower, ended, chose_medium;
    int64_t step, stop_at; /* 0: never */
    double loss, accuracy, log_loss, mean_ap, elapsed;
    atomic_bool stop;
    bool stop_at_start, resume;
    double save_every;
    int saved;        /* times */
    char going_on[200]; /* the note of a resume */
    int rollbacks;
    const struct train_method *method; /* NULL: supervised */
    struct train_find_lr *find_lr;
    double first_loss;    /* of the first step */
    char init_note[400], sizes[200]; /* sizes: of pictures that grow, by epoch */
    enum train_event_kind last;
    char last_text[512];
};

static void listen(void *ctx, const struct train_event *e)
{
    struct told *t = ctx;

    t->last = e->kind;
    snprintf(t->last_text, sizeof t->last_text, "%s", e->text ? e->text : "");
    t->notes += e->kind == TRAIN_EVENT_NOTE;
    t->bad += e->kind == TRAIN_EVENT_BAD_FILE;
    t->ended |= e->kind == TRAIN_EVENT_END;
    t->chose_medium |= e->kind == TRAIN_EVENT_NOTE && strstr(e->text, "augment medium: ");
    t->slower |= e->kind == TRAIN_EVENT_NOTE && strstr(e->text, "slower");
    if (e->kind == TRAIN_EVENT_NOTE && !strncmp(e->text, "cache: ", 7))
        snprintf(t->cache_note, sizeof t->cache_note, "%s", e->text);
    if (e->kind == TRAIN_EVENT_START && t->stop_at_start)
        atomic_store(&t->stop, true);
    t->saved += e->kind == TRAIN_EVENT_SAVED;
    if (e->kind == TRAIN_EVENT_STEP && e->step == 1)
        t->first_loss = e->step_loss;
    if (e->kind == TRAIN_EVENT_NOTE && !strncmp(e->text, "init ", 5))
        snprintf(t->init_note, sizeof t->init_note, "%s", e->text);
    if (e->kind == TRAIN_EVENT_NOTE && strstr(e->text, ": pictures of "))
        snprintf(t->sizes + strlen(t->sizes), sizeof t->sizes - strlen(t->sizes), "%.9s %s; ",
                 e->text, strstr(e->text, " of ") + 4);
    if (e->kind == TRAIN_EVENT_NOTE && strstr(e->text, "going on"))
        snprintf(t->going_on, sizeof t->going_on, "%s", e->text);
    if (e->kind == TRAIN_EVENT_NOTE && strstr(e->text, "back to the last checkpoint"))
        t->rollbacks++;
    if (e->kind == TRAIN_EVENT_END)
        assert_true(e->waited >= 0 && e->waited <= 1);
    t->elapsed = e->elapsed;
    t->step = e->step;
    if (e->kind == TRAIN_EVENT_STEP && e->step == t->stop_at)
        atomic_store(&t->stop, true);
    if (e->kind != TRAIN_EVENT_EPOCH)
        return;
    t->epochs++;
    t->loss = e->loss;
    if (e->val) {
        t->accuracy = e->val->accuracy;
        t->log_loss = e->val->log_loss;
        t->mean_ap = e->val->mean_ap;
    }
}

static struct train_cfg config(void)
{
    struct train_cfg cfg;

    field_defaults(train_cfg_fields, &cfg);
    cfg.epochs = 2;
    cfg.batch = 8;
    cfg.threads = 1;
    return cfg;
}

/* Trains on what lies in `data` of the folder, into its folder `out`. */
static bool train(const struct made_folder *f, const char *data, const char *out,
                  struct train_cfg *cfg, struct told *told, struct err *err)
{
    char folder[512], path[512];
    struct data_index *x;
    struct train_run run = {
        .out = folder, .cache = told->cache, .cache_share = 0.5, .event = listen,
        .event_ctx = told, .stop = &told->stop, .resume = told->resume,
        .save_every = told->save_every, .find_lr = told->find_lr
    };
    bool ok;

    snprintf(folder, sizeof folder, "%s/%s", f->path, out);
    snprintf(path, sizeof path, "%s/%s", f->path, data);
    assert_true(file_mkdir(folder, err));
    x = data_index_open(path, NULL, err);
    if (!x)
        fail_msg("%s", err->msg);
    ok = data_index_hash(x, 2, err) &&
         train_with(told->method ? told->method : &train_method_supervised, x, cfg, &run, err);
    data_index_free(x);
    if (!told->find_lr && !ok) { /* whoever listens hears how it ended, as the caller does */
        assert_int_equal(told->last,
                         err->kind == ERR_CANCELLED ? TRAIN_EVENT_STOP : TRAIN_EVENT_FAIL);
        assert_string_equal(told->last_text, err->msg);
    }
    return ok;
}

static void must_train(const struct made_folder *f, const char *out, struct train_cfg *cfg,
                       struct told *told)
{
    struct err err = { 0 };

    if (!train(f, ".", out, cfg, told, &err))
        fail_msg("%s", err.msg);
    assert_true(told->ended);
}

static struct infer_model *open_model(const struct made_folder *f, const char *out,
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

static bool exists(const struct made_folder *f, const char *out, const char *name)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s/%s.safetensors", f->path, out, name);
    return file_kind(path) != FILE_NONE;
}

/* Weights, and all that is said about them but the date. */
static void assert_same_model(const struct made_folder *f, const char *a, const char *b,
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

/* ---- learning -------------------------------------------------------------------------------- */

static void pictures_are_learnt_by_heart(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 4, 0, SIDE);
    cfg.epochs = 40;
    cfg.augment = "none";
    cfg.smooth = 0;
    must_train(&f, "out", &cfg, &told);
    assert_true(told.accuracy == 1);
    assert_true(told.loss < 0.1);
    assert_int_equal(told.epochs, 40);
    assert_int_equal(cfg.size, SIDE);
    made_close(&f);
}

static void several_labels_are_learnt(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };
    struct err err = { 0 };
    struct str csv = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 16, 4, SIDE);
    str_add(&csv, "filename,left,right,drawn,split\n");
    for (int label = 0; label < CLASSES; label++)
        for (int i = 0; i < 20; i++)
            str_printf(&csv, "%s/c%d/%03d.png,%d,%d,1,%s\n", i < 16 ? "train" : "val", label, i,
                       label == 0, label == 1, i < 16 ? "train" : "val");
    made_text(&f, "labels.csv", str_text(&csv));
    str_release(&csv);
    cfg.epochs = 10;
    cfg.augment = "none";
    if (!train(&f, "labels.csv", "out", &cfg, &told, &err))
        fail_msg("%s", err.msg);
    assert_true(told.mean_ap > 0.9);
    made_close(&f);
}

/* ---- the same again -------------------------------------------------------------------------- */

static void same_seed_same_bits_whatever_the_threads(void **state)
{
    struct made_folder f;
    static const char *const out[] = { "a", "b", "c", "d", "e" };

    (void)state;
    made_open(&f);
    draw_set(&f, 13, 5, SIDE);
    for (int i = 0; i < 5; i++) {
        struct train_cfg cfg = config();
        struct told told = { 0 };

        cfg.threads = i < 1 ? 1 : i;
        cfg.seed = i == 4;
        cfg.dropout = 0.1;
        cfg.augment = "crop,flip,color,jpeg,trivialaugment,augmix,erase,mixup:0.2:0.5,cutmix";
        must_train(&f, out[i], &cfg, &told);
    }
    for (int i = 1; i < 4; i++) {
        assert_same_model(&f, out[0], out[i], "best");
        assert_same_model(&f, out[0], out[i], "last");
    }
    struct infer_model *m = open_model(&f, "a", "last"), *n = open_model(&f, "e", "last");

    assert_memory_not_equal(m->params->value, n->params->value,
                            (size_t)m->params->total * sizeof(real));
    infer_model_free(m);
    infer_model_free(n);
    made_close(&f);
}

/* The recipe stands in the file in full, whatever it was called. */
static void auto_is_decided_and_told_in_full(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };
    struct data_recipe recipe;
    struct str want = { 0 };
    struct infer_model *m;
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 13, 5, SIDE);
    cfg.epochs = 1;
    cfg.augment = "auto,blur";
    must_train(&f, "out", &cfg, &told);
    assert_true(data_recipe_parse("medium,blur", &(struct data_recipe_facts){ .n = 1 }, &recipe,
                                  &err));
    str_add(&want, "\"augment\":\"");
    data_recipe_text(&recipe, &want);
    str_addc(&want, '"');
    m = open_model(&f, "out", "last");
    assert_non_null(strstr(m->provenance, str_text(&want)));
    assert_true(told.chose_medium);
    infer_model_free(m);
    str_release(&want);
    made_close(&f);
}

static void figures_told_are_those_of_the_file(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 20, 9, SIDE + 3);
    cfg.epochs = 3;
    must_train(&f, "out", &cfg, &told);

    struct infer_model *m = open_model(&f, "out", "last");
    struct infer_predictor *q =
        infer_predictor_new(m->graph, m->params, m->task, NULL, 5, 2, "auto", &err);
    struct data_index *x = data_index_open(
        f.path, &(struct data_source_options){ .n_labels = m->n_labels, .labels = m->label }, &err);
    struct data_index *val = x ? data_index_part(x, DATA_VAL, &err) : NULL;
    struct infer_figures figures;

    assert_non_null(q);
    assert_non_null(val);
    assert_true(infer_evaluate(
        q, val, &m->prep, &(struct infer_evaluate_options){ .threads = 2 }, &figures, &err));
    assert_int_equal(figures.n, 18);
    assert_true(figures.accuracy == told.accuracy);
    assert_true(figures.log_loss == told.log_loss);
    infer_figures_release(&figures);
    data_index_free(val);
    data_index_free(x);
    infer_predictor_free(q);
    infer_model_free(m);
    made_close(&f);
}

/* A plan by time is a number of steps, and where a slow machine made it fewer: both repeat it.
 * Room for machines that do other things too. */
static void timed_run_is_repeated_by_its_steps(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config(), again = config();
    struct told told = { 0 }, told_again = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 20, 4, SIDE);
    cfg.epochs = 0;
    cfg.time = 2;
    must_train(&f, "a", &cfg, &told);
    assert_true(told.elapsed < 1.5 * cfg.time);
    assert_int_equal(train_plan_steps(&cfg), told.step);
    again.epochs = 0;
    again.steps = cfg.steps;
    memcpy(again.shortened, cfg.shortened, sizeof again.shortened);
    must_train(&f, "b", &again, &told_again);
    assert_same_model(&f, "a", "b", "last");
    made_close(&f);
}

/* Trains with the folder `cache` (NULL: none) into `out`, which must become the model "plain". */
static void train_with_cache(const struct made_folder *f, const char *cache, const char *out,
                             const char *note)
{
    struct train_cfg cfg = config();
    struct told told = { .cache = cache };

    cfg.size = 32;
    cfg.augment = "crop,flip";
    cfg.threads = 2;
    must_train(f, out, &cfg, &told);
    assert_same_model(f, "plain", out, "best");
    assert_same_model(f, "plain", out, "last");
    if (!strstr(told.cache_note, note))
        fail_msg("\"%s\" lacks \"%s\"", told.cache_note, note);
}

static void a_cache_changes_no_weight(void **state)
{
    struct made_folder f, cache;
    char **names;
    struct err err;

    (void)state;
    made_open(&f);
    made_open(&cache);
    draw_set(&f, 12, 4, SIDE + 30);
    train_with_cache(&f, NULL, "plain", "");
    train_with_cache(&f, cache.path, "a", "the first epoch fills");
    assert_int_equal(file_list(cache.path, &names, &err), 2);
    free(names);
    train_with_cache(&f, cache.path, "b", "are reused from"); /* from the files */
    train_with_cache(&f, "/dev/null/x", "c", "decoded in every epoch");
    made_text(&f, "train/c0/000.png", "no picture any more");   /* other hashes: another key */
    {
        struct train_cfg cfg = config();
        struct told told = { .cache = cache.path };

        must_train(&f, "d", &cfg, &told);
        assert_non_null(strstr(told.cache_note, "the first epoch fills"));
        assert_int_equal(told.bad, 1);
    }
    made_close(&f);
    made_close(&cache);
}

static void pictures_without_colour_make_a_grey_net(void **state)
{
    static const char *const out[] = { "grey", "rgb" };
    struct made_folder f;

    (void)state;
    made_open(&f);
    for (int i = 0; i < 20; i++) {
        struct data_image m = { SIDE, SIDE, malloc(3 * SIDE * SIDE) };
        struct err err;
        char name[64];

        snprintf(name, sizeof name, "train/c%d/%02d.png", i % 2, i);
        made_text(&f, name, "");
        for (int p = 0; p < SIDE * SIDE; p++)
            memset(m.pixel + 3 * p, i % 2 ? p / 2 + i : 250 - p / 2 - i, 3);
        assert_true(data_image_write_png(made_path(&f, name), &m, &err));
        data_image_release(&m);
    }
    for (int i = 0; i < 2; i++) {
        struct train_cfg cfg = config();
        struct told told = { 0 };
        struct infer_model *m;

        cfg.channels = i ? TRAIN_RGB : TRAIN_CHANNELS_AUTO;
        cfg.resize = TRAIN_LETTERBOX;
        cfg.background[1] = 7;
        must_train(&f, out[i], &cfg, &told);
        assert_int_equal(cfg.channels, i ? TRAIN_RGB : TRAIN_GREY);
        m = open_model(&f, out[i], "last");
        assert_int_equal(m->prep.color, i ? DATA_RGB : DATA_GREY);
        assert_int_equal(m->prep.resize, DATA_LETTERBOX);
        assert_int_equal(m->prep.background[1], 7);
        assert_true(fabs(m->prep.mean[0] - 0.49) < 0.02);
        infer_model_free(m);
    }
    made_close(&f);
}

static void one_readable_picture_a_step_is_told_as_that(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 2, 1, SIDE);
    made_text(&f, "train/c0/000.png", "no picture");
    made_text(&f, "train/c0/001.png", "no picture");
    made_text(&f, "train/c1/001.png", "no picture");
    cfg.batch = 2;
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "two pictures that can be read"));
    made_close(&f);
}

static void steps_may_end_within_an_epoch(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 16, 2, SIDE);
    cfg.epochs = 0;
    cfg.steps = 6;
    must_train(&f, "out", &cfg, &told);
    assert_int_equal(told.step, 6);
    assert_int_equal(told.epochs, 2);
    made_close(&f);
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

/* Several steps an epoch, where the next loss tells, and one, where only the weights do. */
static void divergence_is_an_error_and_leaves_no_file(void **state)
{
    static const struct {
        int batch;
        double lr;
    } cases[] = { { 4, 1e30 }, { 4, 1e37 }, { 16, 1e30 }, { 16, 1e37 } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made_folder f;
        struct train_cfg cfg = config();
        struct told told = { 0 };
        struct err err = { 0 };

        made_open(&f);
        draw_set(&f, 8, 2, SIDE);
        cfg.batch = cases[i].batch;
        cfg.lr = cases[i].lr;
        assert_false(train(&f, ".", "out", &cfg, &told, &err));
        assert_int_equal(err.kind, ERR_DIVERGED);
        assert_non_null(strstr(err.msg, "learning rate"));
        assert_int_equal(told.epochs, 0);
        assert_true(told.step <= 2);
        assert_false(exists(&f, "out", "best"));
        assert_false(exists(&f, "out", "last"));
        made_close(&f);
    }
}

static void stopping_saves_the_last_state(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { .stop_at = 5 };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 2, SIDE);
    cfg.epochs = 100;
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_int_equal(told.step, 5);
    infer_model_free(open_model(&f, "out", "last"));
    infer_model_free(open_model(&f, "out", "best"));
    made_close(&f);
}

/* An array of the training in a checkpoint; free() it. */
static float *array_of(const struct made_folder *f, const char *out, const char *name, int64_t n)
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

static void assert_same_training(const struct made_folder *f, const char *a, const char *b)
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

/* Stopped after every step in turn, within epochs and at their ends. */
static void resume_is_bitwise_from_any_step(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told whole = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    cfg.dropout = 0.2;
    cfg.augment = "medium";
    cfg.optim = "adamw"; /* counts its updates */
    must_train(&f, "whole", &cfg, &whole);
    assert_true(whole.step >= 6);
    for (int stop_at = 1; stop_at < whole.step; stop_at++) {
        struct train_cfg first = config(), second;
        struct told told = { .stop_at = stop_at }, on = { .resume = true };
        struct err err = { 0 };
        char out[32];

        first.dropout = 0.2;
        first.augment = "medium";
        first.optim = "adamw";
        second = first;
        snprintf(out, sizeof out, "cut-%d", stop_at);
        assert_false(train(&f, ".", out, &first, &told, &err));
        assert_int_equal(err.kind, ERR_CANCELLED);
        assert_non_null(strstr(err.msg, "--resume"));
        must_train(&f, out, &second, &on);
        assert_non_null(strstr(on.going_on, "going on after step"));
        assert_int_equal(on.step, whole.step);
        assert_same_training(&f, "whole", out);
    }
    made_close(&f);
}

/* A graph that was changed in its file, though all weights would fit. */
static void resume_wants_the_same_network(void **state)
{
    static const char text[] = "image = input shape=16x16x3\n"
                               "c = conv2d image channels=4 size=3 stride=%d pad=1\n"
                               "r = relu c\n"
                               "m = meanpool r\n"
                               "fc = linear m width=classes bias=true\n"
                               "output logits = fc\n";
    struct made_folder f;
    struct train_cfg cfg = config(), same = config();
    struct told told = { .stop_at = 2 }, on = { .resume = true }, refused = { .resume = true };
    struct err err = { 0 };
    char line[400], path[512];

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    snprintf(path, sizeof path, "%s", made_path(&f, "a.net"));
    cfg.arch = same.arch = path;
    snprintf(line, sizeof line, text, 1);
    made_text(&f, "a.net", line);
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_int_equal(err.kind, ERR_CANCELLED);
    snprintf(line, sizeof line, text, 2);
    made_text(&f, "a.net", line);
    cfg = same;
    assert_false(train(&f, ".", "out", &cfg, &refused, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    snprintf(line, sizeof line, text, 1);
    made_text(&f, "a.net", line);
    must_train(&f, "out", &same, &on);
    made_close(&f);
}

static void pictures_that_grow_resume_bitwise(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told whole = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    cfg.epochs = 4;
    cfg.progressive = 0.5;
    cfg.augment = "light";
    must_train(&f, "whole", &cfg, &whole);
    assert_string_equal(whole.sizes, "epoch 1:  8x8 from here on; epoch 3:  12x12 from here on; "
                                     "epoch 4:  16x16 from here on; ");
    for (int stop_at = 1; stop_at < whole.step; stop_at += 3) {
        struct train_cfg first = config(), second;
        struct told told = { .stop_at = stop_at }, on = { .resume = true };
        struct err err = { 0 };
        char out[32];

        first.epochs = 4;
        first.progressive = 0.5;
        first.augment = "light";
        second = first;
        snprintf(out, sizeof out, "cut-%d", stop_at);
        assert_false(train(&f, ".", out, &first, &told, &err));
        assert_int_equal(err.kind, ERR_CANCELLED);
        must_train(&f, out, &second, &on);
        assert_same_training(&f, "whole", out);
    }
    made_close(&f);
}

static void networks_that_cannot_see_small_pictures_are_refused(void **state)
{
    static const char text[] = "image = input shape=16x16x3\nf = flatten image\n"
                               "fc = linear f width=classes\noutput logits = fc\n";
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 6, 2, SIDE);
    made_text(&f, "net.txt", text);
    cfg.arch = made_path(&f, "net.txt");
    cfg.progressive = 0.5;
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_int_equal(err.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "progressive 0.5: the network cannot see pictures of 8x8"));
    made_close(&f);
}

/* ---- where it starts ------------------------------------------------------------------------- */

static void a_training_begins_where_another_ended(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config(), first = config(), second, other = config();
    struct told told = { 0 }, begun = { 0 }, cut = { .stop_at = 3 }, on = { .resume = true };
    struct infer_model *a, *b;
    struct err err = { 0 };
    char path[512];

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    cfg.epochs = 12;
    cfg.smooth = 0;
    cfg.augment = "none";
    must_train(&f, "a", &cfg, &told);
    assert_true(told.first_loss > 0.5 && told.loss < 0.2);
    snprintf(path, sizeof path, "%s/a/last.safetensors", f.path);
    first.init = path;
    first.epochs = 2;
    first.smooth = 0;
    first.augment = "none";
    second = first;
    must_train(&f, "b", &first, &begun);
    assert_string_equal(strrchr(begun.init_note, ':'), ": 37 of 37 parameters taken");
    if (!(begun.first_loss < 0.2))
        fail_msg("loss %g at last, then %g", told.loss, begun.first_loss);
    a = open_model(&f, "a", "last");
    b = open_model(&f, "b", "last");
    assert_memory_equal(a->prep.mean, b->prep.mean, sizeof a->prep.mean);
    infer_model_free(a);
    infer_model_free(b);

    /* Going on wants the model no more. */
    other = second;
    assert_false(train(&f, ".", "c", &second, &cut, &err));
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_int_equal(remove(path), 0);
    must_train(&f, "c", &other, &on);
    assert_same_training(&f, "b", "c");
    assert_string_equal(on.init_note, "");

    cfg = config();
    cfg.init = path;
    assert_false(train(&f, ".", "d", &cfg, &told, &err));
    assert_non_null(strstr(err.msg, path));
    made_close(&f);
}

static void a_learning_rate_is_found_and_nothing_is_left(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct train_find_lr found;
    struct told told = { .find_lr = &found };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    cfg.augment = "none";
    if (!train(&f, ".", "out", &cfg, &told, &err))
        fail_msg("%s", err.msg);
    assert_false(told.ended || told.step);
    assert_true(found.n > 50);
    assert_true(found.lr > 1e-4 && found.lr < 1);
    assert_false(exists(&f, "out", "last") || exists(&f, "out", "best"));
    made_close(&f);
}

/* The file of a run folder with one byte changed. */
static void damage(const struct made_folder *f, const char *out, const char *name)
{
    char path[512];
    struct err err = { 0 };
    size_t size;
    uint8_t *bytes;

    snprintf(path, sizeof path, "%s/%s/%s", f->path, out, name);
    bytes = file_read(path, 1 << 28, &size, &err);
    assert_non_null(bytes);
    bytes[size - size / 4]++;
    assert_true(file_replace(path, bytes, size, &err));
    free(bytes);
}

static void a_damaged_checkpoint_leaves_the_one_before(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config(), first = config(), second = config(), third = config();
    struct told whole = { 0 }, told = { .stop_at = 5, .save_every = 1e-9 },
                on = { .resume = true }, lost = { .resume = true };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    must_train(&f, "whole", &cfg, &whole);
    assert_false(train(&f, ".", "cut", &first, &told, &err));
    assert_true(told.saved > 3);
    damage(&f, "cut", TRAIN_LAST);
    must_train(&f, "cut", &second, &on);
    infer_model_free(open_model(&f, "cut", "previous"));
    assert_non_null(strstr(on.going_on, "going on"));
    assert_same_training(&f, "whole", "cut");
    damage(&f, "cut", TRAIN_LAST);
    damage(&f, "cut", TRAIN_PREVIOUS);
    assert_false(train(&f, ".", "cut", &third, &lost, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, TRAIN_LAST));
    made_close(&f);
}

/* The checkpoint of the first epoch's end, whose best model was not written yet, is the one before
 * a damaged one. */
static void the_one_before_may_have_to_give_the_best_too(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config(), first = config(), second = config();
    struct told whole = { 0 }, told = { .save_every = 1e-9 }, on = { .resume = true };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    must_train(&f, "whole", &cfg, &whole);
    told.stop_at = whole.step / 2 + 1;
    assert_false(train(&f, ".", "cut", &first, &told, &err));
    damage(&f, "cut", TRAIN_LAST);
    assert_int_equal(unlink(made_path(&f, "cut/" TRAIN_BEST)), 0);
    must_train(&f, "cut", &second, &on);
    assert_same_training(&f, "whole", "cut");
    made_close(&f);
}

/* What lies in the folder is another training's, though its settings are the same. */
static void a_new_training_does_not_go_on_from_an_old_one(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config(), first = config(), second = config(), again = config();
    struct told whole = { 0 }, told = { .stop_at = 2 }, none = { .stop_at_start = true },
                on = { .resume = true };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    must_train(&f, "whole", &cfg, &whole);
    assert_false(train(&f, ".", "out", &first, &told, &err));
    assert_false(train(&f, ".", "out", &second, &none, &err));
    must_train(&f, "out", &again, &on);
    assert_string_equal(on.going_on, "");
    assert_same_training(&f, "whole", "out");
    made_close(&f);
}

static void resume_wants_the_same_settings(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config(), other = config();
    struct told told = { .stop_at = 2 }, on = { .resume = true };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    other.smooth = 0.3;
    assert_false(train(&f, ".", "out", &other, &on, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.msg, "smooth 0.1"));
    assert_non_null(strstr(err.msg, "0.3"));
    made_close(&f);
}

/* Learns labels, and breaks down at rates that are too high. */
#define TOO_HIGH 0.002

static bool breaks_down(void *self, double rate, struct train_outcome *out, struct err *err)
{
    if (rate > TOO_HIGH)
        return err_set(err, ERR_DIVERGED, "weights have left the finite numbers");
    return train_method_supervised.update(self, rate, out, err);
}

static void rollback_goes_on_at_half_the_rate(void **state)
{
    struct train_method fragile = train_method_supervised;
    struct made_folder f;
    struct train_cfg cfg = config(), hopeless = config();
    struct told told = { .method = &fragile }, lost = { .method = &fragile };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    fragile.update = breaks_down;
    cfg.on_nan = hopeless.on_nan = TRAIN_NAN_ROLLBACK;
    cfg.lr = 8 * TOO_HIGH;
    hopeless.lr = 1000 * TOO_HIGH;
    assert_false(train(&f, ".", "lost", &hopeless, &lost, &err));
    assert_int_equal(err.kind, ERR_DIVERGED);
    assert_int_equal(lost.rollbacks, 5);
    assert_false(exists(&f, "lost", "last"));
    must_train(&f, "out", &cfg, &told);
    assert_true(told.rollbacks >= 2 && told.rollbacks <= 4);
    made_close(&f);
}

static void training_ends_when_nothing_better_comes(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    cfg.epochs = 60;
    cfg.lr = 1e-12; /* hardly anything changes */
    cfg.stop_after = 3;
    must_train(&f, "out", &cfg, &told);
    assert_true(told.epochs >= 4 && told.epochs < 60);
    made_close(&f);
}

static void unreadable_pictures_are_told_once_and_left_out(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 3, SIDE);
    made_text(&f, "train/c0/broken.png", "\x89PNG\r\n\x1a\nbut not really");
    made_text(&f, "val/c1/broken.png", "\x89PNG\r\n\x1a\nneither");
    cfg.epochs = 4;
    must_train(&f, "out", &cfg, &told);
    assert_int_equal(told.bad, 2);
    assert_int_equal(told.epochs, 4);
    made_close(&f);
}

static void nothing_readable_is_an_error(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    for (int i = 0; i < 6; i++) {
        char name[64];

        snprintf(name, sizeof name, "train/c%d/%d.png", i % 2, i);
        made_text(&f, name, "\x89PNG\r\n\x1a\nbut not really");
    }
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_false(exists(&f, "out", "last"));
    made_close(&f);
}

static void settings_that_cannot_be_meant_are_refused(void **state)
{
    struct made_folder f;
    struct err err = { 0 };
    struct told told = { 0 };
    struct train_cfg cfg;

    (void)state;
    made_open(&f);
    draw_set(&f, 4, 2, SIDE);
    cfg = config();
    cfg.steps = 5; /* beside epochs */
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    cfg = config();
    cfg.batch = 1;
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    cfg = config();
    cfg.arch = "resnet_smal";
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_non_null(strstr(err.msg, "resnet_small"));
    cfg = config();
    cfg.arch = "no/such/graph.txt";
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    cfg = config();
    cfg.optim = "sdg";
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_non_null(strstr(err.msg, "sgd"));
    cfg = config();
    cfg.isa = "avx9";
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    cfg = config();
    cfg.momentum = 2;
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    made_close(&f);
}

/* ---- graphs from files ----------------------------------------------------------------------- */

static const char tiny[] = "image = input shape=12x20x3\n"
                           "c = conv2d image channels=4 size=3 stride=2 pad=1\n"
                           "b = batchnorm c\n"
                           "r = relu b\n"
                           "m = meanpool r\n"
                           "fc = linear m width=classes bias=true\n"
                           "output logits = fc\n";

static void graph_file_is_trained(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };
    struct infer_model *m;

    (void)state;
    made_open(&f);
    draw_set(&f, 8, 2, SIDE);
    made_text(&f, "tiny.net", tiny);
    cfg.arch = made_path(&f, "tiny.net");
    must_train(&f, "out", &cfg, &told);
    m = open_model(&f, "out", "best");
    assert_string_equal(m->arch, "tiny.net");
    assert_null(strstr(m->provenance, f.path));
    assert_int_equal(m->prep.size[0], 12);
    assert_int_equal(m->prep.size[1], 20);
    infer_model_free(m);
    made_close(&f);
}

static void graph_file_that_is_no_classifier_is_refused(void **state)
{
    static const char *const texts[] = {
        "image = input shape=12x20x3\nm = meanpool image\noutput embedding = m\n",
        "image = input shape=12x20x3\nm = meanpool image\nfc = linear m width=7\noutput logits = "
        "fc\n",
        "picture = input shape=12x20x3\nm = meanpool picture\nfc = linear m width=2\noutput logits "
        "= fc\n",
        "image = input shape=12x20x1\nm = meanpool image\nfc = linear m width=2\noutput logits = "
        "fc\n",
        "image = input shape=12\nfc = linear image width=2\noutput logits = fc\n",
        "image = inptu\n",
        "",
    };
    struct made_folder f;

    (void)state;
    made_open(&f);
    draw_set(&f, 4, 2, SIDE);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct train_cfg cfg = config();
        struct told told = { 0 };
        struct err err = { 0 };

        made_text(&f, "bad.net", texts[i]);
        cfg.arch = made_path(&f, "bad.net");
        assert_false(train(&f, ".", "out", &cfg, &told, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        assert_false(exists(&f, "out", "last"));
    }
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_learnt_by_heart),
        cmocka_unit_test(several_labels_are_learnt),
        cmocka_unit_test(same_seed_same_bits_whatever_the_threads),
        cmocka_unit_test(auto_is_decided_and_told_in_full),
        cmocka_unit_test(figures_told_are_those_of_the_file),
        cmocka_unit_test(timed_run_is_repeated_by_its_steps),
        cmocka_unit_test(a_cache_changes_no_weight),
        cmocka_unit_test(pictures_without_colour_make_a_grey_net),
        cmocka_unit_test(one_readable_picture_a_step_is_told_as_that),
        cmocka_unit_test(steps_may_end_within_an_epoch),
        cmocka_unit_test(divergence_is_an_error_and_leaves_no_file),
        cmocka_unit_test(stopping_saves_the_last_state),
        cmocka_unit_test(resume_is_bitwise_from_any_step),
        cmocka_unit_test(pictures_that_grow_resume_bitwise),
        cmocka_unit_test(networks_that_cannot_see_small_pictures_are_refused),
        cmocka_unit_test(a_training_begins_where_another_ended),
        cmocka_unit_test(a_learning_rate_is_found_and_nothing_is_left),
        cmocka_unit_test(a_damaged_checkpoint_leaves_the_one_before),
        cmocka_unit_test(the_one_before_may_have_to_give_the_best_too),
        cmocka_unit_test(a_new_training_does_not_go_on_from_an_old_one),
        cmocka_unit_test(resume_wants_the_same_settings),
        cmocka_unit_test(resume_wants_the_same_network),
        cmocka_unit_test(rollback_goes_on_at_half_the_rate),
        cmocka_unit_test(training_ends_when_nothing_better_comes),
        cmocka_unit_test(unreadable_pictures_are_told_once_and_left_out),
        cmocka_unit_test(nothing_readable_is_an_error),
        cmocka_unit_test(settings_that_cannot_be_meant_are_refused),
        cmocka_unit_test(graph_file_is_trained),
        cmocka_unit_test(graph_file_that_is_no_classifier_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
