/*
 * trainer: it learns, repeats itself to the bit, tells what the file holds, and leaves nothing bad
 * behind; going on is test_resume.c's
 */
#include "tests/train/training.h"

#include "train/plan.h"

#include <time.h>

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
/* The steps that a timed training into "a" made of its cfg, made again without a clock. */
static void assert_repeats(const struct made_folder *f, const struct train_cfg *cfg,
                           const struct told *told)
{
    struct train_cfg again = config();
    struct told told_again = { 0 };

    assert_int_equal(train_plan_steps(cfg), told->step);
    again.epochs = 0;
    again.steps = cfg->steps;
    memcpy(again.shortened, cfg->shortened, sizeof again.shortened);
    must_train(f, "b", &again, &told_again);
    assert_same_model(f, "a", "b", "last");
}

static void timed_run_is_repeated_by_its_steps(void **state)
{
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { 0 };

    (void)state;
    made_open(&f);
    draw_set(&f, 20, 4, SIDE);
    cfg.epochs = 0;
    cfg.time = 2;
    must_train(&f, "a", &cfg, &told);
    assert_true(told.elapsed < 15 * cfg.time);      /* it ends; how near is the machine's matter */
    assert_repeats(&f, &cfg, &told);
    made_close(&f);
}

/* So many steps are slow: those that are timed before the training. */
static int slow_steps;

static bool learn_slowly(void *self, const struct data_batch *b, uint64_t step, struct err *err)
{
    if (slow_steps-- > 0)
        nanosleep(&(struct timespec){ .tv_nsec = 400000000 }, NULL);
    return train_method_supervised.learn(self, b, step, err);
}

static void what_was_slow_at_first_gets_more_steps(void **state)
{
    struct train_method slow = train_method_supervised;
    struct made_folder f;
    struct train_cfg cfg = config();
    struct told told = { .method = &slow };

    (void)state;
    made_open(&f);
    draw_set(&f, 20, 4, SIDE);
    slow.learn = learn_slowly;
    cfg.epochs = 0;
    cfg.time = 8;
    slow_steps = 3;
    must_train(&f, "a", &cfg, &told);
    assert_true(told.faster);
    assert_true(told.step > cfg.steps);
    assert_repeats(&f, &cfg, &told);
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
    struct train_cfg cfg = config(), first = config(), second, other;
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
    assert_false(train(&f, ".", "c", &second, &cut, &err));
    assert_int_equal(err.kind, ERR_CANCELLED);
    other = second; /* as run.json has it: decided, and of a length that is said once */
    other.steps = 0;
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
        cmocka_unit_test(what_was_slow_at_first_gets_more_steps),
        cmocka_unit_test(a_cache_changes_no_weight),
        cmocka_unit_test(pictures_without_colour_make_a_grey_net),
        cmocka_unit_test(one_readable_picture_a_step_is_told_as_that),
        cmocka_unit_test(steps_may_end_within_an_epoch),
        cmocka_unit_test(divergence_is_an_error_and_leaves_no_file),
        cmocka_unit_test(networks_that_cannot_see_small_pictures_are_refused),
        cmocka_unit_test(a_training_begins_where_another_ended),
        cmocka_unit_test(a_learning_rate_is_found_and_nothing_is_left),
        cmocka_unit_test(training_ends_when_nothing_better_comes),
        cmocka_unit_test(unreadable_pictures_are_told_once_and_left_out),
        cmocka_unit_test(nothing_readable_is_an_error),
        cmocka_unit_test(settings_that_cannot_be_meant_are_refused),
        cmocka_unit_test(graph_file_is_trained),
        cmocka_unit_test(graph_file_that_is_no_classifier_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
