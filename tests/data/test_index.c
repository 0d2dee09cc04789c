/*
 * index: folders become labels and samples, and what is wrong with them is said
 */
#include "tests/data/made.h"

#include "data/index.h"
#include "nn/base/arena.h"
#include "nn/base/file.h"

static struct data_index *opened(const char *path, int n_labels, const char *const *labels)
{
    struct err err = { 0 };
    struct data_index *x = data_index_open(path,
                     &(struct data_source_options){ .n_labels = n_labels, .labels = labels }, &err);

    if (!x)
        fail_msg("%s", err.msg);
    return x;
}

static void refused(const char *path, int n_labels, const char *const *labels, const char *word)
{
    struct err err = { 0 };

    assert_null(data_index_open(path,
                    &(struct data_source_options){ .n_labels = n_labels, .labels = labels }, &err));
    if (err.kind != ERR_INPUT || !strstr(err.msg, word) || strchr(err.msg, '\n'))
        fail_msg("kind %d, \"%s\" lacks \"%s\"", err.kind, err.msg, word);
}

/* Empty files with these names. */
static void made_files(const struct made_folder *f, const char *const *name)
{
    for (; *name; name++)
        made_text(f, *name, "");
}

static void classes_are_folders_in_natural_order(void **state)
{
    static const char *const files[] = {
        "10/a.jpg", "10/b.jpg", "2/a.PNG", "2/b.jpeg", "1/a.gif", "1/b.bmp", "x9/a.jpg", "x9/b.jpg",
        "x10/a.jpg",
        "x10/b.jpg", NULL
    };
    static const char *const want[] = { "1", "2", "10", "x9", "x10" };
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_files(&f, files);
    x = opened(made_path(&f, ""), 0, NULL);             /* a slash at the end is no matter */
    assert_int_equal(x->task, DATA_SINGLE);
    assert_int_equal(x->n_labels, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(x->label[i], want[i]);
    assert_int_equal(x->n, 10);
    for (int i = 0; i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        assert_int_equal(s->split, DATA_UNSPLIT);
        assert_null(s->mark);
        assert_int_equal(strncmp(s->name, x->label[s->label], strlen(x->label[s->label])), 0);
        assert_string_equal(s->path, made_path(&f, s->name));
        assert_true(i == 0 || strcmp(x->sample[i - 1].name, s->name) < 0);
    }
    data_index_free(x);
    made_close(&f);
}

/* What an index says of a file that it left out, or NULL. */
static const char *skipped(const struct data_index *x, const char *path)
{
    for (int i = 0; i < x->n_skipped; i++) {
        if (!strcmp(x->skipped[i].path, path))
            return x->skipped[i].why;
    }
    return NULL;
}

static void litter_is_passed_over_and_strange_files_are_counted(void **state)
{
    static const char *const files[] = {
        "cat/1.jpg", "cat/2.jpg", "cat/deep/er/3.jpg", "dog/1.jpg", "dog/2.jpg", "cat/.hidden.jpg",
        "cat/Thumbs.db", "cat/desktop.ini", "cat/notes.txt", "cat/labels.csv", "cat/.git/x.jpg",
        "__MACOSX/cat/1.jpg", ".cache/1.jpg", "cat/__MACOSX/1.jpg", "sheet.png", "README", NULL
    };
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_files(&f, files);
    x = opened(f.path, 0, NULL);
    assert_int_equal(x->n_labels, 2);
    assert_int_equal(x->n, 5);
    assert_string_equal(x->source, "folder");
    assert_string_equal(x->sample[2].name, "cat/deep/er/3.jpg");
    assert_int_equal(x->sample[2].label, 0);
    assert_int_equal(x->n_skipped, 1);
    assert_string_equal(skipped(x, made_path(&f, "sheet.png")), "it lies in no class folder");
    assert_int_equal(x->n_others, 2);           /* notes.txt and labels.csv */
    assert_non_null(strstr(x->other, "/cat/"));
    data_index_free(x);
    made_close(&f);
}

static void parts_may_be_called_training_and_validation(void **state)
{
    static const char *const files[] = {
        "Training/cat/1.jpg", "Training/cat/2.jpg", "Training/dog/1.jpg", "Training/dog/2.jpg",
        "Validation/cat/3.jpg", NULL
    };
    static const char *const classes[] = {
        "training/1.jpg", "training/2.jpg", "walking/1.jpg", "walking/2.jpg", NULL
    };
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_files(&f, files);
    x = opened(f.path, 0, NULL);
    assert_int_equal(x->n_labels, 2);
    assert_int_equal(x->sample[0].split, DATA_TRAIN);
    assert_int_equal(x->sample[4].split, DATA_VAL);
    data_index_free(x);
    made_close(&f);
    made_open(&f);
    made_files(&f, classes);
    x = opened(f.path, 0, NULL);
    assert_string_equal(x->label[0], "training");
    assert_int_equal(x->sample[0].split, DATA_UNSPLIT);
    data_index_free(x);
    made_close(&f);
}

static void folders_are_gone_through_in_order_and_not_in_circles(void **state)
{
    static const char *const files[] = {
        "b.jpg", "a/2.png", "a/10.JPG", "a.bmp", "a/deep/x.gif", "a/__MACOSX/2.png", "z/notes.txt",
        "a/.hidden.png", NULL
    };
    static const char *const want[] = { "a/10.JPG", "a/2.png", "a/deep/x.gif", "a.bmp", "b.jpg" };
    struct data_index x = { .mem = arena_new() };
    struct made_folder f;
    struct err err;

    (void)state;
    made_open(&f);
    made_files(&f, files);
    assert_int_equal(symlink("..", made_path(&f, "a/deep/up")), 0);
    for (int round = 0; round < 40; round++) {
        const char *folder = made_path(&f, round % 2 ? "." : "./");
        size_t skip = strlen(folder) + (round % 2 != 0);

        assert_true(data_index_add_folder(&x, folder, skip, round, DATA_VAL, &err));
        assert_int_equal(x.n, 5 * (round + 1));
        for (int i = 0; i < 5; i++) {
            const struct data_sample *s = &x.sample[5 * round + i];

            assert_string_equal(s->name, want[i]);
            assert_int_equal(file_kind(s->path), FILE_REGULAR);
            assert_true(s->label == round && s->split == DATA_VAL && !s->mark);
        }
    }
    free(x.sample);
    arena_free(x.mem);
    made_close(&f);
}

static void splits_are_folders_too(void **state)
{
    static const char *const files[] = {
        "train/b/1.jpg", "train/b/2.jpg", "train/a/1.jpg", "train/a/2.jpg", "Valid/a/1.jpg",
        "validation/b/1.jpg", "TEST/b/9.jpg", "train/loose.jpg", "docs/readme.txt", NULL
    };
    struct made_folder f;
    struct data_index *x;
    int count[4] = { 0 };

    (void)state;
    made_open(&f);
    made_files(&f, files);
    x = opened(f.path, 0, NULL);
    assert_int_equal(x->n_labels, 2);
    assert_string_equal(x->label[0], "a");
    for (int i = 0; i < x->n; i++)
        count[x->sample[i].split]++;
    assert_int_equal(count[DATA_UNSPLIT], 0);
    assert_int_equal(count[DATA_TRAIN], 4);
    assert_int_equal(count[DATA_VAL], 2);
    assert_int_equal(count[DATA_TEST], 1);
    data_index_free(x);
    made_text(&f, "extra/1.jpg", "");
    refused(f.path, 0, NULL, "'extra' lies beside");
    made_close(&f);
}

static void a_class_that_train_lacks_is_named(void **state)
{
    static const char *const files[] = {
        "train/a/1.jpg", "train/a/2.jpg", "train/b/1.jpg", "train/b/2.jpg", "val/a/1.jpg",
        "val/wolf/1.jpg", NULL
    };
    struct made_folder f;

    (void)state;
    made_open(&f);
    made_files(&f, files);
    refused(f.path, 0, NULL, "class 'wolf' is in val (val/wolf/1.jpg), but training never sees it");
    made_close(&f);
}

static void class_names_must_be_utf8(void **state)
{
    static const char *const files[] = { "a/1.jpg", "a/2.jpg", "b\xff/1.jpg", "b\xff/2.jpg", NULL };
    struct made_folder f;

    (void)state;
    made_open(&f);
    made_files(&f, files);
    refused(f.path, 0, NULL, "the class name 'b\xef\xbf\xbd' is not UTF-8");
    made_close(&f);
}

static void a_class_may_be_called_train(void **state)
{
    static const char *const files[] = {
        "train/1.jpg", "train/2.jpg", "car/1.jpg", "car/2.jpg", NULL
    };
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_files(&f, files);
    x = opened(f.path, 0, NULL);
    assert_int_equal(x->n_labels, 2);
    assert_string_equal(x->label[1], "train");
    assert_int_equal(x->sample[0].split, DATA_UNSPLIT);
    data_index_free(x);
    made_close(&f);
}

static void train_and_test_without_classes_are_no_classes(void **state)
{
    static const char *const files[] = {
        "train/cat.0.jpg", "train/dog.0.jpg", "test/1.jpg", "test/2.jpg", NULL
    };
    struct made_folder f;

    (void)state;
    made_open(&f);
    made_files(&f, files);
    refused(f.path, 0, NULL, "hold no class folders");
    made_close(&f);
}

static void too_little_says_how_much_is_needed(void **state)
{
    static const char *const one[] = { "cat/1.jpg", "cat/2.jpg", NULL };
    struct made_folder f;

    (void)state;
    made_open(&f);
    refused(made_path(&f, "nowhere"), 0, NULL, "nowhere: no such folder or file");
    refused(f.path, 0, NULL, "at least 2 class folders with 2 pictures each");
    made_text(&f, "1.jpg", "");
    refused(f.path, 0, NULL, "1 pictures but no class folders");
    refused(f.path, 1, (const char *const[]){ "cat" }, "no class folders");
    refused(made_path(&f, "1.jpg"), 0, NULL, "one picture");
    made_files(&f, one);
    refused(f.path, 0, NULL, "only one class folder, 'cat'");
    made_text(&f, "dog/1.jpg", "");
    refused(f.path, 0, NULL, "class 'dog' has 1 picture; at least 2");
    made_text(&f, "labels.csv", "filename,cat\n");
    assert_int_equal(remove(made_path(&f, "dog/1.jpg")), 0);
    refused(f.path, 0, NULL, "class 'dog' has 0 pictures; at least 2");
    assert_int_equal(remove(made_path(&f, "dog")), 0);
    refused(f.path, 0, NULL, "labels.csv");
    made_text(&f, "all.zip", "PK\3\4....");
    refused(made_path(&f, "all.zip"), 0, NULL, "unpack it first");
    made_text(&f, "labels.xlsx", "PK\3\4....");
    refused(made_path(&f, "labels.xlsx"), 0, NULL, "a spreadsheet: save it as CSV in UTF-8");
    made_text(&f, "western.csv", "file,label\nlabels.csv,caf\xe9\n");
    refused(made_path(&f, "western.csv"), 0, NULL, "save the table that has it as UTF-8");
    made_close(&f);
}

static void only_test_has_nothing_to_learn_from(void **state)
{
    static const char *const files[] = { "test/a/1.jpg", "test/b/2.jpg", NULL };
    static const char *const labels[] = { "b", "a" };
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_files(&f, files);
    refused(f.path, 0, NULL, "no train part to learn from");
    x = opened(f.path, 2, labels);                      /* but a model can be tried on it */
    assert_int_equal(x->n, 2);
    assert_int_equal(x->sample[0].split, DATA_TEST);
    assert_int_equal(x->sample[0].label, 1);
    data_index_free(x);
    x = opened(made_path(&f, "test"), 2, labels);       /* as a plain folder */
    assert_int_equal(x->sample[0].split, DATA_UNSPLIT);
    data_index_free(x);
    made_close(&f);
}

static void given_labels_are_matched_by_name(void **state)
{
    static const char *const files[] = { "a/1.jpg", "c/1.jpg", NULL };
    static const char *const labels[] = { "c", "b", "a" }, *const other[] = { "a", "b" };
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_files(&f, files);
    x = opened(f.path, 3, labels);
    assert_int_equal(x->n_labels, 3);
    assert_int_equal(x->sample[0].label, 2);
    assert_int_equal(x->sample[1].label, 0);
    data_index_free(x);
    refused(f.path, 2, other, "class 'c' is not among the 2 labels of the model");
    made_close(&f);
}

static void parts_counts_and_hashes(void **state)
{
    struct made_folder f;
    struct data_index *x, *part;
    struct err err;
    int count[2];

    (void)state;
    made_open(&f);
    made_text(&f, "train/a/1.jpg", "same");
    made_text(&f, "train/a/2.jpg", "other");
    made_text(&f, "train/b/1.jpg", "same");
    made_text(&f, "train/b/2.jpg", "");
    made_text(&f, "val/b/1.jpg", "v");
    x = opened(f.path, 0, NULL);
    assert_int_equal(remove(x->sample[1].path), 0);
    assert_true(data_index_hash(x, 3, &err));
    assert_true(x->sample[0].hash != 0 && x->sample[0].hash == x->sample[2].hash);
    assert_int_equal(x->sample[1].hash, 0);             /* gone */
    assert_true(x->sample[3].hash != 0);                /* empty, but there */
    data_index_counts(x, count);
    assert_int_equal(count[0], 2);
    assert_int_equal(count[1], 3);
    part = data_index_part(x, DATA_VAL, &err);
    assert_non_null(part);
    assert_int_equal(part->n, 1);
    assert_int_equal(part->n_labels, 2);
    assert_string_equal(part->sample[0].name, "val/b/1.jpg");
    data_index_free(part);
    data_index_free(x);
    data_index_free(NULL);
    made_close(&f);
}

static void a_real_set_has_its_counts(void **state)
{
    const char *archive = made_dataset("hymenoptera.tar.gz");
    int count[4] = { 0 }, of[2];
    struct made_folder f;
    struct data_index *x;

    (void)state;
    if (!archive)
        return;
    made_open(&f);
    made_unpack(&f, archive);
    x = opened(made_path(&f, "hymenoptera"), 0, NULL);
    for (int i = 0; i < x->n; i++)
        count[x->sample[i].split]++;
    data_index_counts(x, of);
    assert_true(x->n == 393 && x->n_labels == 2 && x->n_skipped == 0 && x->n_others == 0);
    assert_true(count[DATA_TRAIN] == 242 && count[DATA_VAL] == 151);
    assert_true(of[0] == 123 + 69 && of[1] == 119 + 82);
    data_index_free(x);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_folders_in_natural_order),
        cmocka_unit_test(litter_is_passed_over_and_strange_files_are_counted),
        cmocka_unit_test(parts_may_be_called_training_and_validation),
        cmocka_unit_test(folders_are_gone_through_in_order_and_not_in_circles),
        cmocka_unit_test(splits_are_folders_too),
        cmocka_unit_test(a_class_that_train_lacks_is_named),
        cmocka_unit_test(class_names_must_be_utf8),
        cmocka_unit_test(a_class_may_be_called_train),
        cmocka_unit_test(train_and_test_without_classes_are_no_classes),
        cmocka_unit_test(too_little_says_how_much_is_needed),
        cmocka_unit_test(only_test_has_nothing_to_learn_from),
        cmocka_unit_test(given_labels_are_matched_by_name),
        cmocka_unit_test(parts_counts_and_hashes),
        cmocka_unit_test(a_real_set_has_its_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
