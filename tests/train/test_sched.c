/*
 * sched: the schedule is the formula
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "train/sched.h"

#include <math.h>

static void is_the_formula(void **state)
{
    (void)state;
    assert_float_equal(train_sched_cosine(0, 0.1), 0, 1e-12);
    assert_float_equal(train_sched_cosine(0.05, 0.1), 0.5, 1e-12);
    assert_float_equal(train_sched_cosine(0.1, 0.1), 1, 1e-12);
    assert_float_equal(train_sched_cosine(0.55, 0.1), 0.5, 1e-12);
    assert_float_equal(train_sched_cosine(0.1 + 0.9 / 3, 0.1), 0.75, 1e-12);
    assert_float_equal(train_sched_cosine(1, 0.1), 0, 1e-12);
}

static void warmup_may_be_nothing_or_all(void **state)
{
    (void)state;
    assert_float_equal(train_sched_cosine(0, 0), 1, 1e-12);
    assert_float_equal(train_sched_cosine(0.5, 0), 0.5, 1e-12);
    assert_float_equal(train_sched_cosine(0.25, 1), 0.25, 1e-12);
    assert_float_equal(train_sched_cosine(1, 1), 1, 1e-12);
}

static void stays_within_0_and_1_and_rises_then_falls(void **state)
{
    double last = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        double done = (i + 0.5) / 1000, r = train_sched_cosine(done, 0.3);

        assert_true(r > 0 && r <= 1);
        assert_true(done < 0.3 ? r > last : i == 300 || r < last);
        last = r;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_formula),
        cmocka_unit_test(warmup_may_be_nothing_or_all),
        cmocka_unit_test(stays_within_0_and_1_and_rises_then_falls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
