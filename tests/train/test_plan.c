/*
 * test_plan -- steps, and where they became fewer or more
 */
#include "train/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <string.h>

#include <cmocka.h>

static void a_plan_goes_evenly(void **state)
{
    struct train_cfg cfg = { .steps = 10 };

    (void)state;
    assert_int_equal(train_plan_steps(&cfg), 10);
    assert_float_equal(train_plan_done(&cfg, 0), 0, 1e-15);
    assert_float_equal(train_plan_done(&cfg, 2.5), 0.25, 1e-15);
    assert_float_equal(train_plan_done(&cfg, 10), 1, 1e-15);
}

static void a_shorter_plan_goes_on_faster_without_a_jump(void **state)
{
    struct train_cfg cfg = { .steps = 100 };

    (void)state;
    assert_true(train_plan_change(&cfg, 50, 75));
    assert_true(train_plan_change(&cfg, 60, 65));
    assert_int_equal(train_plan_steps(&cfg), 65);
    assert_int_equal(train_plan_changes(&cfg), 2);
    assert_float_equal(train_plan_done(&cfg, 25), 0.25, 1e-15);
    assert_float_equal(train_plan_done(&cfg, 50), 0.5, 1e-15);
    assert_float_equal(train_plan_done(&cfg, 60), 0.7, 1e-12);
    assert_float_equal(train_plan_done(&cfg, 62.5), 0.85, 1e-12);
    assert_float_equal(train_plan_done(&cfg, 65), 1, 1e-12);
}

static void a_longer_plan_goes_on_slower_without_a_jump(void **state)
{
    struct train_cfg cfg = { .steps = 100 };

    (void)state;
    assert_true(train_plan_change(&cfg, 50, 75));
    assert_true(train_plan_change(&cfg, 60, 160));
    assert_int_equal(train_plan_steps(&cfg), 160);
    assert_float_equal(train_plan_done(&cfg, 60), 0.7, 1e-12);
    assert_float_equal(train_plan_done(&cfg, 110), 0.85, 1e-12);
    assert_float_equal(train_plan_done(&cfg, 160), 1, 1e-12);
}

static void there_is_an_end_to_changes(void **state)
{
    struct train_cfg cfg = { .steps = 1000 };

    (void)state;
    for (int i = 0; i < TRAIN_CHANGES; i++)
        assert_true(train_plan_change(&cfg, i + 1, 900 - i));
    assert_false(train_plan_change(&cfg, 100, 200));
    assert_int_equal(train_plan_steps(&cfg), 900 - TRAIN_CHANGES + 1);
}

static void plans_that_cannot_be_meant_are_refused(void **state)
{
    static const struct {
        int steps, shortened[4];
        bool good;
    } cases[] = {
        { 100, { 0 }, true },           { 100, { 10, 50 }, true },
        { 100, { 10, 50, 20, 30 }, true }, { 0, { 10, 50 }, false },
        { 100, { 10, 100 }, false },    { 100, { 50, 40 }, false },
        { 100, { 20, 50, 10, 40 }, false }, { 100, { 20, 50, 30, 60 }, true },
        { 100, { 20, 150 }, true },     { 100, { 20, 50, 30, 50 }, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct train_cfg cfg = { .steps = cases[i].steps };
        struct err err = { 0 };

        memcpy(cfg.shortened, cases[i].shortened, sizeof cases[i].shortened);
        assert_int_equal(train_plan_check(&cfg, &err), cases[i].good);
        assert_int_equal(err.kind, cases[i].good ? ERR_NONE : ERR_USAGE);
    }
}

static void what_came_later_can_be_taken_out(void **state)
{
    struct train_cfg cfg = { .steps = 100, .shortened = { 50, 75, 60, 65 } };

    (void)state;
    train_plan_cut(&cfg, 60);
    assert_int_equal(train_plan_steps(&cfg), 65);
    train_plan_cut(&cfg, 59);
    assert_int_equal(train_plan_steps(&cfg), 75);
    train_plan_cut(&cfg, 49);
    assert_int_equal(train_plan_steps(&cfg), 100);
    assert_int_equal(train_plan_changes(&cfg), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_goes_evenly),
        cmocka_unit_test(a_shorter_plan_goes_on_faster_without_a_jump),
        cmocka_unit_test(a_longer_plan_goes_on_slower_without_a_jump),
        cmocka_unit_test(what_came_later_can_be_taken_out),
        cmocka_unit_test(there_is_an_end_to_changes),
        cmocka_unit_test(plans_that_cannot_be_meant_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
