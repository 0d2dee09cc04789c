/*
 * resume: a training that was stopped, killed or damaged goes on to the same bits, or is refused
 */
#include "tests/train/training.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopping_saves_the_last_state),
        cmocka_unit_test(resume_is_bitwise_from_any_step),
        cmocka_unit_test(pictures_that_grow_resume_bitwise),
        cmocka_unit_test(a_damaged_checkpoint_leaves_the_one_before),
        cmocka_unit_test(the_one_before_may_have_to_give_the_best_too),
        cmocka_unit_test(a_new_training_does_not_go_on_from_an_old_one),
        cmocka_unit_test(resume_wants_the_same_settings),
        cmocka_unit_test(resume_wants_the_same_network),
        cmocka_unit_test(rollback_goes_on_at_half_the_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
