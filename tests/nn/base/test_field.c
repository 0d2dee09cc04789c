/*
 * field: what is written reads back, what is wrong is refused in words and changes nothing
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/field.h"
#include "nn/base/rng.h"

#include <limits.h>
#include <math.h>
#include <string.h>

struct thing {
    bool bias;
    int channels, any, mode;
    double rate, open, small;
    const char *out, *name;
    int size[2], pad[4], shape[8];
    double mean[3];
    double time;
};

static const char *const modes[] = { "zeros", "ones", "he", NULL };

static const struct field table[] = {
    FIELD_BOOL(struct thing, bias, "add a bias"),
    FIELD_INT(struct thing, channels, NULL, 8, 1, 64, "of the output"),
    FIELD_INT(struct thing, any, NULL, 0, INT_MIN, INT_MAX, "any number"),
    FIELD_ENUM(struct thing, mode, modes, 2, "first values"),
    FIELD_FLOAT(struct thing, rate, "epsilon", 0.1, 0, 1, "learning rate"),
    FIELD_FLOAT(struct thing, open, NULL, 0, -INFINITY, INFINITY, "any number"),
    FIELD_FLOAT(struct thing, small, NULL, 1e-5, 0, INFINITY, "not negative"),
    FIELD_STRING(struct thing, out, "FOLDER", "runs", "where"),
    FIELD_STRING(struct thing, name, NULL, NULL, "what"),
    FIELD_INTS(struct thing, size, "kernel_shape", 2, 1, 1, 64, "window"),
    FIELD_INTS(struct thing, pad, "pads", 4, 0, 0, 8, "zeros around"),
    FIELD_LIST(struct thing, shape, 8, 1, INT_MAX, "dimensions"),
    FIELD_FLOATS(struct thing, mean, 3, 0.5, 0, 1, "of the channels"),
    FIELD_DURATION(struct thing, time, 90, "limit"),
    FIELDS_END
};

static const struct field empty[] = { FIELDS_END };

static struct thing fresh(void)
{
    struct thing t;

    memset(&t, 0, sizeof t);
    field_defaults(table, &t);
    return t;
}

static void names_are_found_with_either_dash(void **state)
{
    static const struct field dashes[] = {
        { .name = "batch_size", .kind = FIELD_KIND_INT }, FIELDS_END
    };

    (void)state;
    assert_ptr_equal(field_find(dashes, "batch_size"), dashes);
    assert_ptr_equal(field_find(dashes, "batch-size"), dashes);
    assert_null(field_find(dashes, "batch"));
    assert_null(field_find(dashes, "batch_size_"));
    assert_null(field_find(dashes, ""));
    assert_null(field_find(NULL, "x"));
    assert_null(field_find(empty, "x"));
    assert_int_equal(field_count(NULL), 0);
    assert_int_equal(field_count(empty), 0);
    assert_int_equal(field_count(table), 14);
    assert_string_equal(field_nearest(table, "chanels"), "channels");
    assert_null(field_nearest(table, "xyzzy"));
    assert_null(field_nearest(NULL, "xyzzy"));
}

static void defaults_are_valid_and_filled_in_for_zeros(void **state)
{
    struct thing t = fresh(), zero, some;
    struct err err = { 0 };

    (void)state;
    assert_true(field_check(table, &t, &err));
    assert_int_equal(t.channels, 8);
    assert_int_equal(t.mode, 2);
    assert_string_equal(t.out, "runs");
    assert_null(t.name);
    assert_true(t.mean[0] == 0.5 && t.mean[2] == 0.5);

    memset(&zero, 0, sizeof zero);
    field_fill(table, &zero);
    assert_true(field_equal(table, &t, &zero));

    memset(&some, 0, sizeof some);
    some.channels = 3;
    some.size[1] = 5;
    some.out = "there";
    field_fill(table, &some);
    assert_int_equal(some.channels, 3);
    assert_int_equal(some.size[0], 1);
    assert_int_equal(some.size[1], 5);
    assert_string_equal(some.out, "there");
    for (const struct field *f = table; f->name; f++)
        assert_int_equal(field_is_default(f, &some), strcmp(f->name, "channels") &&
                         strcmp(f->name, "size") && strcmp(f->name, "out"));
}

/* Sets one member and checks what field_text then says. */
static void sets(const char *name, const char *text, const char *want)
{
    struct thing t = fresh();
    struct err err = { 0 };
    struct str got = { 0 };
    const struct field *f = field_find(table, name);

    if (!field_set(f, &t, text, NULL, &err))
        fail_msg("%s=%s: %s", name, text, err.msg);
    field_text(f, &t, &got);
    if (strcmp(str_text(&got), want))
        fail_msg("%s=%s became %s, not %s", name, text, str_text(&got), want);
    str_release(&got);
}

static void text_is_read(void **state)
{
    (void)state;
    sets("bias", "true", "true");
    sets("bias", "yes", "true");
    sets("bias", "1", "true");
    sets("bias", "no", "false");
    sets("bias", "0", "false");
    sets("channels", "64", "64");
    sets("channels", "+7", "7");
    sets("channels", "007", "7");
    sets("any", "-2147483648", "-2147483648");
    sets("any", "2147483647", "2147483647");
    sets("mode", "ones", "ones");
    sets("rate", "1e-3", "0.001");
    sets("rate", "1", "1");
    sets("open", "-1e300", "-1e+300");
    sets("open", "3000000", "3000000");
    sets("out", "", "");
    sets("out", "a b=c", "a b=c");
    sets("size", "3", "3");
    sets("size", "3x5", "3x5");
    sets("size", "3,5", "3x5");
    sets("size", "3x3", "3");
    sets("pad", "1", "1");
    sets("pad", "1x0", "1x0");
    sets("pad", "1x2", "1x2");
    sets("pad", "1x2x3", "1x2x3");
    sets("pad", "0x0x0x4", "0x0x0x4");
    sets("shape", "3", "3");
    sets("shape", "3x3", "3x3");
    sets("shape", "1x1x1x1x1x1x1x1", "1x1x1x1x1x1x1x1");
    sets("mean", "0.485,0.456,0.406", "0.485x0.456x0.406");
    sets("mean", "0.25", "0.25");
    sets("mean", "1e-3x0.5", "0.001x0.5");
    sets("time", "90", "90s");
    sets("time", "0", "0s");
    sets("time", "90s", "90s");
    sets("time", "20m", "20m");
    sets("time", "1.5h", "90m");
    sets("time", "2h", "2h");
    sets("time", "0.25", "0.25s");
}

/* Text that is refused; the struct stays as it was. */
static void refuses(const char *name, const char *text, const char *message)
{
    struct thing t = fresh(), before = t;
    struct err err = { 0 };

    if (field_set(field_find(table, name), &t, text, NULL, &err))
        fail_msg("%s=%s was taken", name, text);
    assert_int_equal(err.kind, ERR_INPUT);
    if (strcmp(err.msg, message))
        fail_msg("%s=%s: \"%s\", not \"%s\"", name, text, err.msg, message);
    assert_memory_equal(&t, &before, sizeof t);
}

static void wrong_text_is_refused_in_words_and_changes_nothing(void **state)
{
    (void)state;
    refuses("bias", "maybe", "bias: \"maybe\" is not true or false");
    refuses("bias", "", "bias: \"\" is not true or false");
    refuses("channels", "99", "channels: 99 is not in 1 to 64");
    refuses("channels", "0", "channels: 0 is not in 1 to 64");
    refuses("channels", "99999999999999999999", "channels: 99999999999999999999 is not in 1 to 64");
    refuses("channels", "", "channels: \"\" is not a whole number");
    refuses("channels", "8 ", "channels: \"8 \" is not a whole number");
    refuses("channels", " 8", "channels: \" 8\" is not a whole number");
    refuses("channels", "8.0", "channels: \"8.0\" is not a whole number");
    refuses("channels", "0x8", "channels: \"0x8\" is not a whole number");
    refuses("channels", "--8", "channels: \"--8\" is not a whole number");
    refuses("any", "2147483648", "any: 2147483648 is out of range");
    refuses("any", "-2147483649", "any: -2147483649 is out of range");
    refuses("mode", "hee", "mode: \"hee\" is not one of zeros|ones|he; did you mean he?");
    refuses("mode", "zero", "mode: \"zero\" is not one of zeros|ones|he; did you mean zeros?");
    refuses("mode", "2", "mode: \"2\" is not one of zeros|ones|he");
    refuses("rate", "nan", "rate: \"nan\" is not a number");
    refuses("rate", "inf", "rate: \"inf\" is not a number");
    refuses("rate", "0x1p-3", "rate: \"0x1p-3\" is not a number");
    refuses("rate", "1.5", "rate: 1.5 is not in 0 to 1");
    refuses("small", "-1", "small: -1 is not 0 or more");
    refuses("open", "1e999", "open: \"1e999\" is not a number");
    refuses("size", "3x5x7", "size: \"3x5x7\" has more than 2 numbers");
    refuses("size", "3x65", "size: 65 is not in 1 to 64");
    refuses("size", "3x", "size: \"3x\" is not a list of numbers such as 3x5");
    refuses("size", "x3", "size: \"x3\" is not a list of numbers such as 3x5");
    refuses("size", "", "size: \"\" is not a list of numbers such as 3x5");
    refuses("size", "3,,5", "size: \"3,,5\" is not a list of numbers such as 3x5");
    refuses("size", "3xa", "size: \"a\" is not a whole number");
    refuses("size", "3;5", "size: \"3;5\" is not a whole number");
    refuses("shape", "1x2x3x4x5x6x7x8x9", "shape: \"1x2x3x4x5x6x7x8x9\" has more than 8 numbers");
    refuses("mean", "0.5x2", "mean: 2 is not in 0 to 1");
    refuses("time", "soon", "time: \"soon\" is not a time such as 90, 90s, 20m or 1.5h");
    refuses("time", "m", "time: \"m\" is not a time such as 90, 90s, 20m or 1.5h");
    refuses("time", "3d", "time: \"3d\" is not a time such as 90, 90s, 20m or 1.5h");
    refuses("time", "-5", "time: -5 is out of range");
}

static void endless_text_is_refused(void **state)
{
    static char text[100000];

    (void)state;
    memset(text, '1', sizeof text - 1);
    for (const struct field *f = table; f->name; f++) {
        struct thing t = fresh();
        struct err err = { 0 };

        if (f->kind != FIELD_KIND_STRING && field_set(f, &t, text, NULL, &err))
            fail_msg("%s took it", f->name);
    }
}

static void numbers_pass_the_same_checks(void **state)
{
    struct thing t = fresh();
    struct err err = { 0 };
    double x[] = { 3, 5, 7 }, half = 0.5, nan = NAN, big = 1e300, two = 2;

    (void)state;
    assert_true(field_set_numbers(field_find(table, "size"), &t, 2, x, &err));
    assert_int_equal(t.size[0], 3);
    assert_int_equal(t.size[1], 5);
    assert_true(field_set_numbers(field_find(table, "size"), &t, 1, x, &err));
    assert_int_equal(t.size[1], 3);
    assert_true(field_set_numbers(field_find(table, "shape"), &t, 0, NULL, &err));
    assert_false(field_set_numbers(field_find(table, "size"), &t, 0, NULL, &err));
    assert_false(field_set_numbers(field_find(table, "size"), &t, 3, x, &err));
    assert_false(field_set_numbers(field_find(table, "channels"), &t, 1, &half, &err));
    assert_false(field_set_numbers(field_find(table, "any"), &t, 1, &half, &err));
    assert_string_equal(err.msg, "any: 0.5 is not a whole number");
    assert_false(field_set_numbers(field_find(table, "any"), &t, 1, &big, &err));
    assert_false(field_set_numbers(field_find(table, "any"), &t, 1, &nan, &err));
    assert_false(field_set_numbers(field_find(table, "open"), &t, 1, &nan, &err));
    assert_false(field_set_numbers(field_find(table, "bias"), &t, 1, &two, &err));
    assert_false(field_set_numbers(field_find(table, "mode"), &t, 1, &x[0], &err));
    assert_true(field_number(field_find(table, "size"), &t, 1) == 3);
}

static void values_out_of_range_are_found_anywhere(void **state)
{
    struct thing t = fresh();
    struct err err = { 0 };

    (void)state;
    t.size[1] = 65;
    assert_false(field_check(table, &t, &err));
    assert_string_equal(err.msg, "size: 65 is not in 1 to 64");
    t = fresh();
    t.rate = NAN;
    assert_false(field_check(table, &t, &err));
    assert_string_equal(err.msg, "rate: nan is not in 0 to 1");
    t = fresh();
    t.mode = 3;
    assert_false(field_check(table, &t, &err));
    t = fresh();
    t.shape[1] = 4;                 /* a 0 before it */
    assert_false(field_check(table, &t, &err));
    t.shape[0] = 2;
    assert_true(field_check(table, &t, &err));
}

static void ranges_are_words(void **state)
{
    static const struct { const char *name, *want; } cases[] = {
        { "channels", "1 to 64" }, { "any", "" }, { "open", "" }, { "small", "0 or more" },
        { "mode", "zeros|ones|he" }, { "bias", "" }, { "out", "" }, { "time", "" },
        { "shape", "1 or more" },
    };
    struct field most = { .name = "most", .kind = FIELD_KIND_FLOAT, .min = -1e30, .max = 5 };
    struct str s = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        str_clear(&s);
        field_range(field_find(table, cases[i].name), &s);
        assert_string_equal(str_text(&s), cases[i].want);
    }
    str_clear(&s);
    field_range(&most, &s);
    assert_string_equal(str_text(&s), "at most 5");
    str_release(&s);
}

/* Some number in range, often a round one. */
static double any(const struct field *f, uint64_t i)
{
    double low = fmax(f->min, -1e9), high = fmin(f->max, 1e9), u = rng_f64(7, 7, i);
    double x = low + u * (high - low);

    if (f->kind == FIELD_KIND_ENUM)
        return floor(u * 3);
    if (f->kind == FIELD_KIND_BOOL)
        return u < 0.5;
    if (f->kind == FIELD_KIND_DURATION && u < 0.5)
        return floor(x / 3600) * 60;
    if (f->kind == FIELD_KIND_FLOAT || f->kind == FIELD_KIND_FLOATS ||
        f->kind == FIELD_KIND_DURATION)
        return x;
    return u < 0.3 ? fmax(low, 0) : floor(x);
}

static void every_value_in_range_survives_its_text(void **state)
{
    uint64_t next = 0;

    (void)state;
    for (int again = 0; again < 3000; again++) {
        for (const struct field *f = table; f->name; f++) {
            struct thing a = fresh(), b = fresh();
            struct err err = { 0 };
            struct str text = { 0 };
            double x[8];

            if (f->kind == FIELD_KIND_STRING)
                continue;
            for (int i = 0; i < f->count; i++)
                x[i] = any(f, next++);

            int n = f->kind == FIELD_KIND_LIST ? 1 + again % f->count : f->count;

            if (!field_set_numbers(f, &a, n, x, &err))
                fail_msg("%s", err.msg);
            field_text(f, &a, &text);
            if (!field_set(f, &b, str_text(&text), NULL, &err))
                fail_msg("%s: %s", str_text(&text), err.msg);
            if (!field_equal(table, &a, &b))
                fail_msg("%s: %s does not read back", f->name, str_text(&text));
            str_release(&text);
        }
    }
}

static void strings_are_borrowed_or_copied(void **state)
{
    struct arena *mem = arena_new();
    struct thing t = fresh(), same = t;
    struct err err = { 0 };
    char text[] = "text";

    (void)state;
    assert_true(field_set(field_find(table, "name"), &t, text, NULL, &err));
    assert_ptr_equal(t.name, text);
    assert_false(field_equal(table, &t, &same));
    assert_true(field_set(field_find(table, "name"), &t, text, mem, &err));
    assert_ptr_not_equal(t.name, text);
    same.name = text;
    assert_true(field_equal(table, &t, &same));
    text[0] = 'n';
    assert_string_equal(t.name, "text");
    assert_false(field_equal(table, &t, &same));
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_with_either_dash),
        cmocka_unit_test(defaults_are_valid_and_filled_in_for_zeros),
        cmocka_unit_test(text_is_read),
        cmocka_unit_test(wrong_text_is_refused_in_words_and_changes_nothing),
        cmocka_unit_test(endless_text_is_refused),
        cmocka_unit_test(numbers_pass_the_same_checks),
        cmocka_unit_test(values_out_of_range_are_found_anywhere),
        cmocka_unit_test(ranges_are_words),
        cmocka_unit_test(every_value_in_range_survives_its_text),
        cmocka_unit_test(strings_are_borrowed_or_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
