/*
 * walk: odd trees are gone through once, and what is odd in them is named
 */
#include "tests/data/made.h"

#include "data/index.h"

#include <sys/socket.h>
#include <sys/un.h>

static void two_classes(const struct made_folder *f)
{
    static const char *const files[] = {
        "cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg", NULL
    };

    for (int i = 0; files[i]; i++)
        made_text(f, files[i], "");
}

static void is_skipped(const struct data_index *x, const char *path, const char *why)
{
    for (int i = 0; i < x->n_skipped; i++) {
        if (!strcmp(x->skipped[i].path, path)) {
            if (!strstr(x->skipped[i].why, why))
                fail_msg("%s: \"%s\" lacks \"%s\"", path, x->skipped[i].why, why);
            return;
        }
    }
    fail_msg("%s is not named", path);
}

static void what_cannot_be_a_picture_is_named_and_not_opened(void **state)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct made_folder f;
    struct data_index *x;
    int s = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    made_open(&f);
    two_classes(&f);
    assert_int_equal(symlink("..", made_path(&f, "cat/up")), 0);
    assert_int_equal(symlink("../..", made_path(&f, "cat/upper")), 0);
    assert_int_equal(symlink("self.jpg", made_path(&f, "cat/self.jpg")), 0);
    assert_int_equal(symlink("nowhere", made_path(&f, "cat/gone.jpg")), 0);
    assert_int_equal(symlink("/dev/null", made_path(&f, "cat/null.png")), 0);
    assert_int_equal(mkfifo(made_path(&f, "dog/pipe.jpg"), 0600), 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", made_path(&f, "dog/s.jpg"));
    assert_int_equal(bind(s, (struct sockaddr *)&at, sizeof at), 0);
    x = made_opened(f.path, NULL);
    assert_int_equal(x->n, 4);
    assert_int_equal(x->n_skipped, 7);
    is_skipped(x, made_path(&f, "cat/up"), "the same folder as");
    is_skipped(x, made_path(&f, "cat/self.jpg"), "circle");
    is_skipped(x, made_path(&f, "cat/gone.jpg"), "leads nowhere");
    is_skipped(x, made_path(&f, "cat/null.png"), "a device");
    is_skipped(x, made_path(&f, "dog/pipe.jpg"), "a FIFO");
    is_skipped(x, made_path(&f, "dog/s.jpg"), "a socket");
    data_index_free(x);
    close(s);
    made_close(&f);
}

/* With a path for every order of 12 folders this would take for ever. */
static void links_crosswise_are_entered_once(void **state)
{
    enum { N = 12 };
    struct made_folder f;
    struct data_index *x;
    char name[64], to[64];

    (void)state;
    made_open(&f);
    two_classes(&f);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "cat/d%d/p.jpg", i);
        made_text(&f, name, "");
    }
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            snprintf(name, sizeof name, "cat/d%d/to%d", i, j);
            snprintf(to, sizeof to, "../d%d", j);
            assert_int_equal(symlink(to, made_path(&f, name)), 0);
        }
    }
    x = made_opened(f.path, NULL);
    assert_int_equal(x->n, 4 + N);
    assert_int_equal(x->n_skipped, N * N);
    data_index_free(x);
    made_close(&f);
}

/* What lies on the way to a folder and in it as well is gone through. */
static void a_path_that_goes_down_and_up_again_loses_nothing(void **state)
{
    static const char *const paths[] = { "dog/..", "dog/../cat/..", "cat/../dog/deep/up" };
    struct made_folder f;

    (void)state;
    made_open(&f);
    two_classes(&f);
    made_text(&f, "dog/deep/p.jpg", "");
    assert_int_equal(symlink("../..", made_path(&f, "dog/deep/up")), 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct data_index *x = made_opened(made_path(&f, paths[i]), NULL);

        assert_int_equal(x->n, 5);
        assert_int_equal(x->n_skipped, 1);
        data_index_free(x);
    }
    made_close(&f);
}

static void a_folder_outside_may_be_linked_to(void **state)
{
    struct made_folder f, other;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_open(&other);
    two_classes(&f);
    made_text(&other, "far.jpg", "");
    assert_int_equal(symlink(other.path, made_path(&f, "cat/far")), 0);
    x = made_opened(f.path, NULL);
    assert_int_equal(x->n, 5);
    assert_string_equal(x->sample[2].name, "cat/far/far.jpg");
    data_index_free(x);
    made_close(&other);
    made_close(&f);
}

static void a_part_that_is_a_link_to_another_is_left_out(void **state)
{
    struct made_folder f;
    struct data_index *x;
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    made_text(&f, "train/a/1.jpg", "");
    made_text(&f, "train/a/2.jpg", "");
    made_text(&f, "train/b/1.jpg", "");
    made_text(&f, "train/b/2.jpg", "");
    assert_int_equal(symlink("train", made_path(&f, "val")), 0);
    x = made_opened(f.path, NULL);
    assert_int_equal(x->n, 4);
    is_skipped(x, made_path(&f, "val/a"), "train/a, by a link");
    data_index_free(x);
    assert_int_equal(symlink("a", made_path(&f, "train/c")), 0);
    assert_null(data_index_open(f.path, NULL, &err));
    assert_non_null(strstr(err.msg, "train/a, by a link, but another class"));
    made_close(&f);
}

static void a_subfolder_that_may_not_be_read_is_named(void **state)
{
    struct made_folder f;
    struct data_index *x = NULL;
    struct err err = { 0 };
    bool root = geteuid() == 0;

    (void)state;
    made_open(&f);
    two_classes(&f);
    made_text(&f, "cat/locked/1.jpg", "");
    assert_int_equal(chmod(f.path, 0755), 0);
    assert_int_equal(chmod(made_path(&f, "cat/locked"), 0), 0);
    assert_int_equal(root ? seteuid(65534) : 0, 0);
    x = data_index_open(f.path, NULL, &err);
    assert_int_equal(root ? seteuid(0) : 0, 0);
    assert_int_equal(chmod(made_path(&f, "cat/locked"), 0700), 0);
    assert_non_null(x);
    assert_int_equal(x->n, 4);
    is_skipped(x, made_path(&f, "cat/locked"), "ermission denied");
    data_index_free(x);
    made_close(&f);
}

static void any_bytes_may_stand_in_names(void **state)
{
    char name[260] = "cat/";
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    two_classes(&f);
    memset(name + 4, 'x', 251);
    memcpy(name + 255, ".jpg", 5);
    made_text(&f, name, "");                            /* 255 bytes */
    made_text(&f, "cat/a\nb c.jpg", "");
    made_text(&f, "cat/\xff\xfe.JPG", "");
    made_text(&f, "cat/A.jpg", "");
    made_text(&f, "cat/a.jpg", "");
    x = made_opened(f.path, NULL);
    assert_int_equal(x->n, 9);
    assert_string_equal(x->sample[2].name, "cat/A.jpg");
    assert_string_equal(x->sample[3].name, "cat/a\nb c.jpg");
    assert_string_equal(x->sample[4].name, "cat/a.jpg");
    assert_string_equal(x->sample[6].name, "cat/\xff\xfe.JPG");
    data_index_free(x);
    made_close(&f);
}

/* The bytes decide where a name has no ending; a name that ends otherwise is not looked into. */
static void pictures_without_an_ending_are_known_by_their_bytes(void **state)
{
    static const struct { const char *name, *bytes; size_t n; } files[] = {
        { "cat/0013035", "\xff\xd8\xff\xe0\0\x10JFIF", 10 },
        { "cat/0013036", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16 },
        { "cat/heic", "\0\0\0\x18" "ftypheic", 12 },
        { "cat/tiff", "II*\0\x08\0\0\0", 8 },
        { "cat/bmp", "BM\x36\0\0\0", 6 },
        { "dog/Makefile", "BMW: car\n", 9 },
        { "dog/README", "nothing to see", 14 },
        { "dog/empty", "", 0 },
        { "dog/short", "\xff", 1 },
        { "dog/a.b", "\xff\xd8\xff\xe0\0\x10JFIF", 10 },
        { "0", "\xff\xd8\xff\xe0\0\x10JFIF", 10 },
    };
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    two_classes(&f);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        made_file(&f, files[i].name, files[i].bytes, files[i].n);
    x = made_opened(f.path, NULL);
    assert_int_equal(x->n, 4 + 5);
    assert_string_equal(x->sample[0].name, "cat/0013035");
    assert_int_equal(x->n_others, 5);
    is_skipped(x, made_path(&f, "0"), "it lies in no class folder");
    data_index_free(x);
    made_close(&f);
}

static void a_class_of_other_files_says_so(void **state)
{
    struct made_folder f;
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    two_classes(&f);
    made_text(&f, "bird/1.txt", "");
    made_text(&f, "bird/2.txt", "");
    made_text(&f, "cat/3.txt", "");
    assert_null(data_index_open(f.path, NULL, &err));
    assert_non_null(strstr(err.msg, "class 'bird' has 0 pictures and 2 files that are none"));
    assert_non_null(strstr(err.msg, "bird/"));
    made_close(&f);
}

static void folders_may_nest_deep_but_not_for_ever(void **state)
{
    char name[400] = "cat";
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    two_classes(&f);
    for (int i = 0; i < 70; i++)
        memcpy(name + strlen(name), "/d", 3);
    memcpy(name + strlen(name), "/x.jpg", 7);
    made_text(&f, name, "");
    made_text(&f, "cat/d/d/y.jpg", "");
    x = made_opened(f.path, NULL);
    assert_int_equal(x->n, 5);
    assert_int_equal(x->n_skipped, 1);
    assert_non_null(strstr(x->skipped[0].why, "nest deeper than 64"));
    data_index_free(x);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_a_picture_is_named_and_not_opened),
        cmocka_unit_test(links_crosswise_are_entered_once),
        cmocka_unit_test(a_path_that_goes_down_and_up_again_loses_nothing),
        cmocka_unit_test(a_folder_outside_may_be_linked_to),
        cmocka_unit_test(a_part_that_is_a_link_to_another_is_left_out),
        cmocka_unit_test(a_subfolder_that_may_not_be_read_is_named),
        cmocka_unit_test(any_bytes_may_stand_in_names),
        cmocka_unit_test(pictures_without_an_ending_are_known_by_their_bytes),
        cmocka_unit_test(a_class_of_other_files_says_so),
        cmocka_unit_test(folders_may_nest_deep_but_not_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
