/*
 * cache: kills, full disks, read-only folders and two writers leave no broken cache
 *
 * What could end the program (SIGKILL, and SIGBUS if we were wrong) happens in a child.
 */
#include "tests/data/made.h"

#include "data/cache.h"
#include "nn/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

enum { N = 24, SIDE = 40, KILLS = 50, SKIP = 77 };
#define BYTES ((uint64_t)N * SIDE * SIDE * 3)

static struct data_cache *open_in(const char *dir, uint64_t bytes, struct err *why)
{
    struct err err;

    return data_cache_open(
        &(struct data_cache_options){
            .dir = dir, .share = 0.9, .key = 7, .n = N, .bytes = bytes },
        why, &err);
}

/* Picture i of side s: every byte is i. */
static void keep(struct data_cache *c, int i, int s)
{
    struct data_image m = { s, s, malloc((size_t)s * (size_t)s * 3) };

    memset(m.pixel, i, (size_t)s * (size_t)s * 3);
    data_cache_keep(c, i, &m);
    data_image_release(&m);
}

/* How many pictures are there; -1 when one is not what was kept. */
static int look(struct data_cache *c)
{
    int found = 0;

    for (int i = 0; i < N; i++) {
        struct data_image m;

        if (!data_cache_find(c, i, &m))
            continue;
        for (int p = 0; p < m.width * m.height * 3; p++)
            if (m.pixel[p] != i)
                return -1;
        found++;
    }
    return found;
}

/* The child's way: fills and is done. */
static int fill(const char *dir)
{
    struct err why = { 0 };
    struct data_cache *c = open_in(dir, BYTES, &why);

    if (!c || why.kind) {
        printf("%s\n", why.msg);
        fflush(stdout);
        return 1;
    }
    for (int i = 0; i < N; i++)
        keep(c, i, SIDE);
    data_cache_free(c);
    return 0;
}

static int files(const char *dir, const char *with)
{
    char **names;
    struct err err;
    int n = file_list(dir, &names, &err), count = 0;

    for (int i = 0; i < n; i++)
        count += strstr(names[i], with) != NULL;
    free(names);
    return count;
}

static pid_t start(const char *dir)
{
    pid_t pid = fork();

    if (!pid)
        _exit(fill(dir));
    assert_true(pid > 0);
    return pid;
}

static void a_kill_at_any_time_leaves_a_whole_cache_or_none(void **state)
{
    struct made_folder f;
    int status, whole = 0, none = 0;
    double took = clock_now();

    (void)state;
    made_open(&f);
    waitpid(start(f.path), &status, 0);
    assert_int_equal(status, 0);
    took = clock_now() - took;
    for (int k = 0; k < KILLS; k++) {
        struct err why = { 0 };
        struct data_cache *c;
        double wait = 1.2 * took * k / KILLS;
        pid_t pid;

        if (k % 2 == 0)
            unlink(made_path(&f, "0000000000000007.pixels"));
        pid = start(f.path);
        nanosleep(&(struct timespec){ 0, (long)(1e9 * wait) }, NULL);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        c = open_in(f.path, BYTES, &why);
        assert_true(c && !why.kind);
        assert_int_equal(look(c), data_cache_complete(c) ? N : 0);
        whole += data_cache_complete(c);
        none += !data_cache_complete(c);
        /* Opening to fill takes away what the killed one left. */
        if (!data_cache_complete(c))
            assert_int_equal(files(f.path, ".tmp-"), 1);
        data_cache_free(c);
    }
    printf("%d kills: %d times whole, %d times none\n", KILLS, whole, none);
    assert_true(none > 0);
    made_close(&f);
}

static void two_processes_fill_one_key(void **state)
{
    struct made_folder f;

    (void)state;
    made_open(&f);
    for (int k = 0; k < 10; k++) {
        struct err why = { 0 };
        struct data_cache *c;
        pid_t a = start(f.path), b = start(f.path);
        int status[2];

        waitpid(a, &status[0], 0);
        waitpid(b, &status[1], 0);
        assert_true(status[0] == 0 && status[1] == 0);
        assert_int_equal(files(f.path, ""), 1);
        c = open_in(f.path, BYTES, &why);
        assert_true(c && !why.kind && data_cache_complete(c));
        assert_int_equal(look(c), N);
        data_cache_free(c);
        unlink(made_path(&f, "0000000000000007.pixels"));
    }
    made_close(&f);
}

/* ---- a disk of our own, where the system lets us ------------------------------------------ */

#define MUST(x) \
    do { \
        if (!(x)) { \
            printf("line %d: %s\n", __LINE__, #x); \
            return 1; \
        } \
    } while (0)

static bool small_disk(const char *dir)
{
    return (!unshare(CLONE_NEWNS) || !unshare(CLONE_NEWUSER | CLONE_NEWNS)) &&
           (!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || errno == EINVAL) &&
           !mount("tmpfs", dir, "tmpfs", 0, "size=1m");
}

/* Writes until there is no room. */
static void fill_disk(const char *dir)
{
    char path[600], block[4096] = { 1 };
    int fd;

    snprintf(path, sizeof path, "%s/rest", dir);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    while (write(fd, block, sizeof block) > 0) {}
    close(fd);
}

/* The space was taken before: a disk that fills up meanwhile takes nothing from a cache. */
static int disk_fills_up_meanwhile(const char *dir)
{
    struct err why = { 0 };
    struct data_cache *c = open_in(dir, BYTES, &why);

    MUST(c && !why.kind);
    fill_disk(dir);
    for (int i = 0; i < N; i++)
        keep(c, i, SIDE);
    MUST(look(c) == N);
    data_cache_free(c);
    c = open_in(dir, BYTES, &why);
    MUST(c && data_cache_complete(c) && look(c) == N);
    data_cache_free(c);
    return 0;
}

/* Pictures that are larger than was expected find no room: they are left out. */
static int more_than_was_expected(const char *dir)
{
    struct err why = { 0 };
    struct data_cache *c = open_in(dir, BYTES, &why);

    MUST(c && !why.kind);
    fill_disk(dir);
    for (int i = 0; i < N; i++)
        keep(c, i, 2 * SIDE);
    MUST(look(c) > 0 && look(c) < N / 2);
    data_cache_free(c);
    MUST(files(dir, ".tmp-") == 0);
    return 0;
}

static int full_from_the_start(const char *dir)
{
    struct err why = { 0 };
    struct data_cache *c;

    fill_disk(dir);
    c = open_in(dir, BYTES, &why);
    MUST(c && why.kind == ERR_IO);
    keep(c, 0, SIDE);
    MUST(look(c) == 0);
    data_cache_free(c);
    MUST(files(dir, "pixels") == 0);
    return 0;
}

static int read_only(const char *dir)
{
    struct err why = { 0 };
    struct data_cache *c;

    MUST(fill(dir) == 0);
    MUST(!mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL));
    c = open_in(dir, BYTES, &why);      /* what is there can be read */
    MUST(c && !why.kind && data_cache_complete(c) && look(c) == N);
    data_cache_free(c);
    MUST(!mount(NULL, dir, NULL, MS_REMOUNT, NULL));
    {
        char path[600];

        snprintf(path, sizeof path, "%s/0000000000000007.pixels", dir);
        MUST(!truncate(path, 100));
    }
    MUST(!mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL));
    c = open_in(dir, BYTES, &why);      /* broken, and nothing can be done */
    MUST(c && why.kind == ERR_IO && look(c) == 0);
    data_cache_free(c);
    return 0;
}

static void in_a_child(int (*test)(const char *dir))
{
    struct made_folder f;
    int status;
    pid_t pid;

    made_open(&f);
    fflush(stdout);
    pid = fork();
    if (!pid) {
        int rc = small_disk(f.path) ? test(f.path) : SKIP;

        fflush(stdout);
        _exit(rc);
    }
    assert_true(pid > 0);
    waitpid(pid, &status, 0);
    made_close(&f);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIP) {
        printf("skipped: no file system can be mounted here\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_disk_that_fills_up_meanwhile_harms_nothing(void **state)
{
    (void)state;
    in_a_child(disk_fills_up_meanwhile);
}

static void larger_pictures_on_a_full_disk_are_left_out(void **state)
{
    (void)state;
    in_a_child(more_than_was_expected);
}

static void a_full_disk_is_said(void **state)
{
    (void)state;
    in_a_child(full_from_the_start);
}

static void a_read_only_disk_is_read(void **state)
{
    (void)state;
    in_a_child(read_only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_at_any_time_leaves_a_whole_cache_or_none),
        cmocka_unit_test(two_processes_fill_one_key),
        cmocka_unit_test(a_disk_that_fills_up_meanwhile_harms_nothing),
        cmocka_unit_test(larger_pictures_on_a_full_disk_are_left_out),
        cmocka_unit_test(a_full_disk_is_said),
        cmocka_unit_test(a_read_only_disk_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
