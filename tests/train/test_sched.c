/*
 * sched: every schedule is its formula, and plateau drops when it should
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "train/sched.h"

#include <math.h>
#include <string.h>

static void shapes_at_known_points(void **state)
{
    static const struct {
        struct train_sched s;
        double done, share;
    } cases[] = {
        { { TRAIN_SCHED_cosine, .warmup = 0.1 }, 0, 0 },
        { { TRAIN_SCHED_cosine, .warmup = 0.1 }, 0.05, 0.5 },
        { { TRAIN_SCHED_cosine, .warmup = 0.1 }, 0.1, 1 },
        { { TRAIN_SCHED_cosine, .warmup = 0.1 }, 0.1 + 0.9 / 3, 0.75 },
        { { TRAIN_SCHED_cosine, .warmup = 0.1 }, 0.55, 0.5 },
        { { TRAIN_SCHED_cosine, .warmup = 0.1 }, 1, 0 },
        { { TRAIN_SCHED_constant, .warmup = 0.5 }, 0.25, 0.5 },
        { { TRAIN_SCHED_constant, .warmup = 0.5 }, 0.75, 1 },
        { { TRAIN_SCHED_constant, .warmup = 0.5 }, 1, 1 },
        { { TRAIN_SCHED_linear, .warmup = 0.2 }, 0.6, 0.5 },
        { { TRAIN_SCHED_linear, .warmup = 0.2 }, 1, 0 },
        { { TRAIN_SCHED_step, .warmup = 0.1, .drop = 0.1, .drop_every = 0.3 }, 0.2, 1 },
        { { TRAIN_SCHED_step, .warmup = 0.1, .drop = 0.1, .drop_every = 0.3 }, 0.31, 0.1 },
        { { TRAIN_SCHED_step, .warmup = 0.1, .drop = 0.1, .drop_every = 0.3 }, 0.61, 0.01 },
        { { TRAIN_SCHED_onecycle, .warmup = 0.3 }, 0, 0.04 },
        { { TRAIN_SCHED_onecycle, .warmup = 0.3 }, 0.15, 0.52 },
        { { TRAIN_SCHED_onecycle, .warmup = 0.3 }, 0.3, 1 },
        { { TRAIN_SCHED_onecycle, .warmup = 0.3 }, 0.65, 0.5 },
        { { TRAIN_SCHED_plateau, .warmup = 0.1 }, 0.05, 0.5 },
        { { TRAIN_SCHED_linear, .warmup = 0.2, .end = 0.1 }, 0.1, 0.5 },
        { { TRAIN_SCHED_linear, .warmup = 0.2, .end = 0.1 }, 0.2, 1 },
        { { TRAIN_SCHED_linear, .warmup = 0.2, .end = 0.1 }, 0.6, 0.55 },
        { { TRAIN_SCHED_linear, .warmup = 0.2, .end = 0.1 }, 1, 0.1 },
        { { TRAIN_SCHED_cosine, .end = 0.5 }, 0.5, 0.75 },
        { { TRAIN_SCHED_onecycle, .warmup = 0.3, .end = 0.5 }, 1, 0.5 },
        { { TRAIN_SCHED_constant, .end = 0.5 }, 1, 1 },
        { { TRAIN_SCHED_plateau, .warmup = 0.1 }, 0.9, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double share = train_sched_share(&cases[i].s, cases[i].done);

        if (!(fabs(share - cases[i].share) < 1e-12))
            fail_msg("%s at %g: %g, not %g", train_sched_names[cases[i].s.kind], cases[i].done,
                     share, cases[i].share);
    }
}

static void warmup_may_be_nothing_or_all(void **state)
{
    (void)state;
    for (int kind = 0; train_sched_names[kind]; kind++) {
        struct train_sched none = { kind, .drop = 0.1, .drop_every = 0.3 }, all = none;

        all.warmup = 1;
        assert_float_equal(train_sched_share(&none, 0), 1, 1e-12);
        if (kind != TRAIN_SCHED_onecycle)
            assert_float_equal(train_sched_share(&all, 0.25), 0.25, 1e-12);
        assert_true(train_sched_share(&all, 1) > 0);
    }
}

static void every_schedule_rises_then_never_rises_again(void **state)
{
    (void)state;
    for (int kind = 0; train_sched_names[kind]; kind++) {
        struct train_sched s = { kind, .warmup = 0.25, .drop = 0.5, .drop_every = 0.3 };
        double last = 0;

        for (int i = 0; i < 1000; i++) {
            double share = train_sched_share(&s, (i + 0.5) / 1000);

            assert_true(share > 0 && share <= 1);
            assert_true(i < 250 ? share > last : i == 250 || share <= last);
            last = share;
        }
    }
}

static void plateau_drops_after_its_patience(void **state)
{
    static const struct {
        double figure;
        bool drops;
    } epochs[] = { { -3, 0 }, { -2, 0 }, { -2, 0 }, { -2.5, 1 }, { -2, 0 }, { -1, 0 },
                   { -1, 0 }, { -1, 1 }, { -1, 0 }, { -1, 1 } };
    struct train_sched s = { TRAIN_SCHED_plateau, .drop = 0.5, .patience = 2 };
    struct train_plateau p = { 0 };

    (void)state;
    assert_float_equal(train_plateau_share(&p, &s), 1, 0);
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++)
        assert_int_equal(train_plateau_epoch(&p, &s, epochs[i].figure), epochs[i].drops);
    assert_float_equal(train_plateau_share(&p, &s), 0.125, 1e-12);
    assert_float_equal(p.best, -1, 0);
}

/* Its state goes through the field table and back: what a checkpoint does. */
static void plateau_survives_its_fields(void **state)
{
    struct train_plateau p = { .seen = 7, .waited = 1, .drops = 2, .best = -0.1 }, q = { 0 };
    struct err err = { 0 };

    (void)state;
    for (const struct field *f = train_plateau_fields; f->name; f++) {
        struct str s = { 0 };

        field_text(f, &p, &s);
        assert_true(field_set(f, &q, str_text(&s), NULL, &err));
        str_release(&s);
    }
    assert_memory_equal(&p, &q, sizeof p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_at_known_points),
        cmocka_unit_test(warmup_may_be_nothing_or_all),
        cmocka_unit_test(every_schedule_rises_then_never_rises_again),
        cmocka_unit_test(plateau_drops_after_its_patience),
        cmocka_unit_test(plateau_survives_its_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
