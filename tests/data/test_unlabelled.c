/*
 * unlabelled: pictures without labels go behind those of a set, without its copies
 */
#include "tests/data/made.h"

#include "data/unlabelled.h"

static void picture(const struct made_folder *f, const char *name, int shade)
{
    struct data_image m = { 4, 4, malloc(4 * 4 * 3) };
    char folder[512];
    struct err err = { 0 };

    assert_non_null(m.pixel);
    memset(m.pixel, shade, 4 * 4 * 3);
    snprintf(folder, sizeof folder, "%s", made_path(f, name));
    *strrchr(folder, '/') = 0;
    assert_true(file_mkdir(folder, &err));
    assert_true(data_image_write_png(made_path(f, name), &m, &err));
    data_image_release(&m);
}

/* Several labels a picture, of which none is known; names say where pictures lie in the folder. */
static void nothing_is_known_of_them(void **state)
{
    struct made_folder f;
    struct data_index *x;
    struct err err = { 0 };
    int added, copies, n;

    (void)state;
    made_open(&f);
    picture(&f, "data/1.png", 10);
    picture(&f, "data/2.png", 20);
    picture(&f, "data/3.png", 50);
    made_text(&f, "data/labels.csv", "filename,cat,dog\n1.png,1,1\n2.png,1,1\n3.png,0,0\n");
    picture(&f, "more/b/2.png", 20);
    picture(&f, "more/b/3.png", 30);
    picture(&f, "more/a.png", 40);
    x = data_index_open(made_path(&f, "data/labels.csv"), NULL, &err);
    if (!x || !data_index_hash(x, 1, &err))
        fail_msg("%s", err.msg);
    n = x->n;
    if (!data_unlabelled_add(x, made_path(&f, "more/"), 2, &added, &copies, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(added, 2);
    assert_int_equal(copies, 1);
    assert_int_equal(x->n, n + 2);
    assert_string_equal(x->sample[n].name, "unlabelled:a.png");
    assert_string_equal(x->sample[n + 1].name, "unlabelled:b/3.png");
    for (int i = n; i < x->n; i++) {
        assert_int_equal(x->sample[i].split, DATA_TRAIN);
        assert_int_equal(x->sample[i].label, -1);
        assert_int_equal(x->sample[i].mark[0], -1);
        assert_int_equal(x->sample[i].mark[1], -1);
        assert_true(x->sample[i].hash != 0);
    }
    data_index_free(x);
    made_close(&f);
}

static void a_folder_without_pictures_is_an_error(void **state)
{
    struct made_folder f;
    struct data_index *x;
    struct err err = { 0 };
    int added, copies;

    (void)state;
    made_open(&f);
    picture(&f, "data/a/1.png", 10);
    picture(&f, "data/a/2.png", 15);
    picture(&f, "data/b/1.png", 20);
    picture(&f, "data/b/2.png", 25);
    made_text(&f, "empty/notes.txt", "nothing");
    x = data_index_open(made_path(&f, "data"), NULL, &err);
    assert_non_null(x);
    assert_false(data_unlabelled_add(x, made_path(&f, "empty"), 1, &added, &copies, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "empty: no pictures"));
    assert_false(data_unlabelled_add(x, made_path(&f, "none"), 1, &added, &copies, &err));
    assert_non_null(strstr(err.msg, "none"));
    data_index_free(x);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_of_them),
        cmocka_unit_test(a_folder_without_pictures_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
