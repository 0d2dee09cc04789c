/*
 * table: one-hot tables become labels and marks; an error names file and line
 */
#include "tests/data/made.h"

#include "data/index.h"

static struct data_index *opened(const struct made_folder *f, const char *text, int n,
                                 const char *const *labels)
{
    struct err err = { 0 };
    struct data_index *x;

    made_text(f, "t.csv", text);
    x = data_index_open(made_path(f, "t.csv"),
                        &(struct data_source_options){ .n_labels = n, .labels = labels }, &err);
    if (!x)
        fail_msg("%s", err.msg);
    return x;
}

static void refused(const struct made_folder *f, const char *text, int n, const char *const *labels,
                    const char *word)
{
    struct err err = { 0 };

    made_text(f, "t.csv", text);
    assert_null(data_index_open(made_path(f, "t.csv"),
                           &(struct data_source_options){ .n_labels = n, .labels = labels }, &err));
    if (err.kind != ERR_INPUT || !strstr(err.msg, word) || !strstr(err.msg, "/t.csv"))
        fail_msg("kind %d, \"%s\" lacks \"%s\"", err.kind, err.msg, word);
}

static void one_hot_tables_are_multi_label(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_text(&f, "1.jpg", "");
    made_text(&f, "images/2.jpg", "");
    x = opened(&f, "filename, cat,dog,split\n1.jpg,1,0,train\n2.jpg,,-1,Validation\n3.jpg,0,1.0,\n",
               0, NULL);
    assert_int_equal(x->task, DATA_MULTI);
    assert_int_equal(x->n_labels, 2);
    assert_string_equal(x->label[0], "cat");
    assert_int_equal(x->n, 3);
    assert_string_equal(x->sample[0].path, made_path(&f, "1.jpg"));
    assert_string_equal(x->sample[1].path, made_path(&f, "images/2.jpg"));
    assert_string_equal(x->sample[2].path, made_path(&f, "3.jpg")); /* missed when it is read */
    assert_string_equal(x->sample[1].name, "2.jpg");
    assert_int_equal(x->sample[0].label, -1);
    assert_memory_equal(x->sample[0].mark, "\1\0", 2);
    assert_memory_equal(x->sample[1].mark, "\xff\xff", 2);
    assert_memory_equal(x->sample[2].mark, "\0\1", 2);
    assert_int_equal(x->sample[0].split, DATA_TRAIN);
    assert_int_equal(x->sample[1].split, DATA_VAL);
    assert_int_equal(x->sample[2].split, DATA_UNSPLIT);
    data_index_free(x);
    made_close(&f);
}

static void columns_are_matched_to_given_labels(void **state)
{
    static const char *const labels[] = { "wolf", "dog", "cat" };
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_text(&f, "1.jpg", "");
    x = opened(&f, "image;cat;dog\n1.jpg;1;0\n", 3, labels);
    assert_int_equal(x->n_labels, 3);
    assert_memory_equal(x->sample[0].mark, "\xff\0\1", 3);
    data_index_free(x);
    refused(&f, "image,cat,cow\n1.jpg,1,0\n", 3, labels,
            "line 1: class 'cow' is not among the 3 labels");
    made_close(&f);
}

static void errors_name_file_and_line(void **state)
{
    struct made_folder f;

    (void)state;
    made_open(&f);
    made_text(&f, "1.jpg", "");
    refused(&f, "", 0, NULL, "empty file");
    refused(&f, "cat,dog\n", 0, NULL, "line 1: the first column must be called filename");
    refused(&f, "file\n1.jpg\n", 0, NULL, "line 1: no column for a label");
    refused(&f, "file,a,a\n", 0, NULL, "line 1: two columns are called 'a'");
    refused(&f, "file,a,,b\n", 0, NULL, "line 1: column 3 has no name");
    refused(&f, "file,a,b\n1.jpg,1\n", 0, NULL, "line 2: 2 cells where the first line has 3");
    refused(&f, "fname,labels\n1.jpg,\n2.jpg,cat dog\n", 0, NULL,
            "line 3: column 2 holds 'cat dog'");
    refused(&f, "file,a,split\n1.jpg,1,holdout\n", 0, NULL, "line 2: split 'holdout'");
    refused(&f, "file,a\n,1\n", 0, NULL, "line 2: no file name");
    refused(&f, "file,a\n1.jpg,1\n", 0, NULL, "only one picture: at least 2");
    refused(&f, "file,a\n8.jpg,1\n9.jpg,1\n", 0, NULL, "none of the 2 files is there: 8.jpg");
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_hot_tables_are_multi_label),
        cmocka_unit_test(columns_are_matched_to_given_labels),
        cmocka_unit_test(errors_name_file_and_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
