/*
 * tune: a training takes the variants of its table, at any step, on any threads, and measures one
 */
#include "tests/train/training.h"

#define CALL "conv2d channels=8 size=3 pad=1 of 8x16x16x3 f32 f32"
#define TABLE "kernels sve; " CALL ": weight=whole"

/* A convolution whose gradient is summed in two parts by rule. */
static const char net[] = "image = input shape=16x16x3\nc = conv2d image channels=8 size=3 pad=1\n"
                          "r = relu c\nm = meanpool r\nfc = linear m width=classes bias=true\n"
                          "output logits = fc\n";

static void begin(struct made_folder *f, char path[512], struct train_cfg *cfg)
{
    made_open(f);
    draw_set(f, 12, 4, SIDE);
    made_text(f, "a.net", net);
    snprintf(path, 512, "%s", made_path(f, "a.net"));
    *cfg = config();
    cfg->arch = path;
    cfg->precision = NN_PRECISION_FP32;
    cfg->variants = TABLE;
}

static bool same_values(const struct made_folder *f, const char *a, const char *b)
{
    struct infer_model *m = open_model(f, a, "last"), *n = open_model(f, b, "last");
    bool same = !memcmp(m->params->value, n->params->value,
                        (size_t)m->params->total * sizeof(real));

    infer_model_free(m);
    infer_model_free(n);
    return same;
}

/* The same on one thread and three, and not what the rule gives: it was taken. */
static void a_table_is_taken_whatever_the_threads(void **state)
{
    struct made_folder f;
    char path[512];
    struct train_cfg cfg, more, rule;
    struct told told[3] = { { 0 } };

    (void)state;
    begin(&f, path, &cfg);
    more = rule = cfg;
    more.threads = 3;
    rule.variants = "";
    must_train(&f, "one", &cfg, &told[0]);
    must_train(&f, "more", &more, &told[1]);
    must_train(&f, "rule", &rule, &told[2]);
    assert_same_training(&f, "one", "more");
    assert_false(same_values(&f, "one", "rule"));
    made_close(&f);
}

static void a_table_resumes_bitwise(void **state)
{
    struct made_folder f;
    char path[512];
    struct train_cfg cfg;
    struct told whole = { 0 };

    (void)state;
    begin(&f, path, &cfg);
    must_train(&f, "whole", &cfg, &whole);
    for (int stop_at = 1; stop_at < whole.step; stop_at += 2) {
        struct train_cfg first = config(), second;
        struct told told = { .stop_at = stop_at }, on = { .resume = true };
        struct err err = { 0 };
        char out[32];

        first.arch = path;
        first.precision = NN_PRECISION_FP32;
        first.variants = TABLE;
        second = first;
        snprintf(out, sizeof out, "cut-%d", stop_at);
        assert_false(train(&f, ".", out, &first, &told, &err));
        assert_int_equal(err.kind, ERR_CANCELLED);
        must_train(&f, out, &second, &on);
        assert_same_training(&f, "whole", out);
    }
    made_close(&f);
}

static void going_on_wants_the_same_table(void **state)
{
    struct made_folder f;
    char path[512];
    struct train_cfg cfg, other;
    struct told told = { .stop_at = 2 }, on = { .resume = true };
    struct err err = { 0 };

    (void)state;
    begin(&f, path, &cfg);
    other = cfg;
    other.variants = "";
    assert_false(train(&f, ".", "out", &cfg, &told, &err));
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_false(train(&f, ".", "out", &other, &on, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.msg, "variants"));
    made_close(&f);
}

static void what_is_no_table_is_refused(void **state)
{
    struct train_cfg cfg = config();
    struct err err = { 0 };

    (void)state;
    assert_true(train_check(&cfg, &err));
    cfg.variants = "kernels sve; conv2d";
    assert_false(train_check(&cfg, &err));
    assert_non_null(strstr(err.msg, "table of variants"));
}

/* What was measured becomes a setting, and gives the same training when it is only told. */
static void what_is_measured_repeats_the_training(void **state)
{
    struct made_folder f;
    char path[512], out[512];
    struct train_cfg cfg, again;
    struct told told = { 0 }, second = { 0 };
    struct train_tuning tuning = { .variants = { 0 } };
    struct train_run run = { .out = out, .event = listen, .event_ctx = &told,
                             .tuning = &tuning };
    struct data_index *x;
    struct err err = { 0 };

    (void)state;
    begin(&f, path, &cfg);
    again = cfg;
    snprintf(out, sizeof out, "%s/measured", f.path);
    assert_true(file_mkdir(out, &err));
    x = data_index_open(f.path, NULL, &err);
    assert_non_null(x);
    assert_true(data_index_hash(x, 2, &err));
    if (!train_with(&train_method_supervised, x, &cfg, &run, &err))
        fail_msg("%s", err.msg);
    assert_string_equal(cfg.variants, str_text(&tuning.variants));
    assert_int_equal(strncmp(cfg.variants, "kernels ", 8), 0);
    again.variants = cfg.variants;
    must_train(&f, "told", &again, &second);
    assert_same_training(&f, "measured", "told");
    data_index_free(x);
    str_release(&tuning.variants);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_taken_whatever_the_threads),
        cmocka_unit_test(a_table_resumes_bitwise),
        cmocka_unit_test(going_on_wants_the_same_table),
        cmocka_unit_test(what_is_no_table_is_refused),
        cmocka_unit_test(what_is_measured_repeats_the_training),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
