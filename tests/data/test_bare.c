/*
 * bare: pictures as they lie, without labels; which folder holds nothing else
 */
#include "tests/data/made.h"

#include "data/bare.h"

static void picture(const struct made_folder *f, const char *name)
{
    made_text(f, name, "\x89PNG\r\n");
}

static void pictures_are_named_below_the_folder(void **state)
{
    struct made_folder f;
    struct data_index *x;
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    picture(&f, "photos/b/2.png");
    picture(&f, "photos/1.jpg");
    made_text(&f, "photos/notes.txt", "nothing");
    x = data_bare_open(made_path(&f, "photos//"), &err);
    if (!x)
        fail_msg("%s", err.msg);
    assert_int_equal(x->n, 2);
    assert_int_equal(x->n_labels, 0);
    assert_string_equal(x->sample[0].name, "1.jpg");
    assert_string_equal(x->sample[1].name, "b/2.png");
    assert_int_equal(x->sample[1].label, -1);
    assert_int_equal(x->sample[1].split, DATA_UNSPLIT);
    data_index_free(x);
    made_close(&f);
}

static void nothing_to_find_is_an_error(void **state)
{
    struct made_folder f;
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    made_text(&f, "empty/notes.txt", "nothing");
    assert_null(data_bare_open(made_path(&f, "empty"), &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "empty: no pictures"));
    err = (struct err){ 0 };
    assert_null(data_bare_open(made_path(&f, "none"), &err));
    assert_int_equal(err.kind, ERR_INPUT);
    made_close(&f);
}

/* A folder beside pictures may be a label; one alone is. */
static void folders_may_be_labels(void **state)
{
    struct made_folder f;

    (void)state;
    made_open(&f);
    picture(&f, "alone/1.png");
    made_text(&f, "alone/notes.txt", "nothing");
    picture(&f, "both/1.png");
    picture(&f, "both/cat/1.png");
    picture(&f, "labels/cat/1.png");
    made_text(&f, "empty/notes.txt", "nothing");
    assert_true(data_bare_is(made_path(&f, "alone")));
    assert_false(data_bare_is(made_path(&f, "both")));
    assert_false(data_bare_is(made_path(&f, "labels")));
    assert_false(data_bare_is(made_path(&f, "empty")));
    assert_false(data_bare_is(made_path(&f, "none")));
    assert_false(data_bare_is(made_path(&f, "alone/1.png")));
    made_close(&f);
}

/* What a model said of pictures may come out otherwise elsewhere; the pictures are the same. */
static void the_fingerprint_leaves_out_what_a_model_said(void **state)
{
    const char *label[] = { "cat", "dog" };
    const int8_t said[2][2] = { { 0, 1 }, { 1, 0 } };
    struct data_sample s = { .name = "1.png", .label = 0, .split = DATA_TRAIN, .hash = 7 };
    struct data_index x = { .label = label, .n_labels = 2, .sample = &s, .n = 1 };
    uint64_t facts = data_index_fingerprint(&x), taught;

    (void)state;
    x.taught = true;
    taught = data_index_fingerprint(&x);
    s.label = 1;
    assert_true(data_index_fingerprint(&x) == taught);
    s.mark = said[0];
    assert_true(data_index_fingerprint(&x) == taught);
    s.mark = said[1];
    assert_true(data_index_fingerprint(&x) == taught);
    s.split = DATA_VAL;
    assert_true(data_index_fingerprint(&x) != taught);
    s.split = DATA_TRAIN;
    s.mark = NULL;
    x.taught = false;
    assert_true(data_index_fingerprint(&x) != facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_named_below_the_folder),
        cmocka_unit_test(nothing_to_find_is_an_error),
        cmocka_unit_test(folders_may_be_labels),
        cmocka_unit_test(the_fingerprint_leaves_out_what_a_model_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
