/*
 * cache: what is kept is what is found, and a file that is there is whole
 */
#include "tests/data/made.h"

#include "data/cache.h"
#include "data/cache_folder.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

enum { N = 37, KEY = 0x1234 };
#define NAME "0000000000001234.pixels"

static struct data_image picture(int i)
{
    return made_image(3 + i, 40 - i, (uint64_t)i);
}

static uint64_t all_bytes(void)
{
    uint64_t bytes = 0;

    for (int i = 0; i < N; i++)
        bytes += 3ull * (uint64_t)(3 + i) * (uint64_t)(40 - i);
    return bytes;
}

static struct data_cache *open_in(const struct made_folder *f, uint64_t key, int n, uint64_t bytes,
                                  struct err *why)
{
    struct err err;
    struct data_cache *c = data_cache_open(
        &(struct data_cache_options){
            .dir = f->path, .share = 0.5, .key = key, .n = n, .bytes = bytes },
        why, &err);

    assert_non_null(c);
    return c;
}

static struct data_cache *cache_of(const struct made_folder *f)
{
    struct err why = { 0 };
    struct data_cache *c = open_in(f, KEY, N, all_bytes(), &why);

    if (why.kind)
        fail_msg("%s", why.msg);
    return c;
}

static void keep(struct data_cache *c, int i)
{
    struct data_image m = picture(i);

    data_cache_keep(c, i, &m);
    data_image_release(&m);
}

static void check(struct data_cache *c, int i)
{
    struct data_image m = picture(i), lent;

    assert_true(data_cache_find(c, i, &lent));
    assert_int_equal(lent.width, m.width);
    assert_int_equal(lent.height, m.height);
    assert_memory_equal(lent.pixel, m.pixel, (size_t)(m.width * m.height * 3));
    data_image_release(&m);
}

static int files(const struct made_folder *f)
{
    char **names;
    struct err err;
    int n = file_list(f->path, &names, &err);

    free(names);
    return n;
}

/* A complete cache in f. */
static void fill(const struct made_folder *f)
{
    struct data_cache *c = cache_of(f);

    for (int i = 0; i < N; i++)
        keep(c, i);
    data_cache_free(c);
    assert_int_equal(file_kind(made_path(f, NAME)), FILE_REGULAR);
}

static void what_is_kept_is_found_while_filling_and_ever_after(void **state)
{
    struct made_folder f;
    struct data_cache *c;
    struct data_image lent;

    (void)state;
    made_open(&f);
    c = cache_of(&f);
    for (int i = N - 1; i >= 0; i--) {
        assert_false(data_cache_find(c, i, &lent));
        assert_false(data_cache_complete(c));
        keep(c, i);
        keep(c, i);                                     /* a second time is ignored */
        check(c, i);
        assert_int_equal(data_cache_filled(c), N - i);
    }
    for (int i = 0; i < N; i++)
        check(c, i);
    data_cache_free(c);
    assert_int_equal(files(&f), 1);
    for (int round = 0; round < 2; round++) {
        c = cache_of(&f);
        assert_true(data_cache_complete(c));
        assert_int_equal(data_cache_filled(c), N);
        assert_string_equal(data_cache_path(c), made_path(&f, NAME));
        for (int i = 0; i < N; i++)
            check(c, i);
        keep(c, 0);                                     /* nothing to add */
        check(c, 0);
        data_cache_free(c);
    }
    data_cache_free(NULL);
    made_close(&f);
}

static void a_picture_that_is_broken_does_not_stand_in_the_way(void **state)
{
    struct made_folder f;
    struct data_cache *c;
    struct data_image lent;

    (void)state;
    made_open(&f);
    c = cache_of(&f);
    for (int i = 0; i < N; i++) {
        if (i == 5)
            data_cache_keep(c, i, NULL);
        else
            keep(c, i);
    }
    assert_int_equal(data_cache_filled(c), N - 1);
    data_cache_free(c);
    c = cache_of(&f);
    assert_true(data_cache_complete(c));
    assert_false(data_cache_find(c, 5, &lent));
    check(c, 6);
    data_cache_free(c);
    made_close(&f);
}

static void what_is_not_complete_leaves_no_file(void **state)
{
    struct made_folder f;
    struct data_cache *c;

    (void)state;
    made_open(&f);
    c = cache_of(&f);
    for (int i = 1; i < N; i++)
        keep(c, i);
    assert_int_equal(files(&f), 1);
    data_cache_free(c);
    assert_int_equal(files(&f), 0);
    made_close(&f);
}

static void pictures_beyond_the_expected_bytes_are_left_out(void **state)
{
    struct made_folder f;
    struct err why = { 0 };
    struct data_cache *c;
    struct data_image big = made_image(700, 700, 1), lent;
    int found = 0;

    (void)state;
    made_open(&f);
    c = open_in(&f, KEY, 8, 1 << 20, &why);             /* 1.5 MB and 1 MiB more, of 11.8 MB */
    for (int i = 0; i < 8; i++)
        data_cache_keep(c, i, &big);
    for (int i = 0; i < 8; i++)
        found += data_cache_find(c, i, &lent);
    assert_true(found >= 1 && found <= 2);
    data_cache_free(c);
    c = open_in(&f, KEY, 8, 1 << 20, &why);
    assert_true(data_cache_complete(c));
    assert_int_equal(data_cache_filled(c), found);
    assert_true(data_cache_bytes(c) < 4 << 20);
    data_cache_free(c);
    data_image_release(&big);
    made_close(&f);
}

struct filler {
    struct data_cache *c;
    int first;
};

static void *run(void *arg)
{
    struct filler *w = arg;
    struct data_image lent;

    for (int k = 0; k < N; k++) {
        int i = (w->first + k) % N;

        if (!data_cache_find(w->c, i, &lent))
            keep(w->c, i);
    }
    return NULL;
}

static void many_threads_fill_one(void **state)
{
    struct made_folder f;

    (void)state;
    made_open(&f);
    for (int round = 0; round < 20; round++) {
        struct data_cache *c = cache_of(&f);
        struct filler w[4];
        pthread_t t[4];

        for (int i = 0; i < 4; i++) {
            w[i] = (struct filler){ c, i * 3 };
            assert_int_equal(pthread_create(&t[i], NULL, run, &w[i]), 0);
        }
        for (int i = 0; i < 4; i++)
            pthread_join(t[i], NULL);
        for (int i = 0; i < N; i++)
            check(c, i);
        data_cache_free(c);
        c = cache_of(&f);
        assert_true(data_cache_complete(c));
        for (int i = 0; i < N; i++)
            check(c, i);
        data_cache_free(c);
        assert_int_equal(remove(made_path(&f, NAME)), 0);
    }
    made_close(&f);
}

static void two_writers_do_not_meet(void **state)
{
    struct made_folder f;
    struct data_cache *a, *b;

    (void)state;
    made_open(&f);
    a = cache_of(&f);
    b = cache_of(&f);
    for (int i = 0; i < N; i++) {
        keep(a, i);
        keep(b, N - 1 - i);
    }
    for (int i = 0; i < N; i++) {
        check(a, i);
        check(b, i);
    }
    data_cache_free(a);
    data_cache_free(b);
    assert_int_equal(files(&f), 1);
    a = cache_of(&f);
    assert_true(data_cache_complete(a));
    for (int i = 0; i < N; i++)
        check(a, i);
    data_cache_free(a);
    made_close(&f);
}

/* Opens what lies at NAME, which must not be taken, fills it anew and finds it whole. */
static void is_made_anew(const struct made_folder *f)
{
    struct data_cache *c = cache_of(f);

    assert_false(data_cache_complete(c));
    for (int i = 0; i < N; i++)
        keep(c, i);
    data_cache_free(c);
    c = cache_of(f);
    assert_true(data_cache_complete(c));
    data_cache_free(c);
}

static void broken_files_are_made_anew(void **state)
{
    struct made_folder f;
    struct err err;
    size_t size;
    uint8_t *whole;

    (void)state;
    made_open(&f);
    fill(&f);
    whole = file_read(made_path(&f, NAME), 1 << 24, &size, &err);
    assert_non_null(whole);
    made_file(&f, NAME, "", 0);
    is_made_anew(&f);
    made_text(&f, NAME, "something else");
    is_made_anew(&f);
    for (size_t n = 1; n < size; n = n * 5 / 3 + 1) {   /* cut off */
        made_file(&f, NAME, whole, n);
        is_made_anew(&f);
    }
    for (size_t at = 0; at < 64 + N * 24; at++) {       /* one byte of header or table */
        whole[at] ^= 4;
        assert_null(data_cache_parse(whole, size, KEY, N, &err));
        if (at % 97 == 0) {
            made_file(&f, NAME, whole, size);
            is_made_anew(&f);
        }
        whole[at] ^= 4;
    }
    made_file(&f, NAME, whole, size);
    data_cache_free(open_in(&f, KEY, N + 1, 1000, &err));       /* of another set */
    assert_int_equal(file_kind(made_path(&f, NAME)), FILE_NONE);
    assert_int_equal(symlink("/etc/passwd", made_path(&f, NAME)), 0);
    is_made_anew(&f);
    assert_int_equal(remove(made_path(&f, NAME)), 0);
    assert_int_equal(mkfifo(made_path(&f, NAME), 0600), 0);
    is_made_anew(&f);
    free(whole);
    made_close(&f);
}

static void a_wrong_pixel_is_not_shown(void **state)
{
    struct made_folder f;
    struct err err;
    size_t size;
    uint8_t *whole;
    struct data_cache *c;
    struct data_image lent;
    int missing = 0;

    (void)state;
    made_open(&f);
    fill(&f);
    whole = file_read(made_path(&f, NAME), 1 << 24, &size, &err);
    assert_non_null(whole);
    whole[size - 100] ^= 1;
    made_file(&f, NAME, whole, size);
    c = cache_of(&f);
    assert_true(data_cache_complete(c));
    for (int i = 0; i < N; i++) {
        if (data_cache_find(c, i, &lent)) {
            check(c, i);
            continue;
        }
        missing++;
        assert_false(data_cache_find(c, i, &lent));
    }
    assert_int_equal(missing, 1);
    assert_int_equal(data_cache_filled(c), N - 1);
    data_cache_free(c);
    is_made_anew(&f);
    free(whole);
    made_close(&f);
}

static void where_nothing_can_be_written_it_answers_nothing(void **state)
{
    struct made_folder f;
    struct err why = { 0 };
    struct data_cache *c;
    struct data_image lent;

    (void)state;
    made_open(&f);
    made_text(&f, "file", "no folder");
    c = open_in(&(struct made_folder){ "/dev/null" }, KEY, N, 1000, &why);
    assert_true(why.kind != ERR_NONE && strstr(why.msg, "/dev/null"));
    keep(c, 0);
    assert_false(data_cache_find(c, 0, &lent));
    assert_false(data_cache_complete(c));
    assert_string_equal(data_cache_path(c), "");
    data_cache_free(c);
    why.kind = ERR_NONE;
    c = open_in(&f, KEY, N, (uint64_t)1 << 55, &why);   /* more than any disk has */
    assert_int_equal(why.kind, ERR_IO);
    assert_non_null(strstr(why.msg, "free disk"));
    data_cache_free(c);
    assert_int_equal(files(&f), 1);
    made_text(&f, NAME "/x", "a folder stands there");
    why.kind = ERR_NONE;
    c = open_in(&f, KEY, N, 1000, &why);
    assert_true(why.kind != ERR_NONE);
    data_cache_free(c);
    made_close(&f);
}

static void what_the_dead_left_is_removed_and_the_living_stay(void **state)
{
    struct made_folder f;
    struct data_cache *c, *d;

    (void)state;
    made_open(&f);
    made_text(&f, "00000000000000ff.pixels.tmp-1", "left behind");
    made_text(&f, "notes.pixels", "somebody's");
    made_text(&f, "0123.pixels.tmp-1", "somebody's");
    c = cache_of(&f);
    assert_int_equal(files(&f), 3);
    d = cache_of(&f);
    assert_int_equal(files(&f), 4);
    data_cache_free(c);
    data_cache_free(d);
    assert_int_equal(files(&f), 2);
    made_close(&f);
}

/* A complete cache of n bytes and more, last used at `when`. */
static void make_old(const struct made_folder *f, uint64_t key, size_t bytes, time_t when)
{
    struct err why = { 0 };
    struct data_image m = { (int)(bytes / 3 / 1000), 1000, calloc(bytes, 1) };
    struct data_cache *c = open_in(f, key, 1, bytes, &why);
    char name[64];

    assert_true(m.pixel && !why.kind);
    data_cache_keep(c, 0, &m);
    data_cache_free(c);
    data_image_release(&m);
    snprintf(name, sizeof name, "%016llx.pixels", (unsigned long long)key);
    assert_int_equal(utimensat(AT_FDCWD, made_path(f, name),
                               (struct timespec[]){ { when, 0 }, { when, 0 } }, 0),
                     0);
}

static bool there(const struct made_folder *f, uint64_t key)
{
    char name[64];

    snprintf(name, sizeof name, "%016llx.pixels", (unsigned long long)key);
    return file_kind(made_path(f, name)) == FILE_REGULAR;
}

static void the_least_recently_used_make_room(void **state)
{
    enum { MB = 1000000 };
    struct made_folder f;
    struct statvfs disk;
    struct err why = { 0 };
    struct data_cache *used;
    double share;

    (void)state;
    made_open(&f);
    make_old(&f, 1, 3 * MB, 1000);
    make_old(&f, 2, 3 * MB, 3000);
    make_old(&f, 3, 3 * MB, 2000);
    make_old(&f, 4, 3 * MB, 4000);
    assert_int_equal(statvfs(f.path, &disk), 0);
    /* All four take 12 of 14.5 that are allowed. */
    share = 14.5 * MB / ((double)disk.f_bavail * (double)disk.f_frsize + 12.0 * MB);
    assert_true(data_cache_make_room(f.path, share, 2 * MB, &why));
    assert_true(there(&f, 1) && there(&f, 2) && there(&f, 3) && there(&f, 4));
    used = open_in(&f, 1, 1, 3 * MB, &why);             /* that counts as use, and holds it */
    assert_true(data_cache_complete(used));
    assert_true(data_cache_make_room(f.path, share, 5 * MB, &why));
    assert_true(there(&f, 1) && there(&f, 2) && !there(&f, 3) && there(&f, 4));
    assert_false(data_cache_make_room(f.path, share, 12 * MB, &why));
    assert_int_equal(why.kind, ERR_IO);
    assert_true(there(&f, 1) && there(&f, 2) && there(&f, 4));  /* not in vain */
    assert_true(data_cache_make_room(f.path, share, 11 * MB, &why));
    assert_true(there(&f, 1) && !there(&f, 2) && !there(&f, 4));
    data_cache_free(used);
    assert_true(data_cache_make_room(f.path, share, 12 * MB, &why));
    assert_false(there(&f, 1));
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_found_while_filling_and_ever_after),
        cmocka_unit_test(a_picture_that_is_broken_does_not_stand_in_the_way),
        cmocka_unit_test(what_is_not_complete_leaves_no_file),
        cmocka_unit_test(pictures_beyond_the_expected_bytes_are_left_out),
        cmocka_unit_test(many_threads_fill_one),
        cmocka_unit_test(two_writers_do_not_meet),
        cmocka_unit_test(broken_files_are_made_anew),
        cmocka_unit_test(a_wrong_pixel_is_not_shown),
        cmocka_unit_test(where_nothing_can_be_written_it_answers_nothing),
        cmocka_unit_test(what_the_dead_left_is_removed_and_the_living_stay),
        cmocka_unit_test(the_least_recently_used_make_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
