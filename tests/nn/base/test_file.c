/*
 * file: only regular files are read; a file is replaced whole or not at all
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each test runs in an own, empty folder. */
static int enter(void **state)
{
    char *dir = strdup("/tmp/discern-test-file-XXXXXX");

    *state = dir;
    return dir && mkdtemp(dir) && !chdir(dir) ? 0 : -1;
}

static int leave(void **state)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    free(*state);
    return chdir("/") || system(command) ? -1 : 0;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

static void expect(const char *path, const char *text)
{
    struct err err = { 0 };
    size_t size = 0;
    uint8_t *data = file_read(path, 1 << 20, &size, &err);

    if (!data)
        fail_msg("%s", err.msg);
    assert_int_equal(size, strlen(text));
    assert_string_equal((char *)data, text);
    free(data);
}

/* The folder holds these names and no temporary file. */
static void expect_names(int n)
{
    struct err err = { 0 };
    char **names;

    assert_int_equal(file_list(".", &names, &err), n);
    for (int i = 0; i < n; i++)
        assert_null(strstr(names[i], ".tmp-"));
    free(names);
}

static void reading_gives_every_byte_and_a_terminator(void **state)
{
    static uint8_t bytes[300000];
    static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, sizeof bytes };

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct err err = { 0 };
        size_t size = 1;

        assert_true(file_replace("f", bytes, sizes[i], &err));

        uint8_t *data = file_read("f", sizes[i], &size, &err);

        assert_non_null(data);
        assert_int_equal(size, sizes[i]);
        assert_memory_equal(data, bytes, size);
        assert_int_equal(data[size], 0);
        free(data);
        if (sizes[i] == 0)
            continue;
        assert_null(file_read("f", sizes[i] - 1, &size, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        assert_non_null(strstr(err.msg, "larger than"));
    }
}

static void a_head_is_the_first_bytes_and_tells_the_length(void **state)
{
    static const size_t most[] = { 0, 1, 5, 6, 7, 100 };
    struct err err = { 0 };

    (void)state;
    put("six", "sixsix");
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        uint64_t whole = 0;
        size_t size = 99;
        uint8_t *head = file_head("six", most[i], &size, &whole, &err);

        assert_non_null(head);
        assert_int_equal(size, most[i] < 6 ? most[i] : 6);
        assert_memory_equal(head, "sixsix", size);
        assert_int_equal(head[size], 0);
        assert_int_equal(whole, 6);
        free(head);
    }
    assert_null(file_head("seven", 7, &(size_t){ 0 }, &(uint64_t){ 0 }, &err));
    assert_int_equal(err.kind, ERR_INPUT);
}

static void files_without_a_size_are_read_to_their_end(void **state)
{
    struct err err = { 0 };
    size_t size = 0;
    uint8_t *data = file_read("/proc/self/status", 1 << 20, &size, &err);

    (void)state;
    if (file_kind("/proc/self/status") != FILE_REGULAR)
        skip();
    assert_non_null(data);
    assert_true(size > 100);
    assert_int_equal(size, strlen((char *)data));
    free(data);
    assert_null(file_read("/proc/self/status", 10, &size, &err));
}

static void refuse(const char *path, const char *words)
{
    struct err err = { 0 };
    size_t size;

    assert_null(file_read(path, 100, &size, &err));
    if (err.kind != ERR_INPUT || !strstr(err.msg, words) || !strstr(err.msg, path))
        fail_msg("%s: read says \"%s\"", path, err.msg);
    err = (struct err){ 0 };
    assert_null(file_map(path, &size, &err));
    if (err.kind != ERR_INPUT || !strstr(err.msg, words))
        fail_msg("%s: map says \"%s\"", path, err.msg);
}

static void only_regular_files_are_read_and_nothing_blocks(void **state)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "socket" };
    int s = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    alarm(10);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(bind(s, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(symlink("loop", "loop"), 0);

    refuse("fifo", "not a regular file");
    refuse("socket", "not a regular file");
    refuse("/dev/null", "not a regular file");
    refuse("folder", "is a folder");
    refuse("loop", "symbolic links");
    refuse("nothing", "no such file");
    refuse("", "no such file");

    assert_int_equal(file_kind("fifo"), FILE_OTHER);
    assert_int_equal(file_kind("folder"), FILE_FOLDER);
    assert_int_equal(file_kind("nothing"), FILE_NONE);
    close(s);
    alarm(0);
}

static void mapped_files_hold_their_bytes(void **state)
{
    struct err err = { 0 };
    size_t size = 0;

    (void)state;
    put("f", "bytes");

    const uint8_t *data = file_map("f", &size, &err);

    assert_non_null(data);
    assert_int_equal(size, 5);
    assert_memory_equal(data, "bytes", 5);
    file_unmap(data, size);
    file_unmap(NULL, 0);

    put("f", "");
    assert_null(file_map("f", &size, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "empty"));
}

static void the_old_file_stays_until_commit(void **state)
{
    struct err err = { 0 };
    struct file_out *f;

    (void)state;
    put("f", "old");
    f = file_create("f", &err);
    assert_non_null(f);
    assert_true(file_write(f, "ne", 2, &err));
    expect("f", "old");
    assert_true(file_write(f, "w", 1, &err));
    expect("f", "old");
    assert_true(file_commit(f, &err));
    expect("f", "new");
    expect_names(1);
}

static void what_is_abandoned_leaves_no_trace(void **state)
{
    struct err err = { 0 };
    struct file_out *f;

    (void)state;
    put("f", "old");
    f = file_create("f", &err);
    assert_non_null(f);
    assert_true(file_write(f, "new", 3, &err));
    file_abandon(f);
    file_abandon(NULL);
    expect("f", "old");
    expect_names(1);
}

static void a_write_that_fails_keeps_the_old_file(void **state)
{
    static char big[100000];
    struct rlimit old, small;
    struct err err = { 0 }, late = { 0 };

    (void)state;
    put("f", "old");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){ 50000, old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);

    bool once = file_replace("f", big, sizeof big, &err);
    struct file_out *f = file_create("f", &late);
    bool wrote = f && file_write(f, big, sizeof big, &late);
    bool committed = f && file_commit(f, &late);

    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);

    assert_non_null(f);
    assert_false(once || wrote || committed);
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.msg, "f: cannot write: file too large"));
    expect("f", "old");
    expect_names(1);
}

static void a_disk_too_small_is_found_before_anything_is_written(void **state)
{
    struct err err = { 0 };
    struct file_out *f;

    (void)state;
    put("f", "old");
    f = file_create("f", &err);
    assert_non_null(f);
    assert_true(file_reserve(f, 0, &err) && file_reserve(f, 100000, &err));
    assert_true(file_write(f, "shorter than was said", 21, &err));
    assert_true(file_commit(f, &err));
    expect("f", "shorter than was said");

    f = file_create("f", &err);
    assert_non_null(f);
    assert_false(file_reserve(f, (uint64_t)1 << 62, &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.msg, "f: cannot write: "));
    assert_non_null(strstr(err.msg, "; 4611686018427387904 bytes are needed"));
    assert_false(file_commit(f, &err));
    expect("f", "shorter than was said");
    expect_names(1);
}

static void a_reserve_that_fails_takes_nothing(void **state)
{
    struct err err = { 0 };
    struct file_out *f;
    struct stat st;
    struct statvfs disk;
    char tmp[64];

    (void)state;
    snprintf(tmp, sizeof tmp, "f.tmp-%ld", (long)getpid());
    f = file_create("f", &err);
    assert_non_null(f);
    assert_int_equal(statvfs(".", &disk), 0);
    assert_false(file_reserve(f, (disk.f_bavail + 1) * (uint64_t)disk.f_frsize << 4, &err));
    assert_int_equal(stat(tmp, &st), 0);
    assert_int_equal(st.st_blocks, 0);
    file_abandon(f);
    expect_names(0);
}

/* Others keep some of a disk, but of a small one never all. */
static void room_is_what_the_disk_has(void **state)
{
    FILE *f;
    struct stat st;
    struct statvfs disk;

    (void)state;
    put("f", "old");
    f = fopen("f", "rb");
    assert_non_null(f);
    assert_int_equal(statvfs(".", &disk), 0);
    assert_true(file_room(fileno(f), 0, 0));
    assert_false(file_room(fileno(f), (uint64_t)1 << 62, 0));
    assert_int_equal(errno, ENOSPC);
    if (disk.f_bavail > disk.f_blocks / 8)
        assert_true(file_room(fileno(f), 1, UINT64_MAX));
    if (disk.f_blocks)
        assert_false(file_room(fileno(f), disk.f_bavail * (uint64_t)disk.f_frsize, 1 << 20));
    assert_int_equal(fstat(fileno(f), &st), 0);
    assert_int_equal(st.st_size, 3);
    fclose(f);
}

static void a_commit_that_fails_removes_its_file(void **state)
{
    struct err err = { 0 };
    struct file_out *f = file_create("f", &err);

    (void)state;
    assert_non_null(f);
    assert_int_equal(mkdir("f", 0700), 0);      /* rename will refuse */
    assert_false(file_commit(f, &err));
    assert_non_null(strstr(err.msg, "f: cannot replace"));
    expect_names(1);
}

static void places_where_no_file_can_be_are_refused_at_once(void **state)
{
    static const char *const bad[] = { "folder", "fifo", "/dev/null", "new/", "", "missing/f" };
    const size_t n = sizeof bad / sizeof bad[0];

    (void)state;
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    for (size_t i = 0; i < n; i++) {
        struct err err = { 0 };

        if (file_create(bad[i], &err) || err.kind != (i < n - 1 ? ERR_INPUT : ERR_IO))
            fail_msg("\"%s\": \"%s\"", bad[i], err.msg);
    }
    assert_int_equal(file_kind("/dev/null"), FILE_OTHER);
    expect_names(2);
}

static void two_writers_and_leftovers_do_not_meet(void **state)
{
    struct err err = { 0 };
    char left[64];

    (void)state;
    snprintf(left, sizeof left, "f.tmp-%ld", (long)getpid());
    put(left, "of a killed run with our number");

    struct file_out *a = file_create("f", &err), *b = file_create("f", &err);

    assert_non_null(a);
    assert_non_null(b);
    assert_true(file_write(a, "a", 1, &err) && file_write(b, "b", 1, &err));
    assert_true(file_commit(a, &err));
    expect("f", "a");
    assert_true(file_commit(b, &err));
    expect("f", "b");
    expect(left, "of a killed run with our number");
}

/* A number that was a process's, and is none's. */
static pid_t dead(void)
{
    pid_t pid = fork();

    if (!pid)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return pid;
}

static void what_dead_processes_left_is_swept(void **state)
{
    struct err err = { 0 };
    char name[5][64];
    long gone = (long)dead(), here = (long)getppid();
    struct file_out *f;
    int locked;

    (void)state;
    snprintf(name[0], 64, "f.tmp-%ld", gone);
    snprintf(name[1], 64, "f.tmp-%ld-1", gone);
    snprintf(name[2], 64, "f.tmp-%ld-2", gone);         /* somebody has it locked */
    snprintf(name[3], 64, "f.tmp-%ld", here);           /* its process is there */
    snprintf(name[4], 64, "g.tmp-%ld", gone);           /* another file's */
    for (int i = 0; i < 5; i++)
        put(name[i], "half of it");
    put("f.tmp-x", "no number");
    put("f.tmp-20240101", "no process has it");
    put("f.tmp-2024-0102", "a date");
    put("f.tmp-2024-100", "no such try");
    f = file_create("f", &err);
    assert_non_null(f);
    locked = open(name[2], O_RDONLY);
    assert_int_equal(flock(locked, LOCK_EX | LOCK_NB), 0);
    file_sweep("f");
    file_sweep("no/such/folder/f");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(access(name[i], F_OK), i < 2 ? -1 : 0);
        unlink(name[i]);
    }
    assert_int_equal(unlink("f.tmp-x"), 0);
    assert_int_equal(unlink("f.tmp-20240101"), 0);
    assert_int_equal(unlink("f.tmp-2024-0102"), 0);
    assert_int_equal(unlink("f.tmp-2024-100"), 0);
    assert_true(file_write(f, "whole", 5, &err) && file_commit(f, &err));
    expect("f", "whole");
    close(locked);
    unlink("f");
}

static void the_mode_of_the_old_file_is_kept(void **state)
{
    struct err err = { 0 };
    struct stat st;

    (void)state;
    put("f", "private");
    assert_int_equal(chmod("f", 0600), 0);
    assert_true(file_replace("f", "new", 3, &err));
    assert_int_equal(stat("f", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_symbolic_link_stays_and_its_file_is_replaced(void **state)
{
    struct err err = { 0 };
    struct stat st;

    (void)state;
    assert_int_equal(mkdir("there", 0700), 0);
    put("there/f", "old");
    assert_int_equal(symlink("there/next", "link"), 0);
    assert_int_equal(symlink("f", "there/next"), 0);
    assert_true(file_replace("link", "new", 3, &err));
    expect("there/f", "new");
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(symlink("there/g", "to-nothing"), 0);
    assert_true(file_replace("to-nothing", "made", 4, &err));
    expect("there/g", "made");
    assert_int_equal(symlink("round", "round"), 0);
    assert_false(file_replace("round", "x", 1, &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.msg, "round"));
}

static void folders_are_made_with_their_parents(void **state)
{
    struct err err = { 0 };
    char absolute[256];

    assert_true(file_mkdir("a/b//c/", &err));
    assert_int_equal(file_kind("a/b/c"), FILE_FOLDER);
    assert_true(file_mkdir("a/b/c", &err));
    assert_true(file_mkdir(".", &err));
    assert_true(file_mkdir("/", &err));
    snprintf(absolute, sizeof absolute, "%s/x/y", (char *)*state);
    assert_true(file_mkdir(absolute, &err));
    assert_int_equal(file_kind("x/y"), FILE_FOLDER);

    put("file", "");
    assert_false(file_mkdir("file", &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_false(file_mkdir("file/below", &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_false(file_mkdir("", &err));
}

static void names_are_listed_by_bytes_without_hidden_ones(void **state)
{
    static const char *const made[] = {
        "b", "a", "\xFF", "B", "a b", ".hidden", "\xC3\xA9", "new\nline"
    };
    static const char *const want[] = { "B", "a", "a b", "b", "new\nline", "\xC3\xA9", "\xFF" };
    struct err err = { 0 };
    char **names;

    (void)state;
    assert_int_equal(file_list(".", &names, &err), 0);
    assert_non_null(names);
    free(names);
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        put(made[i], "");
    assert_int_equal(file_list(".", &names, &err), 7);
    for (int i = 0; i < 7; i++)
        assert_string_equal(names[i], want[i]);
    free(names);

    assert_int_equal(file_list("a", &names, &err), -1);
    assert_int_equal(err.kind, ERR_INPUT);
    assert_null(names);
    assert_int_equal(file_list("nothing", &names, &err), -1);
    assert_non_null(strstr(err.msg, "nothing"));
}

static void many_names_are_all_listed(void **state)
{
    struct err err = { 0 };
    char **names, name[32];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "some-longer-name-%04d", 999 - i);
        put(name, "");
    }
    assert_int_equal(file_list(".", &names, &err), 1000);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "some-longer-name-%04d", i);
        assert_string_equal(names[i], name);
    }
    free(names);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reading_gives_every_byte_and_a_terminator),
        TEST(a_head_is_the_first_bytes_and_tells_the_length),
        TEST(files_without_a_size_are_read_to_their_end),
        TEST(only_regular_files_are_read_and_nothing_blocks),
        TEST(mapped_files_hold_their_bytes),
        TEST(the_old_file_stays_until_commit),
        TEST(what_is_abandoned_leaves_no_trace),
        TEST(a_write_that_fails_keeps_the_old_file),
        TEST(a_disk_too_small_is_found_before_anything_is_written),
        TEST(a_reserve_that_fails_takes_nothing),
        TEST(room_is_what_the_disk_has),
        TEST(a_commit_that_fails_removes_its_file),
        TEST(places_where_no_file_can_be_are_refused_at_once),
        TEST(two_writers_and_leftovers_do_not_meet),
        TEST(what_dead_processes_left_is_swept),
        TEST(the_mode_of_the_old_file_is_kept),
        TEST(a_symbolic_link_stays_and_its_file_is_replaced),
        TEST(folders_are_made_with_their_parents),
        TEST(names_are_listed_by_bytes_without_hidden_ones),
        TEST(many_names_are_all_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
