/*
 * err: messages gain their place on the way up, and stay one terminated line
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/err.h"

#include <errno.h>
#include <string.h>

static void place_stands_before_the_cause(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_false(err_set(&err, ERR_INPUT, "pad %d must be smaller than size %d", 3, 2));
    assert_false(err_in(&err, "node %d", 17));
    assert_false(err_in(&err, "%s", "cats.safetensors"));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(err.msg, "cats.safetensors: node 17: pad 3 must be smaller than size 2");
}

static void arguments_may_lie_in_the_old_message(void **state)
{
    struct err err = { 0 };

    (void)state;
    err_set(&err, ERR_INPUT, "cause");
    err_set(&err, ERR_IO, "[%s]", err.msg);
    err_in(&err, "<%s>", err.msg);
    assert_int_equal(err.kind, ERR_IO);
    assert_string_equal(err.msg, "<[cause]>: [cause]");
}

static void a_name_with_a_newline_stays_in_the_line(void **state)
{
    struct err err = { 0 };

    (void)state;
    err_set(&err, ERR_INPUT, "%s: is no picture", "a\nb");
    err_in(&err, "c\n");
    assert_string_equal(err.msg, "c?: a?b: is no picture");
}

static void long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 5; shift++) {
        struct err err = { 0 };
        char text[2000] = "....";
        size_t len = shift;

        while (len + 3 < sizeof text) {
            memcpy(text + len, "\xE2\x82\xAC", 3);      /* the euro sign */
            len += 3;
        }
        text[len] = 0;
        err_set(&err, ERR_INPUT, "%s", text);
        assert_in_range(strlen(err.msg), sizeof err.msg - 4, sizeof err.msg - 1);
        assert_int_equal((strlen(err.msg) - shift) % 3, 0);
        err_in(&err, "%s", "a place");
        assert_in_range(strlen(err.msg), sizeof err.msg - 4, sizeof err.msg - 1);
        assert_memory_equal(err.msg, "a place: ", 9);
        assert_int_equal((strlen(err.msg) - 9 - shift) % 3, 0);
        err_in(&err, "%s", text);
        assert_in_range(strlen(err.msg), sizeof err.msg - 4, sizeof err.msg - 1);
    }
}

static void system_errors_tell_wrong_paths_from_a_refusing_system(void **state)
{
    static const struct { int code; enum err_kind kind; const char *words; } cases[] = {
        { ENOENT, ERR_INPUT, "a/b: cannot write: no such file or directory" },
        { ENOTDIR, ERR_INPUT, "not a directory" },
        { EISDIR, ERR_INPUT, "is a directory" },
        { ELOOP, ERR_INPUT, "symbolic links" },
        { ENAMETOOLONG, ERR_INPUT, "too long" },
        { ENOMEM, ERR_MEMORY, "memory" },
        { ENOSPC, ERR_IO, "a/b: cannot write: no space left on device" },
        { EACCES, ERR_IO, "permission denied" },
        { EIO, ERR_IO, "input/output error" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = { 0 };

        errno = cases[i].code;
        assert_false(err_errno(&err, "a/b", "write"));
        assert_int_equal(err.kind, cases[i].kind);
        if (!strstr(err.msg, cases[i].words))
            fail_msg("\"%s\" lacks \"%s\"", err.msg, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(place_stands_before_the_cause),
        cmocka_unit_test(arguments_may_lie_in_the_old_message),
        cmocka_unit_test(a_name_with_a_newline_stays_in_the_line),
        cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(system_errors_tell_wrong_paths_from_a_refusing_system),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
