/*
 * find_lr: of a loss that falls and explodes the rate with the least is taken; of one that does not
 * fall, none
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/rng.h"
#include "train/find_lr.h"

#include <math.h>
#include <string.h>

/* A loss that falls from 2.3 by `by`, is least at rate `at`, and explodes behind it; with noise. */
static struct train_find_lr made(double at, double by, double noise)
{
    struct train_find_lr f = { 0 };
    bool more = true;

    for (int i = 0; more; i++) {
        double rate = train_find_lr_rate(i), far = log10(rate / at);
        double loss = 2.3 - by / (1 + exp(-4 * (far + 0.7))) + (far > 0 ? 20 * far * far : 0);

        more = train_find_lr_add(&f, loss + noise * rng_normal(1, rng_stream(RNG_TEST, 0),
                                                               (uint64_t)i));
    }
    train_find_lr_judge(&f);
    return f;
}

static void rates_rise_evenly_from_least_to_most(void **state)
{
    (void)state;
    assert_float_equal(train_find_lr_rate(0), 1e-6, 1e-18);
    assert_float_equal(train_find_lr_rate(TRAIN_FIND_LR_STEPS - 1), 10, 1e-12);
    for (int i = 2; i < TRAIN_FIND_LR_STEPS; i++)
        assert_float_equal(train_find_lr_rate(i) * train_find_lr_rate(i - 2) /
                               pow(train_find_lr_rate(i - 1), 2), 1, 1e-9);
}

static void the_last_rate_that_helps_is_taken(void **state)
{
    static const double at[] = { 1e-3, 0.03, 0.5 };

    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        for (int noisy = 0; noisy < 2; noisy++) {
            struct train_find_lr f = made(at[i], 0.8, noisy * 0.1);

            assert_true(f.exploded && f.n < TRAIN_FIND_LR_STEPS);
            assert_true(f.lr > at[i] / 4 && f.lr < at[i] * 2);
            assert_non_null(strstr(f.reason, "exploded"));
        }
}

static void a_loss_that_never_falls_suggests_nothing(void **state)
{
    struct train_find_lr f = made(1e-2, 0, 0);

    (void)state;
    assert_true(f.lr == 0);
    assert_non_null(strstr(f.reason, "no rate"));
}

static void numbers_that_are_not_finite_end_it(void **state)
{
    struct train_find_lr f = { 0 };

    (void)state;
    for (int i = 0; i < 60; i++)
        assert_true(train_find_lr_add(&f, 2 - 0.01 * i));
    assert_false(train_find_lr_add(&f, NAN));
    train_find_lr_judge(&f);
    assert_int_equal(f.n, 60);
    assert_true(f.exploded && f.lr > 0);
}

static void the_last_rate_ends_it(void **state)
{
    struct train_find_lr f = { 0 };

    (void)state;
    for (int i = 0; i + 1 < TRAIN_FIND_LR_STEPS; i++)
        assert_true(train_find_lr_add(&f, 1));
    assert_false(train_find_lr_add(&f, 1));
    assert_false(f.exploded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_rise_evenly_from_least_to_most),
        cmocka_unit_test(the_last_rate_that_helps_is_taken),
        cmocka_unit_test(a_loss_that_never_falls_suggests_nothing),
        cmocka_unit_test(numbers_that_are_not_finite_end_it),
        cmocka_unit_test(the_last_rate_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
