/* fit: what is fitted is the best there is, and promises are kept on pictures never seen */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/fit.h"
#include "nn/base/rng.h"
#include "tests/infer/answers.h"

static struct infer_answers with_logits(enum data_task task, int n, int labels, const float *z,
                                        const float *t)
{
    struct infer_answers a = answers(task, n, labels, z, t);

    a.logits = calloc((size_t)n * (size_t)labels + 1, sizeof *a.logits);
    memcpy(a.logits, z, (size_t)n * (size_t)labels * sizeof *z);
    return a;
}

static double gauss(uint64_t seed, uint64_t i)
{
    double u = rng_f32(seed, rng_stream(RNG_TEST, 1), 2 * i) + 1e-9,
           v = rng_f32(seed, rng_stream(RNG_TEST, 1), 2 * i + 1);

    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* n pictures whose truth is drawn as the logits say, which are then told `hot` times too large. */
static struct infer_answers made(enum data_task task, int n, int labels, double hot, uint64_t seed)
{
    size_t cells = (size_t)n * (size_t)labels;
    float *z = calloc(cells, sizeof *z), *t = calloc(cells, sizeof *t);
    struct infer_answers a;

    for (int i = 0; i < n; i++) {
        float *row = z + (size_t)i * (size_t)labels, *truth = t + (size_t)i * (size_t)labels;
        double sum = 0, u = rng_f32(seed, rng_stream(RNG_TEST, 2), (uint64_t)i);

        for (int l = 0; l < labels; l++) {
            row[l] = (float)(2.5 * gauss(seed, (uint64_t)i * (uint64_t)labels + (uint64_t)l));
            sum += exp(row[l]);
        }
        for (int l = 0; l < labels; l++) {
            if (task == DATA_MULTI)
                truth[l] = rng_f32(seed, rng_stream(RNG_TEST, 3),
                                   (uint64_t)i * (uint64_t)labels + (uint64_t)l) <
                           1 / (1 + exp(-row[l]));
            else if (u >= 0 && (u -= exp(row[l]) / sum) < 0)
                truth[l] = 1;
        }
        for (int l = 0; l < labels; l++)
            row[l] *= (float)hot;
    }
    a = with_logits(task, n, labels, z, t);
    free(z);
    free(t);
    return a;
}

static void a_known_temperature_is_found(void **state)
{
    static const double hot[] = { 0.4, 1, 3 };

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct infer_answers a = made(i % 2 ? DATA_MULTI : DATA_SINGLE, 4000, 5, hot[i / 2], 1);
        double t = infer_fit_temperature(&a);

        if (fabs(t / hot[i / 2] - 1) > 0.05)
            fail_msg("temperature %g, not %g", t, hot[i / 2]);
        infer_answers_release(&a);
    }
}

static void fits_are_pytorchs(void **state)
{
    struct err err = { 0 };
    size_t size;
    uint8_t *text = file_read("tests/golden/fit.json", 1 << 20, &size, &err);
    json_t *cases, *one;
    size_t k;

    (void)state;
    assert_non_null(text);
    cases = record_parse((const char *)text, size, &err);
    assert_int_equal(json_array_size(cases), 2);
    json_array_foreach(cases, k, one) {
        bool single = !strcmp(json_string_value(json_object_get(one, "task")), "single");
        int n = (int)number(one, "n"), labels = (int)number(one, "labels");
        float *z = floats(json_object_get(one, "logits")),
              *t = floats(json_object_get(one, "target"));
        struct infer_answers a =
            with_logits(single ? DATA_SINGLE : DATA_MULTI, n, labels, z, t);
        double scale[8], shift[8], temperature = infer_fit_temperature(&a);

        assert_true(fabs(temperature - number(one, "temperature")) < 1e-7);
        assert_true(infer_fit_vector(&a, temperature, scale, shift, &err));
        for (int l = 0; l < labels; l++) {
            double a0 = json_number_value(json_array_get(json_object_get(one, "scale"), (size_t)l)),
                   b0 = json_number_value(json_array_get(json_object_get(one, "shift"), (size_t)l));

            if (fabs(scale[l] - a0) > 1e-4 || fabs(shift[l] - b0) > 1e-4)
                fail_msg("label %d: %g %g, not %g %g", l, scale[l], shift[l], a0, b0);
        }
        infer_answers_release(&a);
        free(z);
        free(t);
    }
    json_decref(cases);
    free(text);
}

static struct infer_calibration fit(const struct infer_answers *a, struct infer_fit_options o,
                                    struct arena *mem)
{
    struct infer_calibration c;
    struct infer_fit_notes notes;
    struct err err = { 0 };

    if (!infer_fit(a, &o, mem, &c, &notes, &err))
        fail_msg("%s", err.msg);
    return c;
}

/* Shares of what is told with the thresholds that is true, and of what is true that is told. */
static void told(const struct infer_answers *a, const struct infer_calibration *c,
                 double *precision, double *recall)
{
    float *p = calloc((size_t)a->n * (size_t)a->n_labels, sizeof *p);
    int said = 0, right = 0, yes = 0;

    infer_fit_apply(a, c, p);
    for (int i = 0; i < a->n * a->n_labels; i++) {
        bool tell = p[i] >= infer_calibration_threshold(c, a->task, i % a->n_labels);

        said += tell;
        yes += a->target[i] > 0.5f;
        right += tell && a->target[i] > 0.5f;
    }
    *precision = (double)right / said;
    *recall = (double)right / yes;
    free(p);
}

static void thresholds_keep_their_promise_on_new_pictures(void **state)
{
    (void)state;
    for (int task = DATA_SINGLE; task <= DATA_MULTI; task++)
        for (int goal = INFER_GOAL_PRECISION; goal <= INFER_GOAL_RECALL; goal++) {
            struct infer_answers a = made(task, 1000, 4, 2, 7), b = made(task, 4000, 4, 2, 8);
            struct arena *mem = arena_new();
            struct infer_calibration c =
                fit(&a, (struct infer_fit_options){ .goal = goal, .goal_at = 0.9 }, mem);
            double precision, recall, is;

            told(&b, &c, &precision, &recall);
            is = goal == INFER_GOAL_PRECISION ? precision : recall;
            if (fabs(is - 0.9) > 0.02)
                fail_msg("%s %g, not 0.9", infer_goal_names[goal], is);
            arena_free(mem);
            infer_answers_release(&a);
            infer_answers_release(&b);
        }
}

static double f1_at(const struct infer_answers *a, const float *p, int label, double threshold)
{
    int said = 0, right = 0, yes = 0;

    for (int i = 0; i < a->n; i++) {
        bool tell = p[i * a->n_labels + label] >= threshold,
             is = a->target[i * a->n_labels + label] > 0.5f;

        said += tell;
        yes += is;
        right += tell && is;
    }
    return 2.0 * right / (said + yes);
}

static void thresholds_of_f1_are_the_best_there_are(void **state)
{
    struct infer_answers a = made(DATA_MULTI, 300, 3, 2, 9);
    struct arena *mem = arena_new();
    struct infer_calibration c = fit(&a, (struct infer_fit_options){ .goal = INFER_GOAL_F1 }, mem);
    float *p = calloc(900, sizeof *p);

    (void)state;
    infer_fit_apply(&a, &c, p);
    for (int l = 0; l < 3; l++) {
        double best = f1_at(&a, p, l, c.threshold[l]);

        for (int i = 0; i < 300; i++)
            assert_true(f1_at(&a, p, l, p[i * 3 + l]) <= best + 1e-12);
    }
    free(p);
    arena_free(mem);
    infer_answers_release(&a);
}

/* Label 2 is in 5 pictures only, label 1 says nothing of the truth. */
static void few_pictures_share_a_threshold_and_say_so(void **state)
{
    struct infer_answers a = made(DATA_MULTI, 400, 3, 1, 10);
    struct arena *mem = arena_new();
    struct infer_fit_options o = { .goal = INFER_GOAL_PRECISION, .goal_at = 0.9 };
    struct infer_calibration c;
    struct infer_fit_notes notes;
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < 400; i++) {
        a.target[i * 3 + 1] = (float)(i % 2);
        a.target[i * 3 + 2] = i < 5;
    }
    assert_true(infer_fit(&a, &o, mem, &c, &notes, &err));
    assert_int_equal(notes.few, 1);
    assert_int_equal(notes.never >= 1, 1);
    assert_true(c.threshold[1] == 1);
    assert_true(c.threshold[0] > 0.5 && c.threshold[0] < 1);
    arena_free(mem);
    infer_answers_release(&a);
}

static void bands_and_unknown_keep_their_promise_on_new_pictures(void **state)
{
    struct infer_answers a = made(DATA_SINGLE, 2000, 5, 2, 11),
                         b = made(DATA_SINGLE, 8000, 5, 2, 12);
    float *p = calloc(8000 * 5, sizeof *p);
    struct arena *mem = arena_new();
    struct infer_calibration c =
        fit(&a, (struct infer_fit_options){ .stated = { 0.7, 0.95 },
                                            .unknown = INFER_UNKNOWN_ENERGY,
                                            .false_alarms = 0.05 }, mem);
    int n[4] = { 0 }, right[4] = { 0 }, unknown = 0;

    (void)state;
    infer_fit_apply(&b, &c, p);
    memcpy(b.probability, p, 8000 * 5 * sizeof *p);
    for (int i = 0; i < b.n; i++) {
        int top = infer_answers_top(&b, i), band = infer_calibration_band(&c, p[i * 5 + top]);

        n[band]++;
        right[band] += top == b.truth[i];
        unknown += infer_calibration_unknown(&c, DATA_SINGLE, 5, p + i * 5, b.logits + i * 5);
    }
    assert_int_equal(n[INFER_BAND_NONE], 0);
    assert_true(n[INFER_BAND_HI] > 800 && n[INFER_BAND_MED] > 800);
    assert_true(right[INFER_BAND_HI] >= 0.945 * n[INFER_BAND_HI]);
    assert_true(right[INFER_BAND_MED] >= 0.69 * n[INFER_BAND_MED]);
    assert_true(fabs((double)unknown / b.n - 0.05) < 0.015);
    assert_true(c.unknown_false <= 0.05 && c.unknown_false > 0.04);
    assert_true(c.log_loss[1] < c.log_loss[0] && c.ece[1] < c.ece[0]);
    assert_int_equal(c.pictures, 2000);
    free(p);
    arena_free(mem);
    infer_answers_release(&a);
    infer_answers_release(&b);
}

/* Where nothing is wrong no temperature would be the best; and hi is everything. */
static void answers_without_a_mistake_are_not_made_certain(void **state)
{
    float z[200 * 2], t[200 * 2];
    struct infer_answers a;
    struct arena *mem = arena_new();
    struct infer_calibration c;

    (void)state;
    for (int i = 0; i < 200; i++) {
        z[2 * i] = i % 2 ? 1.5f + 0.001f * (float)i : -1;
        z[2 * i + 1] = -z[2 * i];
        t[2 * i] = (float)(i % 2);
        t[2 * i + 1] = (float)!(i % 2);
    }
    a = with_logits(DATA_SINGLE, 200, 2, z, t);
    c = fit(&a, (struct infer_fit_options){ .method = INFER_FIT_VECTOR, .stated = { 0.7, 0.95 } },
            mem);
    assert_true(c.temperature > 0.2 && c.temperature < 1);
    assert_int_equal(c.band_pictures[2], 200);
    assert_int_equal(infer_calibration_band(&c, 0.5f), INFER_BAND_HI);
    arena_free(mem);
    infer_answers_release(&a);
}

/* Refused before any of them is looked at: there are none here. */
static void more_answers_than_can_be_counted_are_refused(void **state)
{
    struct infer_answers a = { .task = DATA_MULTI, .n = 1 << 16, .n_labels = 1 << 16 };
    struct infer_fit_notes notes = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_false(infer_fit_thresholds(&a, NULL, INFER_GOAL_F1, 0, NULL, &notes, &err));
    assert_int_equal(err.kind, ERR_MEMORY);
}

static void what_cannot_be_fitted_is_refused(void **state)
{
    struct infer_answers a = made(DATA_SINGLE, 60, 3, 1, 13);
    struct infer_fit_options o = { .method = 0 };
    struct infer_fit_notes notes;
    struct infer_calibration c;
    struct arena *mem = arena_new();
    struct err err = { 0 };
    float *logits = a.logits;

    (void)state;
    assert_true(infer_fit(&a, &o, mem, &c, &notes, &err));
    a.logits = NULL;
    assert_false(infer_fit(&a, &o, mem, &c, &notes, &err));
    a.logits = logits;
    logits[7] = NAN;
    assert_false(infer_fit(&a, &o, mem, &c, &notes, &err));
    assert_non_null(strstr(err.msg, "no number"));
    logits[7] = 1;
    for (int i = 0; i < 45; i++)
        a.truth[i] = -1;
    assert_false(infer_fit(&a, &o, mem, &c, &notes, &err));
    assert_non_null(strstr(err.msg, "15 pictures are too few"));
    arena_free(mem);
    infer_answers_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_temperature_is_found),
        cmocka_unit_test(fits_are_pytorchs),
        cmocka_unit_test(thresholds_keep_their_promise_on_new_pictures),
        cmocka_unit_test(thresholds_of_f1_are_the_best_there_are),
        cmocka_unit_test(few_pictures_share_a_threshold_and_say_so),
        cmocka_unit_test(bands_and_unknown_keep_their_promise_on_new_pictures),
        cmocka_unit_test(answers_without_a_mistake_are_not_made_certain),
        cmocka_unit_test(more_answers_than_can_be_counted_are_refused),
        cmocka_unit_test(what_cannot_be_fitted_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
