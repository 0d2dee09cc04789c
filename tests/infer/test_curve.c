/* curve: scikit-learn's curves (tests/golden/metric.py), and what they leave out by hand */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/eval/curve.h"
#include "tests/infer/answers.h"

static bool close_to(double a, double b, double by)
{
    return fabs(a - b) <= by;
}

/* The array's row i against two or three numbers. */
static void expect_row(const json_t *rows, int i, int n, const double *want)
{
    const json_t *row = json_array_get(rows, (size_t)i);

    for (int k = 0; k < n; k++)
        assert_true(close_to(json_number_value(json_array_get(row, (size_t)k)), want[k], 1e-9));
}

static void curves_are_those_of_scikit_learn(void **state)
{
    json_t *cases = golden(), *c;
    float threshold[8];
    size_t k;
    int compared = 0;

    (void)state;
    json_array_foreach(cases, k, c) {
        struct infer_answers a = golden_answers(c, false, threshold);
        struct infer_pr_point *point = calloc((size_t)a.n, sizeof *point);
        const json_t *label = json_object_get(c, "label");

        for (int l = 0; l < a.n_labels; l++) {
            const json_t *want = json_object_get(json_array_get(label, (size_t)l), "curve");
            int n = infer_pr(&a, l, point);

            assert_int_equal(n, json_array_size(want));
            for (int i = 0; i < n; i++)
                expect_row(want, i, 3, (double[]){ point[i].recall, point[i].precision,
                                                   point[i].threshold });
            compared += n > 0;
        }
        free(point);
        infer_answers_release(&a);
    }
    assert_true(compared > 15);
    json_decref(cases);
}

static void reliability_is_that_of_scikit_learn(void **state)
{
    json_t *cases = golden(), *c;
    float threshold[8];
    size_t k;

    (void)state;
    json_array_foreach(cases, k, c) {
        struct infer_answers a = golden_answers(c, false, threshold);
        const json_t *want = json_object_get(c, "reliability");
        struct infer_bin bin[INFER_BINS];
        int n = 0;

        infer_reliability(&a, bin);
        for (int b = 0; b < INFER_BINS; b++)
            if (bin[b].n)
                expect_row(want, n++, 2, (double[]){ bin[b].right, bin[b].confidence });
        assert_int_equal(n, json_array_size(want));
        infer_answers_release(&a);
    }
    json_decref(cases);
}

/* Average precision: the area under the steps. */
static double area(int n, const struct infer_pr_point *point)
{
    double ap = 0;

    for (int i = 0; i < n; i++)
        ap += (point[i].recall - (i ? point[i - 1].recall : 0)) * point[i].precision;
    return ap;
}

static void a_thinned_curve_has_its_ends_and_its_area(void **state)
{
    struct infer_answers a = noisy(DATA_MULTI, 5000, 1);
    struct infer_pr_point *whole = calloc(5000, sizeof *whole),
                          *point = calloc(5000, sizeof *point);
    int n = infer_pr(&a, 0, whole), thin;

    (void)state;
    assert_true(n > 4000);
    for (int most = 8; most <= 200; most += 48) {
        double ap = area(n, whole);

        memcpy(point, whole, (size_t)n * sizeof *point);
        thin = infer_pr_thin(n, point, most);
        assert_true(thin <= most && thin > most / 2);
        for (int i = 1; i < thin; i++)
            assert_true(point[i].recall > point[i - 1].recall &&
                        point[i].threshold < point[i - 1].threshold);
        assert_true(point[thin - 1].recall == 1);
        assert_true(close_to(area(thin, point), ap, most < 50 ? 0.1 : 0.005));
    }
    /* A short one keeps every step, hence its area exactly. */
    memcpy(point, whole, 300 * sizeof *point);
    thin = infer_pr_thin(300, point, 300);
    assert_true(thin < 300 && close_to(area(thin, point), area(300, whole), 1e-12));
    assert_int_equal(infer_pr_thin(0, point, 8), 0);
    free(whole);
    free(point);
    infer_answers_release(&a);
}

static void mistakes_of_single_go_by_confidence(void **state)
{
    /* right .9; wrong .8; unknown; wrong .6 twice */
    const float p[] = { .9f, .1f, .2f, .8f, .1f, .9f, .6f, .4f, .6f, .4f },
                t[] = { 1, 0, 1, 0, 0, 0, 0, 1, 0, 1 };
    struct infer_answers a = answers(DATA_SINGLE, 5, 2, p, t);
    struct infer_mistake m[3];
    int64_t total;

    (void)state;
    assert_int_equal(infer_mistakes(&a, 3, m, &total), 3);
    assert_int_equal(total, 3);
    assert_true(m[0].row == 1 && m[0].label == 1 && m[0].p == .8f);
    assert_true(m[1].row == 3 && m[1].label == 0);
    assert_true(m[2].row == 4);
    assert_int_equal(infer_mistakes(&a, 2, m, &total), 2);
    assert_int_equal(total, 3);
    assert_true(m[0].row == 1 && m[1].row == 3);
    infer_answers_release(&a);
}

static void mistakes_of_multi_are_the_known_pairs_of_the_highest_loss(void **state)
{
    const float p[] = { .9f, .1f, .2f, .7f, .5f, .99f }, t[] = { 1, 1, 1, 0, 0, -1 };
    struct infer_answers a = answers(DATA_MULTI, 2, 3, p, t);
    struct infer_mistake m[8];
    int64_t total;

    (void)state;
    assert_int_equal(infer_mistakes(&a, 8, m, &total), 4);
    assert_int_equal(total, 4);
    assert_true(m[0].row == 0 && m[0].label == 1 && m[0].p == .1f);
    assert_true(m[1].row == 0 && m[1].label == 2);
    assert_true(m[2].row == 1 && m[2].label == 0 && m[2].p == .7f);
    assert_true(m[3].row == 1 && m[3].label == 1);
    infer_answers_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_are_those_of_scikit_learn),
        cmocka_unit_test(reliability_is_that_of_scikit_learn),
        cmocka_unit_test(a_thinned_curve_has_its_ends_and_its_area),
        cmocka_unit_test(mistakes_of_single_go_by_confidence),
        cmocka_unit_test(mistakes_of_multi_are_the_known_pairs_of_the_highest_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
