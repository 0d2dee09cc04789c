/*
 * split: what is held out stands still, keeps copies together and is fair to small classes
 */
#include "tests/data/made.h"

#include "data/split.h"

/* n files of class a, m of class b; the same name has the same bytes. */
static void made_set(const struct made_folder *f, int n, int m)
{
    for (int i = 0; i < n + m; i++) {
        char name[64], text[96];

        snprintf(name, sizeof name, "%c/%04d.jpg", i < n ? 'a' : 'b', i < n ? i : i - n);
        snprintf(text, sizeof text, "bytes of %s", name);
        made_text(f, name, text);
    }
}

static struct data_index *split(const char *path, double val, double test)
{
    struct err err = { 0 };
    struct data_index *x = data_index_open(path, NULL, &err);

    if (!x || !data_split(x, val, test, 2, &err))
        fail_msg("%s", err.msg);
    return x;
}

static int count(const struct data_index *x, int label, enum data_split side)
{
    int n = 0;

    for (int i = 0; i < x->n; i++)
        n += (label < 0 || x->sample[i].label == label) && x->sample[i].split == side;
    return n;
}

static void shares_are_about_right(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_set(&f, 400, 200);
    x = split(f.path, 0.2, 0.1);
    assert_int_equal(count(x, -1, DATA_UNSPLIT), 0);
    assert_in_range(count(x, 0, DATA_VAL), 50, 110);
    assert_in_range(count(x, 1, DATA_VAL), 20, 60);
    assert_in_range(count(x, -1, DATA_TEST), 35, 85);
    data_index_free(x);
    x = split(f.path, 0, 0);
    assert_int_equal(count(x, -1, DATA_TRAIN), 600);
    data_index_free(x);
    made_close(&f);
}

static void files_added_later_move_none(void **state)
{
    struct made_folder f;
    struct data_index *before, *after;
    int k = 0;

    (void)state;
    made_open(&f);
    made_set(&f, 200, 150);
    before = split(f.path, 0.2, 0.1);
    made_set(&f, 300, 400);
    after = split(f.path, 0.2, 0.1);
    for (int i = 0; i < before->n; i++) {
        while (strcmp(after->sample[k].name, before->sample[i].name))
            k++;
        assert_int_equal(after->sample[k].split, before->sample[i].split);
    }
    data_index_free(before);
    data_index_free(after);
    made_close(&f);
}

static void copies_stay_on_one_side(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    for (int i = 0; i < 60; i++) {
        char name[64], text[64];

        snprintf(name, sizeof name, "%c/%04d.jpg", i & 1 ? 'a' : 'b', i);
        snprintf(text, sizeof text, "%d", i / 4);
        made_text(&f, name, text);
    }
    x = split(f.path, 0.3, 0.2);
    assert_true(count(x, -1, DATA_VAL) > 0 && count(x, -1, DATA_TEST) > 0);
    for (int i = 0; i < x->n; i++) {
        for (int j = 0; j < i; j++) {
            if (x->sample[i].hash == x->sample[j].hash)
                assert_int_equal(x->sample[i].split, x->sample[j].split);
        }
    }
    data_index_free(x);
    made_close(&f);
}

static void small_classes_have_something_on_both_sides(void **state)
{
    (void)state;
    for (int n = 2; n < 14; n++) {
        struct made_folder f;
        struct data_index *x;

        made_open(&f);
        made_set(&f, n, 2 * n);
        x = split(f.path, 0.2, 0);
        for (int c = 0; c < 2; c++) {
            int all = (c + 1) * n;

            assert_in_range(count(x, c, DATA_VAL), 1, all > 5 ? 2 * all * 0.2 + 1 : all - 1);
            assert_true(count(x, c, DATA_TRAIN) >= 1);
        }
        data_index_free(x);
        x = split(f.path, 0.2, 0.2);
        for (int c = 0; c < 2 && n > 2; c++)
            assert_true(count(x, c, DATA_TRAIN) && count(x, c, DATA_VAL) && count(x, c, DATA_TEST));
        data_index_free(x);
        made_close(&f);
    }
}

static void what_is_held_out_already_stays(void **state)
{
    struct made_folder f;
    struct data_index *x;
    struct err err;

    (void)state;
    made_open(&f);
    for (int i = 0; i < 40; i++) {
        char name[64];

        snprintf(name, sizeof name, "%s/%c/%d.jpg", i < 30 ? "train" : "test", i & 1 ? 'a' : 'b',
                 i);
        made_text(&f, name, name);
    }
    x = split(f.path, 0.2, 0.5);            /* there is a test part: none is drawn */
    assert_int_equal(count(x, -1, DATA_TEST), 10);
    assert_in_range(count(x, -1, DATA_VAL), 2, 12);
    assert_int_equal(count(x, -1, DATA_TRAIN), 30 - count(x, -1, DATA_VAL));
    data_index_free(x);
    made_text(&f, "val/a/1.jpg", "x");
    x = split(f.path, 0.2, 0);
    assert_int_equal(count(x, -1, DATA_VAL), 1);
    assert_int_equal(count(x, -1, DATA_TRAIN), 30);
    assert_false(data_split(x, 0.6, 0.5, 1, &err));
    data_index_free(x);
    made_close(&f);
}

static void unreadable_files_train(void **state)
{
    struct made_folder f;
    struct data_index *x;
    struct err err;

    (void)state;
    made_open(&f);
    made_set(&f, 10, 10);
    x = data_index_open(f.path, NULL, &err);
    assert_non_null(x);
    for (int i = 0; i < 10; i++)
        assert_int_equal(remove(x->sample[i].path), 0);
    assert_true(data_split(x, 0.5, 0, 2, &err));
    assert_int_equal(count(x, 0, DATA_TRAIN), 10);
    data_index_free(x);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_about_right),
        cmocka_unit_test(files_added_later_move_none),
        cmocka_unit_test(copies_stay_on_one_side),
        cmocka_unit_test(small_classes_have_something_on_both_sides),
        cmocka_unit_test(what_is_held_out_already_stays),
        cmocka_unit_test(unreadable_files_train),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
