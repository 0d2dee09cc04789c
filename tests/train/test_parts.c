/*
 * parts: labels that nothing teaches are named
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "train/parts.h"

#include <string.h>

static void labels_without_pictures_are_named(void **state)
{
    const char *label[] = { "ant", "bee", "cat" };
    struct data_sample sample[] = { { .label = 1 }, { .label = 1 } };
    struct data_index x = { .n = 2, .sample = sample, .n_labels = 3, .label = label };
    struct train_parts p = { .train = &x };
    struct str text = { 0 };

    (void)state;
    train_parts_missing(&p, NULL, &text);
    assert_string_equal(str_text(&text), "2 of 3 labels have no picture to learn from and will "
                                         "not be learnt: ant, cat");
    str_release(&text);
}

static void many_are_counted(void **state)
{
    const char *label[20];
    struct data_sample sample[] = { { .label = 0 } };
    struct data_index x = { .n = 1, .sample = sample, .n_labels = 20, .label = label };
    struct train_parts p = { .train = &x };
    struct str text = { 0 };

    (void)state;
    for (int i = 0; i < 20; i++)
        label[i] = "x";
    train_parts_missing(&p, NULL, &text);
    assert_non_null(strstr(str_text(&text), "19 of 20"));
    assert_non_null(strstr(str_text(&text), ": x, x, x, x, x, x, x, x and 11 more"));
    str_release(&text);
}

static void nothing_is_said_where_all_have_some(void **state)
{
    const char *label[] = { "ant", "bee" };
    signed char marks[] = { 1, 1 };
    struct data_sample sample[] = { { .label = -1, .mark = (void *)marks } };
    struct data_index x = { .n = 1, .sample = sample, .n_labels = 2, .label = label,
                            .task = DATA_MULTI };
    struct train_parts p = { .train = &x };
    struct str text = { 0 };

    (void)state;
    train_parts_missing(&p, NULL, &text);
    assert_int_equal(text.len, 0);
    str_release(&text);
}

static void so_are_labels_of_which_none_can_be_read(void **state)
{
    const char *label[] = { "ant", "bee", "cat" };
    struct data_sample sample[] = { { .label = 1 }, { .label = 2 }, { .label = 1 } };
    struct data_index x = { .n = 3, .sample = sample, .n_labels = 3, .label = label };
    struct train_parts p = { .train = &x };
    struct str text = { 0 };

    (void)state;
    train_parts_missing(&p, (const bool[]){ false, false, true }, &text);
    assert_string_equal(str_text(&text), "1 of 3 labels have no picture to learn from that can be "
                                         "read and will not be learnt: cat");
    str_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_are_labels_of_which_none_can_be_read),
        cmocka_unit_test(labels_without_pictures_are_named),
        cmocka_unit_test(many_are_counted),
        cmocka_unit_test(nothing_is_said_where_all_have_some),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
