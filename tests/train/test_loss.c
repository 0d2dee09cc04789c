/*
 * loss: weights that make up for labels being rare
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "train/loss.h"

static void one_label_a_picture(void **state)
{
    /* 6 of label 0, 2 of label 1, none of 2, 1 of 3, and one picture whose label nobody knows */
    static const int label[] = { 0, 0, 1, 0, -1, 0, 0, 3, 1, 0 };
    struct data_sample sample[10] = { { 0 } };
    struct data_index x = { .task = DATA_SINGLE, .sample = sample, .n = 10, .n_labels = 4 };
    float weight[4];

    (void)state;
    for (int i = 0; i < x.n; i++)
        sample[i].label = label[i];
    train_balanced_weights(&x, weight);
    assert_float_equal(weight[0], 9.0 / (3 * 6), 1e-6);
    assert_float_equal(weight[1], 9.0 / (3 * 2), 1e-6);
    assert_float_equal(weight[2], 1, 0);
    assert_float_equal(weight[3], 9.0 / (3 * 1), 1e-6);
}

static void several_labels(void **state)
{
    static const int8_t mark[][4] = { { 1, 0, 0, 1 }, { 0, 0, -1, 1 }, { 0, -1, 1, 1 },
                                      { 0, 0, 1, 1 } };
    struct data_sample sample[5] = { { 0 } };
    struct data_index x = { .task = DATA_MULTI, .sample = sample, .n = 5, .n_labels = 4 };
    float weight[4];

    (void)state;
    for (int i = 0; i < 4; i++) /* of the fifth nothing is known */
        sample[i].mark = mark[i];
    train_balanced_weights(&x, weight);
    assert_float_equal(weight[0], 3, 1e-6);
    assert_float_equal(weight[1], 1, 0);
    assert_float_equal(weight[2], 0.5, 1e-6);
    assert_float_equal(weight[3], 1, 0);
}

static void nothing_rules(void **state)
{
    enum { MANY = 1000 };
    static struct data_sample sample[MANY];
    struct data_index x = { .task = DATA_SINGLE, .sample = sample, .n = MANY, .n_labels = 2 };
    float weight[2];

    (void)state;
    sample[0].label = 1;
    train_balanced_weights(&x, weight);
    assert_float_equal(weight[0], 1000.0 / (2 * 999), 1e-6);
    assert_float_equal(weight[1], 10, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_label_a_picture),
        cmocka_unit_test(several_labels),
        cmocka_unit_test(nothing_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
