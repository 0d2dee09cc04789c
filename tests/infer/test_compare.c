/* compare: McNemar's test by hand, and what it is put together from */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/eval/compare.h"
#include "tests/infer/answers.h"

static void near(double a, double b)
{
    assert_true(fabs(a - b) < 1e-9);
}

static void mcnemar_by_hand(void **state)
{
    (void)state;
    near(infer_mcnemar(0, 0), 1);
    near(infer_mcnemar(20, 10), 1);
    near(infer_mcnemar(10, 2), 2 * (11 + 22.5) / 1024);
    near(infer_mcnemar(10, 8), 2 * (11 + 22.5) / 1024);
    near(infer_mcnemar(5, 0), 1.0 / 32);
    /* So many that a power of 1/2 is nothing: 3.1623 standard deviations, normal 0.001565. */
    assert_true(fabs(infer_mcnemar(100000, 49500) - 0.001565) < 2e-5);
}

/* n pictures of which the model is right about those with a 1 in `right`. */
static struct infer_answers of(int n, const int *right)
{
    float p[200], t[200];

    assert_true(n <= 100);
    for (int i = 0; i < n; i++) {
        int truth = i % 2;

        t[2 * i + truth] = 1;
        t[2 * i + !truth] = 0;
        p[2 * i + truth] = right[i] ? 0.8f : 0.3f;
        p[2 * i + !truth] = right[i] ? 0.2f : 0.7f;
    }
    return answers(DATA_SINGLE, n, 2, p, t);
}

/* The first is right about the first `a` pictures, the second about the last `b` of 40. */
static struct infer_compared compared(int a, int b)
{
    int first[40] = { 0 }, second[40] = { 0 };
    struct infer_answers x, y;
    struct infer_figures f, g;
    struct infer_compared c;
    struct err err = { 0 };

    for (int i = 0; i < 40; i++) {
        first[i] = i < a;
        second[i] = i >= 40 - b;
    }
    x = of(40, first);
    y = of(40, second);
    assert_true(infer_figures(&x, &f, &err) && infer_figures(&y, &g, &err));
    assert_true(infer_compare(&x, &f, &y, &g, 1, &c, &err));
    near(c.difference[INFER_FIGURE_accuracy], (b - a) / 40.0);
    infer_figures_release(&f);
    infer_figures_release(&g);
    infer_answers_release(&x);
    infer_answers_release(&y);
    return c;
}

static void pictures_that_one_alone_gets_right_decide(void **state)
{
    struct infer_compared c = compared(30, 26);

    (void)state;
    assert_int_equal(c.both, 16);
    assert_int_equal(c.first, 14);
    assert_int_equal(c.second, 10);
    assert_int_equal(c.neither, 0);
    near(c.p, infer_mcnemar(24, 10));
    assert_int_equal(c.better, 0);
    c = compared(30, 8);
    assert_int_equal(c.neither, 2);
    assert_int_equal(c.better, 1);
    assert_true(c.range[INFER_FIGURE_accuracy].high < 0);
    c = compared(8, 30);
    assert_int_equal(c.better, 2);
    assert_true(c.p < 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mcnemar_by_hand),
        cmocka_unit_test(pictures_that_one_alone_gets_right_decide),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
