/* interval: what is known of intervals by other means */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/eval/curve.h"
#include "infer/eval/interval.h"
#include "tests/infer/answers.h"

static bool close_to(double a, double b, double by)
{
    return fabs(a - b) <= by;
}

/* Of n pictures a share q right: the normal approximation is near. */
static void interval_of_accuracy_is_about_binomial(void **state)
{
    struct infer_answers a = noisy(DATA_SINGLE, 2000, 2);
    struct infer_figures f;
    struct err err = { 0 };
    struct infer_range range, again;
    double half;

    (void)state;
    assert_true(infer_figures(&a, &f, &err));
    half = 1.96 * sqrt(f.accuracy * (1 - f.accuracy) / f.n);
    assert_true(infer_interval(&a, &f, INFER_FIGURE_accuracy, 1, &range, &err));
    assert_true(close_to(range.low, f.accuracy - half, half * 0.15));
    assert_true(close_to(range.high, f.accuracy + half, half * 0.15));
    assert_true(infer_interval(&a, &f, INFER_FIGURE_accuracy, 1, &again, &err));
    assert_true(range.low == again.low && range.high == again.high);
    assert_true(infer_interval(&a, &f, INFER_FIGURE_accuracy, 2, &again, &err));
    assert_true(range.low != again.low || range.high != again.high);
    infer_figures_release(&f);
    infer_answers_release(&a);
}

static void interval_of_mean_ap_holds_the_figure(void **state)
{
    struct infer_answers a = noisy(DATA_MULTI, 300, 3);
    struct infer_figures f;
    struct err err = { 0 };
    struct infer_range range, wide;

    (void)state;
    assert_true(infer_figures(&a, &f, &err));
    assert_true(infer_interval(&a, &f, INFER_FIGURE_mean_ap, 1, &range, &err));
    assert_true(range.low < f.mean_ap && f.mean_ap < range.high && range.high - range.low < 0.2);
    a.n = 75;           /* a quarter of the pictures: twice as wide */
    f.mean_ap = 0.5;
    assert_true(infer_interval(&a, &f, INFER_FIGURE_mean_ap, 1, &wide, &err));
    assert_true(close_to((wide.high - wide.low) / (range.high - range.low), 2, 0.4));
    infer_figures_release(&f);
    infer_answers_release(&a);
}

/* A label of three pictures far down the list: drawn twice they raise its AP, which is no news. */
static void interval_of_rare_labels_is_not_above_the_figure(void **state)
{
    enum { N = 400 };
    float p[N], t[N] = { 0 };
    struct infer_answers a;
    struct infer_figures f;
    struct err err = { 0 };
    struct infer_range range;

    (void)state;
    for (int i = 0; i < N; i++)
        p[i] = 1 - (float)i / N;
    t[50] = t[120] = t[300] = 1;
    a = answers(DATA_MULTI, N, 1, p, t);
    assert_true(infer_figures(&a, &f, &err));
    assert_true(infer_interval(&a, &f, INFER_FIGURE_mean_ap, 1, &range, &err));
    assert_true(range.low >= 0 && range.low < f.mean_ap && f.mean_ap < range.high);
    assert_true(f.mean_ap - range.low > 0.2 * (range.high - f.mean_ap));
    infer_figures_release(&f);
    infer_answers_release(&a);
}

static void interval_of_what_is_always_right_is_a_point(void **state)
{
    const float p[] = { 1, 0, 1, 0 }, t[] = { 1, 0, 1, 0 };
    struct infer_answers a = answers(DATA_SINGLE, 2, 2, p, t);
    struct infer_figures f;
    struct err err = { 0 };
    struct infer_range range;

    (void)state;
    assert_true(infer_figures(&a, &f, &err));
    assert_true(infer_interval(&a, &f, INFER_FIGURE_accuracy, 1, &range, &err));
    assert_true(range.low == 1 && range.high == 1);
    infer_figures_release(&f);
    infer_answers_release(&a);
}

/* Every figure of the task has one, but for ECE; each holds its figure. */
static void every_figure_has_an_interval(void **state)
{
    (void)state;
    for (enum data_task task = DATA_SINGLE; task <= DATA_MULTI; task++) {
        struct infer_answers a = noisy(task, 200, 4);
        struct infer_range range[INFER_FIGURES], one;
        struct infer_figures f;
        struct err err = { 0 };

        assert_true(infer_figures(&a, &f, &err));
        assert_true(infer_intervals(&a, &f, 1, range, &err));
        for (int id = 0; id < INFER_FIGURES; id++) {
            bool of = task == DATA_SINGLE ? infer_figure_table[id].single
                                          : infer_figure_table[id].multi;
            double x = infer_figure(&f, id);

            assert_true(of == !isnan(x));
            assert_true((of && id != INFER_FIGURE_ece) == !isnan(range[id].low));
            assert_true(isnan(range[id].low) || (range[id].low <= x && x <= range[id].high));
            assert_true(infer_interval(&a, &f, id, 1, &one, &err));
            assert_true(isnan(one.low) ? isnan(range[id].low)
                                       : one.low == range[id].low && one.high == range[id].high);
        }
        infer_figures_release(&f);
        infer_answers_release(&a);
    }
}

/* Confidences that come true just as often as they say, and some that are 0.3 too sure. */
static struct infer_answers sure(int n, float too_sure)
{
    float *p = calloc((size_t)n * 2, sizeof *p), *t = calloc((size_t)n * 2, sizeof *t);
    struct infer_answers a;

    for (int i = 0; i < n; i++) {
        float c = 0.6f + 0.4f * rng_f32(3, rng_stream(RNG_TEST, 2), (uint64_t)i);
        bool right = rng_f32(3, rng_stream(RNG_TEST, 3), (uint64_t)i) < c - too_sure;

        p[2 * i] = c;
        p[2 * i + 1] = 1 - c;
        t[2 * i + !right] = 1;
    }
    a = answers(DATA_SINGLE, n, 2, p, t);
    free(p);
    free(t);
    return a;
}

static void calibration_error_is_free_of_what_chance_adds(void **state)
{
    (void)state;
    for (int bad = 0; bad < 2; bad++) {
        struct infer_answers a = sure(700, bad ? 0.3f : 0);
        struct infer_figures f;
        struct infer_range range;
        struct err err = { 0 };
        double error, chance = infer_reliability_by_chance(&a, 1);

        assert_true(infer_figures(&a, &f, &err));
        assert_true(infer_interval(&a, &f, INFER_FIGURE_calibration_error, 1, &range, &err));
        error = infer_figure(&f, INFER_FIGURE_calibration_error);
        assert_true(chance > 0.02 && chance < 0.06);
        assert_true(bad ? close_to(error, 0.3, 0.04) : error < 0.025);
        assert_true(bad ? range.low > 0.2 : range.low == 0);
        assert_true(range.low <= error && error <= range.high);
        assert_true(bad ? f.ece > 0.25 : close_to(f.ece, chance, 0.02));
        infer_figures_release(&f);
        infer_answers_release(&a);
    }
}

/* Of the same answers there is no difference; a better one in every picture is surely better. */
static void differences_are_paired(void **state)
{
    struct infer_answers a = noisy(DATA_MULTI, 300, 3), b = noisy(DATA_MULTI, 300, 3);
    struct infer_range range[INFER_FIGURES], alone;
    struct infer_figures f, g;
    struct err err = { 0 };
    bool yes;

    (void)state;
    for (int i = 0; i < 900; i++)
        if (infer_answers_known(&b, i / 3, i % 3, &yes))
            b.probability[i] += 0.01f * ((yes ? 1.0f : 0.0f) - b.probability[i]);
    assert_true(infer_figures(&a, &f, &err) && infer_figures(&b, &g, &err));
    assert_true(infer_differences(&a, &f, &a, &f, 1, range, &err));
    assert_true(range[INFER_FIGURE_mean_ap].low == 0 && range[INFER_FIGURE_mean_ap].high == 0);
    assert_true(infer_differences(&b, &g, &a, &f, 1, range, &err));
    assert_true(range[INFER_FIGURE_mean_ap].low > 0 && range[INFER_FIGURE_log_loss].high < 0);
    assert_true(isnan(range[INFER_FIGURE_accuracy].low));
    /* Unpaired the figure's own interval holds both. */
    assert_true(infer_interval(&a, &f, INFER_FIGURE_mean_ap, 1, &alone, &err));
    assert_true(alone.low < g.mean_ap && g.mean_ap < alone.high);
    infer_figures_release(&f);
    infer_figures_release(&g);
    infer_answers_release(&a);
    infer_answers_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interval_of_accuracy_is_about_binomial),
        cmocka_unit_test(interval_of_mean_ap_holds_the_figure),
        cmocka_unit_test(interval_of_rare_labels_is_not_above_the_figure),
        cmocka_unit_test(interval_of_what_is_always_right_is_a_point),
        cmocka_unit_test(every_figure_has_an_interval),
        cmocka_unit_test(calibration_error_is_free_of_what_chance_adds),
        cmocka_unit_test(differences_are_paired),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
