/*
 * folder: one training has it, nothing of others is touched, and nothing empty is left
 */
#include "tests/data/made.h"

#include "train/folder.h"

#include <sys/wait.h>

static void opens(struct train_folder *f, const char *out, bool force)
{
    struct err err = { 0 };

    if (!train_folder_open(f, out, force, &err))
        fail_msg("%s", err.msg);
}

static bool there(const struct made_folder *m, const char *name)
{
    return file_kind(made_path(m, name)) != FILE_NONE;
}

static void a_folder_with_nothing_in_it_is_left_as_it_was(void **state)
{
    struct train_folder f = { 0 };
    struct made_folder m;
    struct err err;
    char back[512];

    (void)state;
    train_folder_close(&f);
    made_open(&m);
    opens(&f, made_path(&m, "a/b"), false);
    assert_true(f.made);
    assert_true(there(&m, "a/b/.lock"));
    train_folder_close(&f);
    assert_false(there(&m, "a/b"));

    assert_true(file_mkdir(made_path(&m, "c"), &err));
    opens(&f, made_path(&m, "c"), false);
    train_folder_close(&f);
    assert_true(there(&m, "c"));
    assert_false(there(&m, "c/.lock"));

    assert_non_null(getcwd(back, sizeof back));
    assert_int_equal(chdir(m.path), 0);
    opens(&f, NULL, false);
    assert_string_equal(str_text(&f.path), "runs/train-1");
    train_folder_close(&f);
    assert_false(there(&m, "runs"));
    made_text(&m, "runs/train-1/best.safetensors", "x");
    opens(&f, NULL, false);
    assert_string_equal(str_text(&f.path), "runs/train-2");
    train_folder_close(&f);
    assert_false(there(&m, "runs/train-2"));
    assert_true(there(&m, "runs/train-1/best.safetensors"));
    assert_int_equal(chdir(back), 0);
    made_close(&m);
}

static void what_is_in_it_needs_force_and_stays(void **state)
{
    struct train_folder f;
    struct made_folder m;
    struct err err;

    (void)state;
    made_open(&m);
    made_text(&m, "a/notes", "mine");
    assert_false(train_folder_open(&f, made_path(&m, "a"), false, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "--force"));
    opens(&f, made_path(&m, "a"), true);
    train_folder_close(&f);
    assert_true(there(&m, "a/notes"));
    assert_false(train_folder_enter(&f, made_path(&m, "b"), &err));
    assert_non_null(strstr(err.msg, "/b: is no folder"));
    assert_false(train_folder_enter(&f, made_path(&m, "a/notes"), &err));
    assert_false(train_folder_open(&f, made_path(&m, "a/notes"), true, &err));
    made_close(&m);
}

static void half_written_files_of_killed_processes_go(void **state)
{
    static const char *const rest[] = { "last.safetensors.tmp-12", "run.json.tmp-1-99",
                                        "log.jsonl.tmp-3", "metrics.csv.tmp-4",
                                        "events.out.tfevents.1.host.5.tmp-5" };
    static const char *const mine[] = { "notes.tmp-12", "best.safetensors", "tmp-1.safetensors",
                                        "run.json.tmp-", "run.json.tmp-x", "a.csv.tmp-1.csv" };
    struct train_folder f;
    struct made_folder m;

    (void)state;
    made_open(&m);
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        made_text(&m, rest[i], "x");
    /* They do not count as something that is in it. */
    opens(&f, m.path, false);
    train_folder_close(&f);
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        assert_false(there(&m, rest[i]));

    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        made_text(&m, mine[i], "x");
    opens(&f, m.path, true);
    train_folder_close(&f);
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        assert_true(there(&m, mine[i]));
    made_close(&m);
}

static void another_training_is_refused_with_its_owner(void **state)
{
    struct train_folder f, g;
    struct made_folder m;
    struct err err = { 0 };
    char pid[40];

    (void)state;
    made_open(&m);
    opens(&f, m.path, false);
    made_text(&m, "last.safetensors.tmp-1", "x");
    /* Locks belong to open files: another one of the same process is as good as another process. */
    assert_false(train_folder_open(&g, m.path, true, &err));
    assert_int_equal(err.kind, ERR_IO);
    snprintf(pid, sizeof pid, "process %ld on ", (long)getpid());
    assert_non_null(strstr(err.msg, pid));
    assert_false(train_folder_enter(&g, m.path, &err));
    assert_true(there(&m, "last.safetensors.tmp-1"));
    train_folder_close(&f);
    assert_true(train_folder_enter(&g, m.path, &err));
    assert_false(there(&m, "last.safetensors.tmp-1"));
    train_folder_close(&g);
    made_close(&m);
}

static void the_lock_of_a_dead_process_is_none(void **state)
{
    struct train_folder f;
    struct made_folder m;
    pid_t child;
    int status;

    (void)state;
    made_open(&m);
    child = fork();
    if (!child) {
        struct err err;

        _exit(train_folder_open(&f, m.path, false, &err) ? 7 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_true(there(&m, ".lock"));
    opens(&f, m.path, false);
    train_folder_close(&f);
    made_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_with_nothing_in_it_is_left_as_it_was),
        cmocka_unit_test(what_is_in_it_needs_force_and_stays),
        cmocka_unit_test(half_written_files_of_killed_processes_go),
        cmocka_unit_test(another_training_is_refused_with_its_owner),
        cmocka_unit_test(the_lock_of_a_dead_process_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
