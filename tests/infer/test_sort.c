/* sort: whatever labels and names are, files land in the folder, and come back */
#include "tests/data/made.h"

#include "infer/sort_into.h"
#include "nn/base/place.h"

static void tell(void *ctx, const struct err *why)
{
    (void)why;
    ++*(int *)ctx;
}

static struct infer_sort *opened(const struct made_folder *f, enum infer_how how, int *told)
{
    struct err err = { 0 };
    struct infer_sort *s = infer_sort_open(made_path(f, "s"), how, tell, told, &err);

    if (!s)
        fail_msg("%s", err.msg);
    return s;
}

static void finished(struct infer_sort *s, int sorted)
{
    struct infer_sort_counts n;
    struct err err = { 0 };

    if (!infer_sort_finish(s, &n, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(n.sorted, sorted);
    infer_sort_free(s);
}

static void undone(const struct made_folder *f, int back)
{
    struct infer_sort_counts n;
    struct err err = { 0 };
    int told = 0;

    if (!infer_sort_undo(made_path(f, "s"), tell, &told, &n, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(n.sorted, back);
    assert_int_equal(told, 0);
    assert_int_equal(file_kind(made_path(f, "s")), FILE_NONE);
}

static const char *folder_of(const char *label)
{
    static char text[4][300];
    static int i;
    struct str s = { 0 };

    infer_sort_folder(label, &s);
    assert_false(s.failed);
    i = (i + 1) % 4;
    snprintf(text[i], sizeof text[i], "%s", str_text(&s));
    str_release(&s);
    return text[i];
}

static void a_label_is_one_folders_name(void **state)
{
    static const char *const plain[] = { "daisy", "a b", "Grünspecht", "100%", "a.b", "_", "~" };
    static const char *const odd[] = { "", ".", "..", "../x", "a/b", "/", "/etc", ".x", "a\nb",
                                       "a\x7f", INFER_SORT_UNKNOWN };
    char large[2000];

    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        assert_string_equal(folder_of(plain[i]), plain[i]);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char name[300];

        snprintf(name, sizeof name, "%s", folder_of(odd[i]));
        assert_true(*name && *name != '.' && !strpbrk(name, "/\n\x7f"));
        assert_string_not_equal(name, odd[i]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(name, folder_of(odd[k]));
    }
    assert_string_not_equal(folder_of("a/b"), folder_of("a_b"));
    assert_string_not_equal(folder_of("a/b"), folder_of("a\nb"));
    /* Cut between letters, and two with the same beginning stay two. */
    for (size_t i = 0; i + 2 < sizeof large; i += 2)
        memcpy(large + i, "\xc3\xbc", 3);
    assert_true(strlen(folder_of(large)) < 250);
    assert_int_equal(strcspn(folder_of(large), "~"), 200);
    large[0] = 'x';
    large[1] = 'y';
    assert_string_not_equal(folder_of(large), folder_of(large + 2));
}

/* Labels that point elsewhere, names that are long or alike: all below the folder, all back. */
static void files_stay_below_and_come_back(void **state)
{
    static const char *const labels[] = { "../up", "/abs", "a/b", "..", "", "plain" };
    static const enum infer_how hows[] = { INFER_COPY, INFER_LINK, INFER_MOVE };
    struct made_folder f;
    char name[260];
    int told = 0;

    (void)state;
    made_open(&f);
    memset(name, 'n', 250);
    snprintf(name + 250, sizeof name - 250, ".png");
    for (size_t h = 0; h < sizeof hows / sizeof *hows; h++) {
        struct infer_sort *s;
        struct err err = { 0 };
        char path[2][400];

        for (int k = 0; k < 2; k++) {
            char below[300];

            snprintf(below, sizeof below, "in%d/%s", k, name);
            made_text(&f, below, k ? "one" : "two");
            snprintf(path[k], sizeof path[k], "%s", made_path(&f, below));
        }
        s = opened(&f, hows[h], &told);
        for (int k = 0; k < 2; k++)
            if (!infer_sort_put(s, path[k], 6, labels, &err))
                fail_msg("%s", err.msg);
        finished(s, 2);
        assert_int_equal(file_kind(made_path(&f, "up")), FILE_NONE);
        assert_int_equal(file_kind(made_path(&f, "s/plain")), FILE_FOLDER);
        assert_int_equal(file_kind(path[0]), hows[h] == INFER_MOVE ? FILE_NONE : FILE_REGULAR);
        undone(&f, 12);
        assert_int_equal(file_kind(path[0]), FILE_REGULAR);
        assert_int_equal(file_kind(path[1]), FILE_REGULAR);
    }
    assert_int_equal(told, 0);
    made_close(&f);
}

/* A copy that is not whole has a name; a picture of that name must not be taken for one. */
static void a_picture_named_as_half_a_copy_is_kept(void **state)
{
    struct made_folder f;
    struct infer_sort *s;
    struct err err = { 0 };
    char path[400];
    int told = 0;

    (void)state;
    made_open(&f);
    made_text(&f, "in/.discern-part", "one");
    snprintf(path, sizeof path, "%s", made_path(&f, "in/.discern-part"));
    s = opened(&f, INFER_COPY, &told);
    assert_true(infer_sort_put(s, path, 1, (const char *[]){ "label" }, &err));
    finished(s, 1);
    assert_int_equal(file_kind(made_path(&f, "s/label/.discern-part")), FILE_NONE);
    undone(&f, 1);
    assert_int_equal(told, 0);
    made_close(&f);
}

static void one_sorts_at_a_time(void **state)
{
    struct made_folder f;
    struct infer_sort *s;
    struct err err = { 0 };
    int told = 0;

    (void)state;
    made_open(&f);
    s = opened(&f, INFER_COPY, &told);
    assert_null(infer_sort_open(made_path(&f, "s"), INFER_COPY, tell, &told, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "another"));
    finished(s, 0);
    undone(&f, 0);
    made_close(&f);
}

static void nothing_is_ever_replaced(void **state)
{
    struct made_folder f;
    struct err err = { 0 };
    char to[400];

    (void)state;
    made_open(&f);
    made_text(&f, "a", "old");
    made_text(&f, "b", "new");
    snprintf(to, sizeof to, "%s", made_path(&f, "a"));
    assert_int_equal(place_rename(made_path(&f, "b"), to, &err), PLACE_TAKEN);
    assert_int_equal(place_copy(made_path(&f, "b"), made_path(&f, "part"), to, true, &err),
                     PLACE_TAKEN);
    assert_int_equal(place_link("b", to, &err), PLACE_TAKEN);
    assert_false(place_same(to, made_path(&f, "b")));
    assert_false(place_taken(made_path(&f, "part")));
    /* A link to a file is not a copy of it: taking the file away would leave nothing. */
    assert_int_equal(place_link(to, made_path(&f, "l"), &err), PLACE_DONE);
    assert_true(place_is_link(made_path(&f, "l"), to));
    assert_false(place_same(made_path(&f, "l"), to));
    assert_int_equal(place_copy(to, made_path(&f, "part"), made_path(&f, "c"), false, &err),
                     PLACE_DONE);
    assert_true(place_same(made_path(&f, "c"), to));
    assert_true(place_same(made_path(&f, "l"), made_path(&f, "c")));
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_is_one_folders_name),
        cmocka_unit_test(files_stay_below_and_come_back),
        cmocka_unit_test(a_picture_named_as_half_a_copy_is_kept),
        cmocka_unit_test(one_sorts_at_a_time),
        cmocka_unit_test(nothing_is_ever_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
