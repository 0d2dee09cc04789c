/*
 * folder: what is written as class folders reads back with the same facts
 */
#include "tests/data/made.h"

#include "data/source.h"
#include "nn/base/arena.h"

/* An index of rows "NAME LABEL[@PART]"; the files lie in f, called as the names. */
static struct data_index *made_index(const struct made_folder *f, int n,
                                     const char *const (*row)[2])
{
    struct err err = { 0 };
    struct data_build *b = data_build_new("made", NULL, &err);
    struct data_index *x;

    for (int i = 0; i < n; i++) {
        char label[300], *part;
        struct data_sample s = { .name = row[i][0], .path = made_path(f, row[i][0]) };
        int at;

        snprintf(label, sizeof label, "%s", row[i][1]);
        part = strchr(label, '@');
        if (part) {
            *part++ = 0;
            s.split = data_index_split(part);
        }
        made_jpeg_file(f, row[i][0], 8 + i, 8, (uint64_t)i + 1);
        at = data_build_sample(b, &s, &err);
        assert_true(data_build_mark(b, at, data_build_label(b, label, &err), 1, &err));
    }
    x = data_build_finish(b, &err);
    data_build_free(b);
    if (!x)
        fail_msg("%s", err.msg);
    return x;
}

static struct data_index *written(const struct data_index *x, const char *path)
{
    struct err err = { 0 };
    struct data_index *y;

    if (!data_source_folder.write(x, path, &err))
        fail_msg("%s", err.msg);
    y = data_index_open(path, NULL, &err);
    if (!y)
        fail_msg("%s", err.msg);
    return y;
}

/* The same pictures (by their bytes) have the same labels and parts. */
static void same_facts(struct data_index *x, struct data_index *y)
{
    struct err err;

    assert_true(data_index_hash(x, 1, &err) && data_index_hash(y, 1, &err));
    assert_int_equal(x->n, y->n);
    assert_int_equal(x->n_labels, y->n_labels);
    for (int i = 0; i < x->n; i++) {
        int k = 0;

        while (k < y->n && x->sample[i].hash != y->sample[k].hash)
            k++;
        assert_true(k < y->n);
        assert_int_equal(x->sample[i].split, y->sample[k].split);
        assert_string_equal(x->label[x->sample[i].label], y->label[y->sample[k].label]);
    }
}

static void what_is_written_reads_back(void **state)
{
    static const char *const rows[][2] = {
        { "a/1.jpg", "a" }, { "a/2.jpg", "a" }, { "b/1.jpg", "b" }, { "x/1.jpg", "b" },
        { "b/x_1.jpg", "b" }, { "b/x/1.jpg", "b" }, { "b/.hidden.jpg", "b" }, { "plain", "a" },
    };
    static const char *const parts[][2] = {
        { "train/a/1.jpg", "a@train" }, { "train/b/1.jpg", "b@train" }, { "val/a/1.jpg", "a@val" },
        { "elsewhere/1.jpg", "b@test" }, { "a/1.jpg", "a@train" },
    };
    struct made_folder f;
    struct data_index *x, *y;

    (void)state;
    made_open(&f);
    x = made_index(&f, 8, rows);
    y = written(x, made_path(&f, "out/"));
    same_facts(x, y);
    assert_string_equal(y->sample[0].name, "a/1.jpg");
    assert_int_equal(file_kind(made_path(&f, "out/a/plain.jpg")), FILE_REGULAR);
    assert_int_equal(file_kind(made_path(&f, "out/b/_.hidden.jpg")), FILE_REGULAR);
    data_index_free(x);
    data_index_free(y);
    x = made_index(&f, 5, parts);
    y = written(x, made_path(&f, "parts"));
    same_facts(x, y);
    data_index_free(x);
    data_index_free(y);
    made_close(&f);
}

static void raw_pictures_become_png(void **state)
{
    uint8_t images[16 + 4 * 48] = { 0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, 6 };
    uint8_t labels[12] = { 0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 0, 1 };
    struct data_image a, b;
    struct made_folder f;
    struct data_index *x, *y;
    struct err err;

    (void)state;
    for (int i = 0; i < 4 * 48; i++)
        images[16 + i] = (uint8_t)(5 * i);
    made_open(&f);
    made_file(&f, "images-idx3-ubyte", images, sizeof images);
    made_file(&f, "labels-idx1-ubyte", labels, sizeof labels);
    x = data_index_open(made_path(&f, "images-idx3-ubyte"), NULL, &err);
    assert_non_null(x);
    y = written(x, made_path(&f, "out"));
    assert_string_equal(y->sample[3].name, "train/1/images-idx3-ubyte#00003.png");
    assert_true(data_sample_image(&x->sample[3], NULL, &a, &err));
    assert_true(data_sample_image(&y->sample[3], NULL, &b, &err));
    assert_true(a.width == 6 && b.width == 6 && b.height == 8);
    assert_memory_equal(a.pixel, b.pixel, 3 * 48);
    data_image_release(&a);
    data_image_release(&b);
    data_index_free(x);
    data_index_free(y);
    made_close(&f);
}

static void what_fits_no_folders_is_refused(void **state)
{
    static const char *const rows[][2] = {
        { "1.jpg", "a" }, { "2.jpg", "a" }, { "3.jpg", "b" }, { "4.jpg", "b" },
    };
    static const char *const wrong[] = { "../up", ".hidden", "a/b", "__MACOSX", "" };
    struct made_folder f;
    struct data_index *x;
    struct err err;

    (void)state;
    made_open(&f);
    x = made_index(&f, 4, rows);
    made_text(&f, "there", "");
    assert_false(data_source_folder.write(x, made_path(&f, "there"), &err));
    assert_non_null(strstr(err.msg, "is there already"));
    for (int i = 0; i < 5; i++) {
        x->label[1] = wrong[i];
        assert_false(data_source_folder.write(x, made_path(&f, "out"), &err));
        assert_non_null(strstr(err.msg, "cannot be the name of a class folder"));
    }
    x->label[1] = "b";
    x->sample[0].group = "g";
    assert_false(data_source_folder.write(x, made_path(&f, "out"), &err));
    assert_non_null(strstr(err.msg, "write a table"));
    x->sample[0].group = NULL;
    x->task = DATA_MULTI;
    assert_false(data_source_folder.write(x, made_path(&f, "out"), &err));
    assert_non_null(strstr(err.msg, "write a table"));
    x->task = DATA_SINGLE;
    assert_int_equal(remove(x->sample[2].path), 0);
    assert_false(data_source_folder.write(x, made_path(&f, "out"), &err));
    assert_int_equal(file_kind(made_path(&f, "out")), FILE_NONE);      /* and nothing beside it */
    data_index_free(x);
    {
        char **names;

        assert_int_equal(file_list(f.path, &names, &err), 4);
        free(names);
    }
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(raw_pictures_become_png),
        cmocka_unit_test(what_fits_no_folders_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
