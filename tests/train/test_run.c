/*
 * run: run.json says what repeats a training, and hostile ones are told in a line
 */
#include "tests/data/made.h"

#include "train/run.h"

static struct train_cfg defaults(void)
{
    struct train_cfg cfg = { 0 };

    field_defaults(train_cfg_fields, &cfg);
    return cfg;
}

/* Two pictures in parts, without files. */
static struct data_index *index_of(struct made_folder *m)
{
    struct data_index *x;
    struct err err = { 0 };
    struct data_image image = { 2, 2, malloc(12) };

    assert_non_null(image.pixel);
    for (int i = 0; i < 4; i++) {
        char name[40];

        memset(image.pixel, 40 * i, 12);
        snprintf(name, sizeof name, "data/%s/%c/%d.png", i < 2 ? "train" : "val",
                 i % 2 ? 'a' : 'b', i);
        made_text(m, name, "");
        assert_true(data_image_write_png(made_path(m, name), &image, &err));
    }
    data_image_release(&image);
    x = data_index_open(made_path(m, "data"), NULL, &err);
    assert_non_null(x);
    assert_true(data_index_hash(x, 1, &err));
    return x;
}

/* A run.json in m of a training that was asked for with `cfg` and decided `after`. */
static void write_run(struct made_folder *m, const struct train_cfg *cfg,
                      const struct train_cfg *after)
{
    struct data_source_options source = { .label = "kind", .images = m->path };
    struct data_index *x = index_of(m);
    char *argv[] = { "discern", "train", "data \xff", NULL };
    struct train_run_file f = { 0 };
    struct err err = { 0 };
    struct train_run_facts facts = { .argc = 3, .argv = argv, .data = made_path(m, "data/../data"),
                                     .source = &source, .index = x, .cfg = cfg };

    train_run_note(&f, "a note from before");
    assert_true(train_run_new(&f, &facts, &err));
    train_run_note(&f, "batch 16: because");
    train_run_note(&f, "batch 16: because");
    train_run_note(&f, "broken \xff");
    if (!train_run_write(&f, m->path, after, TRAIN_RUNNING, NULL, &err))
        fail_msg("%s", err.msg);
    assert_true(train_run_write(&f, m->path, after, TRAIN_FINISHED, json_pack("{s:i}", "epoch", 3),
                                &err));
    train_run_release(&f);
    data_index_free(x);
}

static void what_is_written_is_read_back(void **state)
{
    struct train_cfg cfg = defaults(), after = cfg, back = cfg;
    struct train_run_file f;
    struct made_folder m;
    struct data_index *x;
    struct err err = { 0 };

    (void)state;
    made_open(&m);
    after.lr = 0.1;
    after.epochs = 7;
    after.steps = 70;
    after.threads = 2;
    after.no_near = true;
    write_run(&m, &cfg, &after);
    if (!train_run_read(&f, made_path(&m, TRAIN_RUN_NAME), &err))
        fail_msg("%s", err.msg);
    assert_string_equal(f.data, made_path(&m, "data"));
    assert_string_equal(f.source.label, "kind");
    assert_string_equal(f.source.images, m.path);
    x = data_index_open(f.data, NULL, &err);
    assert_true(data_index_hash(x, 1, &err));
    assert_true(f.fingerprint == data_index_fingerprint(x));
    data_index_free(x);
    assert_int_equal(f.state, TRAIN_FINISHED);
    assert_int_equal(json_array_size(json_object_get(f.json, "notes")), 3);
    assert_int_equal(json_array_size(json_object_get(f.json, "argv")), 3);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(f.json, "data"), "val")), 2);

    assert_true(train_run_settings(&f, &back, &err));
    after.steps = 0; /* it was chosen in epochs */
    after.threads = 0; /* and these were not asked for */
    assert_true(field_equal(train_cfg_fields, &back, &after));
    train_run_release(&f);
    made_close(&m);
}

static void time_becomes_the_steps_that_it_was(void **state)
{
    struct train_cfg cfg = defaults(), after, back = cfg;
    struct train_run_file f;
    struct made_folder m;
    struct err err = { 0 };

    (void)state;
    made_open(&m);
    cfg.time = 60;
    after = cfg;
    after.steps = 70;
    after.epochs = 7;
    write_run(&m, &cfg, &after);
    assert_true(train_run_read(&f, made_path(&m, TRAIN_RUN_NAME), &err));
    assert_true(train_run_settings(&f, &back, &err));
    assert_true(back.time == 0);
    assert_int_equal(back.steps, 70);
    assert_int_equal(back.epochs, 0);
    train_run_release(&f);
    made_close(&m);
}

static void a_file_by_hand_changes_what_it_names(void **state)
{
    static const char text[] =
        "{\"schema\":\"discern.run/1\",\"settings\":{\"time\":\"20m\",\"lr\":0.5}}";
    struct train_cfg cfg = defaults();
    struct train_run_file f;
    struct err err = { 0 };

    (void)state;
    cfg.epochs = 3;
    cfg.seed = 5;
    assert_true(train_run_parse(&f, text, strlen(text), &err));
    assert_null(f.data);
    assert_true(train_run_settings(&f, &cfg, &err));
    assert_true(cfg.time == 1200);
    assert_true(cfg.lr == 0.5);
    assert_int_equal(cfg.epochs, 0);
    assert_int_equal(cfg.seed, 5);
    train_run_release(&f);
}

static void what_is_wrong_is_told_in_a_line(void **state)
{
    static const struct { const char *text, *message; } bad[] = {
        { "", "line 1" },
        { "[]", "is not the run.json of a training" },
        { "{}", "its schema is missing" },
        { "{\"schema\":\"discern.train/1\"}", "its schema is discern.train/1, not discern.run/1" },
        { "{\"schema\":3}", "schema: is not a text" },
        { "{\"schema\":\"discern.run/1\"}", "has no settings" },
        { "{\"schema\":\"discern.run/1\",\"settings\":[]}", "settings: is not an object" },
        { "{\"schema\":\"discern.run/1\",\"settings\":{\"epoch\":1}}",
          "settings: unknown key \"epoch\"; did you mean \"epochs\"?" },
        { "{\"schema\":\"discern.run/1\",\"settings\":{\"lr\":\"x\"}}", "settings: lr: " },
        { "{\"schema\":\"discern.run/1\",\"settings\":{\"batch\":-1}}", "settings: batch: -1 is" },
        { "{\"schema\":\"discern.run/1\",\"settings\":{\"arch\":7}}", "settings: arch: " },
        { "{\"schema\":\"discern.run/1\",\"settings\":{\"lr\":0,\"lr\":1}}", "duplicate" },
        { "{\"schema\":\"discern.run/1\",\"settings\":{},\"state\":\"odd\"}", "state: \"odd\"" },
        { "{\"schema\":\"discern.run/1\",\"settings\":{},\"data\":3}", "data: is not an object" },
        { "{\"schema\":\"discern.run/1\",\"settings\":{},\"data\":{\"path\":3}}",
          "data: path: is not a text" },
        { "{\"schema\":\"discern.run/1\",\"settings\":{},\"data\":{\"fingerprint\":\"12\"}}",
          "data: fingerprint: \"12\"" },
        { "{\"schema\":\"discern.run/1\",\"settings\":{},\"data\":{\"options\":{\"x\":1}}}",
          "data: unknown key \"x\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct train_run_file f;
        struct err err = { 0 };

        assert_false(train_run_parse(&f, bad[i].text, strlen(bad[i].text), &err));
        assert_null(f.json);
        if (!strstr(err.msg, bad[i].message) || strchr(err.msg, '\n'))
            fail_msg("%s: %s", bad[i].text, err.msg);
    }
}

static void a_file_that_is_not_there_is_named(void **state)
{
    struct train_run_file f;
    struct err err = { 0 };

    (void)state;
    assert_false(train_run_read(&f, "/no/such/run.json", &err));
    assert_non_null(strstr(err.msg, "/no/such/run.json"));
    train_run_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(time_becomes_the_steps_that_it_was),
        cmocka_unit_test(a_file_by_hand_changes_what_it_names),
        cmocka_unit_test(what_is_wrong_is_told_in_a_line),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
