/*
 * str: appending, JSON and UTF-8, numbers that read back, near names
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/rng.h"
#include "nn/base/str.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void appends_add_up(void **state)
{
    struct str s = { 0 };

    (void)state;
    assert_string_equal(str_text(&s), "");
    str_add(&s, "");
    assert_non_null(s.data);
    for (int i = 0; i < 1000; i++) {
        str_add(&s, "ab");
        str_addc(&s, 'c');
        str_addn(&s, "def", 1);
        str_printf(&s, "%d", i % 10);
    }
    assert_int_equal(s.len, 5000);
    assert_int_equal(strlen(str_text(&s)), 5000);
    assert_memory_equal(str_text(&s) + 4995, "abcd9", 6);
    assert_false(s.failed);

    size_t cap = s.cap;

    str_clear(&s);
    assert_string_equal(str_text(&s), "");
    assert_int_equal(s.cap, cap);
    str_release(&s);
    assert_null(s.data);
}

static void memory_that_runs_out_is_remembered(void **state)
{
    struct str s = { 0 };

    (void)state;
    str_add(&s, "kept");
    str_addn(&s, "", SIZE_MAX);
    assert_true(s.failed);
    str_add(&s, "dropped");
    assert_string_equal(str_text(&s), "kept");
    assert_true(s.failed);
    str_release(&s);
    assert_false(s.failed);
}

static void json_escapes_what_it_must(void **state)
{
    struct str s = { 0 };

    (void)state;
    str_json(&s, "a\"b\\c\nd\te\x01" "f\x7F/\xC3\xA9");
    assert_string_equal(str_text(&s), "\"a\\\"b\\\\c\\nd\\te\\u0001f\\u007f/\xC3\xA9\"");
    str_release(&s);
}

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
    static const struct { const char *in; int replaced; const char *rest; } cases[] = {
        { "\xFF", 1, "" },
        { "\x80z", 1, "z" },
        { "\xC3", 1, "" },                      /* cut */
        { "\xE2\x82", 2, "" },
        { "\xF0\x9F\x98", 3, "" },
        { "\xC0\x80", 2, "" },                  /* overlong */
        { "\xE0\x80\x80", 3, "" },
        { "\xF0\x80\x80\x80", 4, "" },
        { "\xED\xA0\x80", 3, "" },              /* a surrogate */
        { "\xF4\x90\x80\x80", 4, "" },          /* above U+10FFFF */
        { "\xF5", 1, "" },
        { "\xC2\x80", 0, "\xC2\x80" },
        { "\xED\x9F\xBF", 0, "\xED\x9F\xBF" },
        { "\xEF\xBF\xBF", 0, "\xEF\xBF\xBF" },
        { "\xF0\x9F\x98\x80", 0, "\xF0\x9F\x98\x80" },
        { "\xF4\x8F\xBF\xBF", 0, "\xF4\x8F\xBF\xBF" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str got = { 0 }, want = { 0 };

        str_utf8(&got, cases[i].in);
        for (int j = 0; j < cases[i].replaced; j++)
            str_add(&want, "\xEF\xBF\xBD");
        str_add(&want, cases[i].rest);
        assert_string_equal(str_text(&got), str_text(&want));
        str_release(&got);
        str_release(&want);
    }
}

static void numbers_read_back_and_are_short(void **state)
{
    static const struct { double x; const char *text; } cases[] = {
        { 0, "0" }, { 1, "1" }, { 0.1, "0.1" }, { -2.5, "-2.5" }, { 1e-8, "1e-08" },
        { 0.0003, "0.0003" }, { 1.0 / 3, "0.3333333333333333" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str s = { 0 };

        str_number(&s, cases[i].x);
        assert_string_equal(str_text(&s), cases[i].text);
        str_release(&s);
    }
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)rng_u32(1, 0, i) << 32 | rng_u32(2, 0, i);
        double x, back = 0;
        struct str s = { 0 };

        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x))
            continue;
        str_number(&s, x);
        assert_true(str_to_double(str_text(&s), &back));
        assert_true(x == back);
        str_release(&s);
    }
}

static void only_whole_finite_decimals_are_numbers(void **state)
{
    static const char *const bad[] = {
        "", " 1", "1 ", "nan", "inf", "-inf", "infinity", "0x10", "0x1p3", "1e", "1.2.3", "--1",
        "1e999", "1,5", "e", ".", "-", "1e5x",
    };
    static const char *const good[] = { "1", "-1", "+1", ".5", "5.", "1e-3", "1E3", "-0" };
    double x = 42;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (str_to_double(bad[i], &x) || x != 42)
            fail_msg("\"%s\" was read as %g", bad[i], x);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(str_to_double(good[i], &x));
}

static void numbers_do_not_depend_on_the_locale(void **state)
{
    static const char *const commas[] = {
        "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "fr_FR.utf8"
    };
    double x = 0;
    struct str s = { 0 };

    (void)state;
    for (size_t i = 0; i < 4; i++)
        if (setlocale(LC_ALL, commas[i]))
            break;
    if (localeconv()->decimal_point[0] != ',')
        skip();
    assert_true(str_to_double("0.5", &x));
    str_number(&s, 0.5);
    setlocale(LC_ALL, "C");
    assert_true(x == 0.5);
    assert_string_equal(str_text(&s), "0.5");
    str_release(&s);
}

static const char *name_at(int i, const void *names)
{
    return ((const char *const *)names)[i];
}

static void near_names_are_found_and_far_ones_are_not(void **state)
{
    static const char *const names[] = {
        "epochs", "batch_size", "relu", "sgd", NULL, "lr", "conv2d" };
    static const struct { const char *word, *want; } cases[] = {
        { "epoch", "epochs" }, { "epcohs", "epochs" }, { "batch-size", "batch_size" },
        { "bach_size", "batch_size" }, { "ReLU", "relu" }, { "sdg", "sgd" }, { "ls", "lr" },
        { "conv3d", "conv2d" }, { "epochs", "epochs" },
        { "xyzzy", NULL }, { "", NULL }, { "q", NULL }, { "ab", NULL }, { "size", NULL },
    };
    char huge[5000];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *got = str_nearest(cases[i].word, 7, name_at, names);

        if (got != cases[i].want && (!got || !cases[i].want || strcmp(got, cases[i].want)))
            fail_msg("\"%s\" is near %s", cases[i].word, got ? got : "nothing");
    }
    memset(huge, 'e', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    assert_null(str_nearest(huge, 7, name_at, names));
    huge[64] = 0;
    assert_null(str_nearest(huge, 7, name_at, names));
    assert_null(str_nearest("epoch", 0, name_at, names));
}

static void words_come_back_from_a_shell(void **state)
{
    static const struct { const char *word, *want; } cases[] = {
        { "runs/train-1", "runs/train-1" }, { "my cats", "'my cats'" }, { "", "''" },
        { "-x", "'-x'" }, { "it's $HOME", "'it'\\''s $HOME'" },
    };
    struct str s = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str_clear(&s);
        str_shell(&s, cases[i].word);
        assert_string_equal(str_text(&s), cases[i].want);
    }
    str_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_add_up),
        cmocka_unit_test(memory_that_runs_out_is_remembered),
        cmocka_unit_test(json_escapes_what_it_must),
        cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
        cmocka_unit_test(numbers_read_back_and_are_short),
        cmocka_unit_test(only_whole_finite_decimals_are_numbers),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(words_come_back_from_a_shell),
        cmocka_unit_test(near_names_are_found_and_far_ones_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
