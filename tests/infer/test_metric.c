/* metric: figures by hand, and scikit-learn's (tests/golden/metric.py) */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/eval/metric.h"
#include "infer/eval/tally.h"
#include "nn/base/file.h"
#include "nn/base/record.h"
#include "tests/infer/answers.h"

#include <math.h>

static void near(double a, double b)
{
    if (isnan(a) || isnan(b))
        assert_true(isnan(a) && isnan(b));
    else
        assert_true(fabs(a - b) <= 1e-9);
}

static struct infer_figures figures(enum data_task task, int n, int n_labels, const float *p,
                                    const float *t)
{
    struct infer_answers a = answers(task, n, n_labels, p, t);
    struct infer_figures f;
    struct err err = { 0 };

    assert_true(infer_figures(&a, &f, &err));
    infer_answers_release(&a);
    return f;
}

/* Truth 0 0 1 1, answers 0 1 1 0 (a tie), confidences .9 .8 .6 .5. */
static void single_by_hand(void **state)
{
    const float p[] = { .9f, .1f, .2f, .8f, .4f, .6f, .5f, .5f }, t[] = { 1, 0, 1, 0, 0, 1, 0, 1 };
    struct infer_figures f = figures(DATA_SINGLE, 4, 2, p, t);

    (void)state;
    assert_int_equal(f.n, 4);
    near(f.accuracy, 0.5);
    near(f.top5, 1);
    near(f.balanced_accuracy, 0.5);
    near(f.macro_f1, 0.5);
    near(f.micro_f1, 0.5);
    near(f.majority, 0.5);
    assert_int_equal(f.confusion[0], 1);
    assert_int_equal(f.confusion[1], 1);
    assert_int_equal(f.confusion[2], 1);
    assert_int_equal(f.confusion[3], 1);
    assert_true(fabs(f.log_loss + (log(.9) + log(.2) + log(.6) + log(.5)) / 4) < 1e-6);
    /* four bins of one picture: |1-.9| + |0-.8| + |1-.6| + |0-.5| over 4 */
    assert_true(fabs(f.ece - 1.8 / 4) < 1e-6);
    /* label 0: scores .9+ .5- .4- .2+: 1/2 * 1 + 1/2 * 2/4 */
    near(f.label[0].ap, 0.75);
    /* label 1: .8- .6+ .5+ .1- */
    near(f.mean_ap, (0.75 + (1.0 / 2 + 2.0 / 3) / 2) / 2);
    assert_true(isnan(f.hamming));
    infer_figures_release(&f);
}

/* Label 0: .9+ .8- .7+ .1-: ap = 1/2 + 1/2 * 2/3.  Label 1: all at .5, two of four: ap = 2/4. */
static void multi_by_hand(void **state)
{
    const float p[] = { .9f, .5f, .8f, .5f, .7f, .5f, .1f, .5f }, t[] = { 1, 1, 0, 0, 1, 1, 0, 0 };
    struct infer_figures f = figures(DATA_MULTI, 4, 2, p, t);

    (void)state;
    near(f.label[0].ap, 5.0 / 6);
    near(f.label[1].ap, 0.5);
    near(f.mean_ap, (5.0 / 6 + 0.5) / 2);
    near(f.baseline_ap, 0.5);
    near(f.subset_accuracy, 0.5);
    near(f.hamming, 3.0 / 8);
    near(f.label[0].precision, 2.0 / 3);
    near(f.label[0].recall, 1);
    near(f.label[0].f1, 0.8);
    near(f.label[1].f1, 2.0 / 3);
    near(f.macro_f1, (0.8 + 2.0 / 3) / 2);
    near(f.micro_f1, 8.0 / 11);
    assert_true(isnan(f.accuracy) && isnan(f.majority));
    assert_null(f.confusion);
    infer_figures_release(&f);
}

static void single_rows_without_a_label_are_left_out(void **state)
{
    const float p[] = { .9f, .1f, .3f, .7f, .6f, .4f }, t[] = { 1, 0, 0, 0, 0, 1 };
    struct infer_figures f = figures(DATA_SINGLE, 3, 2, p, t);

    (void)state;
    assert_int_equal(f.n, 2);
    near(f.accuracy, 0.5);
    near(f.label[0].ap, 1);
    infer_figures_release(&f);
}

static void ap_is_nan_where_no_or_every_picture_carries_the_label(void **state)
{
    const float p[] = { .9f, .1f, .2f, .3f, .7f, .6f }, t[] = { 1, 0, 1, 0, 0, 1 };
    struct infer_figures f = figures(DATA_MULTI, 2, 3, p, t);

    (void)state;
    assert_true(isnan(f.label[1].ap) && isnan(f.label[2].ap));
    near(f.mean_ap, f.label[0].ap);
    near(f.label[1].f1, 0);
    infer_figures_release(&f);
}

static void nothing_known_is_input_error(void **state)
{
    const float p[] = { .9f, .1f }, none[] = { 0, 0 }, unknown[] = { -1, -1 };
    struct infer_answers a[] = { answers(DATA_SINGLE, 1, 2, p, none),
                                 answers(DATA_MULTI, 1, 2, p, unknown),
                                 answers(DATA_SINGLE, 0, 2, p, none) };
    struct infer_figures f;
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof a / sizeof *a; i++) {
        err.kind = ERR_NONE;
        assert_false(infer_figures(&a[i], &f, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        infer_answers_release(&a[i]);
    }
}

static void certain_and_wrong_or_nan_stays_finite(void **state)
{
    const float p[] = { 1, 0, NAN, NAN }, t[] = { 0, 1, 0, 1 }, t2[] = { 0, 1, 1, 0 };
    struct infer_figures f = figures(DATA_SINGLE, 2, 2, p, t);

    (void)state;
    near(f.log_loss, -log(1e-7));
    near(f.accuracy, 0);
    near(f.ece, 0.5);
    infer_figures_release(&f);
    f = figures(DATA_MULTI, 2, 2, p, t2);
    assert_true(isfinite(f.log_loss) && isfinite(f.mean_ap));
    infer_figures_release(&f);
}

static void main_figure_goes_by_task(void **state)
{
    struct infer_figures f = { .task = DATA_SINGLE, .accuracy = 0.25, .mean_ap = 0.5 };

    (void)state;
    near(infer_figures_main(&f), 0.25);
    f.task = DATA_MULTI;
    near(infer_figures_main(&f), 0.5);
    assert_string_equal(infer_figures_main_name(DATA_SINGLE), "accuracy");
    assert_string_equal(infer_figures_main_name(DATA_MULTI), "mAP");
}

/* --- against scikit-learn --- */

/* Pictures from the first to the last, or the other way round: that must not matter. */
static void compare(const json_t *c, bool reverse)
{
    const json_t *want = json_object_get(c, "figures"), *label = json_object_get(c, "label"),
                 *confusion = json_object_get(c, "confusion");
    float threshold[8];
    struct infer_answers a = golden_answers(c, reverse, threshold);
    struct infer_figures f;
    struct err err = { 0 };

    assert_true(infer_figures(&a, &f, &err));
    near(f.n, number(want, "n"));
    for (int id = 0; id < INFER_FIGURES; id++) {
        const struct infer_figure *of = &infer_figure_table[id];

        if (a.task == DATA_SINGLE ? of->single : of->multi)
            near(infer_figure_raw(&f, id), number(want, of->member));
        else
            assert_true(isnan(infer_figure_raw(&f, id)));
    }
    if (a.task == DATA_SINGLE) {
        near(f.top5, number(want, "top5"));
        near(f.majority, number(want, "majority"));
        for (int i = 0; i < a.n_labels * a.n_labels; i++)
            near(f.confusion[i], json_number_value(json_array_get(confusion, (size_t)i)));
    } else {
        near(f.baseline_ap, number(want, "baseline_ap"));
    }
    for (int l = 0; l < a.n_labels; l++) {
        const json_t *w = json_array_get(label, (size_t)l);

        near(f.label[l].support, number(w, "support"));
        near(f.label[l].predicted, number(w, "predicted"));
        near(f.label[l].correct, number(w, "correct"));
        near(f.label[l].precision, number(w, "precision"));
        near(f.label[l].recall, number(w, "recall"));
        near(f.label[l].f1, number(w, "f1"));
        near(f.label[l].ap, number(w, "ap"));
        near(f.label[l].roc_auc, number(w, "roc_auc"));
    }
    infer_figures_release(&f);
    infer_answers_release(&a);
}

static void figures_are_those_of_scikit_learn(void **state)
{
    json_t *cases = golden();

    (void)state;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        compare(json_array_get(cases, i), false);
        compare(json_array_get(cases, i), true);
    }
    json_decref(cases);
}

/* Each pair once, in order, and no more than there is room for. */
static void confused_pairs_come_by_number(void **state)
{
    int confusion[9] = { 5, 1, 3, 0, 7, 1, 3, 0, 9 };
    struct infer_figures f = { .n_labels = 3, .confusion = confusion };
    const struct infer_confused want[] = { { 0, 2, 3 }, { 2, 0, 3 }, { 0, 1, 1 }, { 1, 2, 1 } };
    struct infer_confused got[9];

    (void)state;
    for (int most = 0; most <= 9; most++) {
        int n = infer_confused(&f, most, got);

        assert_int_equal(n, most < 4 ? most : 4);
        assert_memory_equal(got, want, (size_t)n * sizeof *got);
    }
}

/* The order of many is found otherwise than that of few. */
static void many_are_put_in_order(void **state)
{
    struct infer_answers a = noisy(DATA_MULTI, 3000, 1);
    struct infer_rows rows;
    struct infer_scored *s = calloc(6000, sizeof *s);
    unsigned char seen[3000] = { 0 };
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < 3000; i += 3)           /* ties, ends, and what is no number */
        a.probability[i] = i % 7 == 0 ? 1 : i % 7 == 1 ? 0 : i % 7 == 2 ? NAN : 0.5f;
    a.probability[1] = 1e-40f;
    assert_true(infer_rows_init(&rows, &a, &err));
    assert_int_equal(infer_tally_sort(&rows, 0, s), 3000);
    for (int i = 0; i < 3000; i++) {
        assert_true(i == 0 || s[i].p <= s[i - 1].p);
        assert_true(s[i].p == infer_answers_p(&a, s[i].at, 0) && !seen[s[i].at]++);
    }
    infer_rows_release(&rows);
    infer_answers_release(&a);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_by_hand),
        cmocka_unit_test(multi_by_hand),
        cmocka_unit_test(single_rows_without_a_label_are_left_out),
        cmocka_unit_test(ap_is_nan_where_no_or_every_picture_carries_the_label),
        cmocka_unit_test(nothing_known_is_input_error),
        cmocka_unit_test(certain_and_wrong_or_nan_stays_finite),
        cmocka_unit_test(main_figure_goes_by_task),
        cmocka_unit_test(confused_pairs_come_by_number),
        cmocka_unit_test(many_are_put_in_order),
        cmocka_unit_test(figures_are_those_of_scikit_learn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
