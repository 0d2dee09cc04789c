/*
 * answers -- for tests: answers by hand, and scikit-learn's golden ones
 */
#ifndef TESTS_INFER_ANSWERS_H
#define TESTS_INFER_ANSWERS_H

#include "infer/answers.h"
#include "nn/base/file.h"
#include "nn/base/record.h"
#include "nn/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Release them. */
static inline struct infer_answers answers(enum data_task task, int n, int n_labels, const float *p,
                                           const float *t)
{
    int *sample = calloc((size_t)n + 1, sizeof *sample);
    struct infer_answers a;
    struct err err = { 0 };

    for (int i = 0; i < n; i++)
        sample[i] = i;
    assert_true(infer_answers_init(&a, task, n_labels, n, &err));
    memcpy(a.probability, p, (size_t)n * (size_t)n_labels * sizeof *p);
    infer_answers_add(&a, n, t, sample);
    free(sample);
    return a;
}

/* The cases of tests/golden/metric.json, made by tests/golden/metric.py: json_decref them. */
static inline json_t *golden(void)
{
    struct err err = { 0 };
    size_t size;
    uint8_t *text = file_read("tests/golden/metric.json", 1 << 20, &size, &err);
    json_t *cases;

    assert_non_null(text);
    cases = record_parse((const char *)text, size, &err);
    assert_non_null(cases);
    assert_int_equal(json_array_size(cases), 5);
    free(text);
    return cases;
}

static inline double number(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);

    assert_non_null(v);
    return json_is_null(v) ? NAN : json_number_value(v);
}

static inline float *floats(const json_t *array)
{
    float *x = calloc(json_array_size(array), sizeof *x);

    for (size_t i = 0; i < json_array_size(array); i++)
        x[i] = (float)json_number_value(json_array_get(array, i));
    return x;
}

/* The answers of a case, as they were or the last picture first; threshold[8] is lent to them. */
static inline struct infer_answers golden_answers(const json_t *c, bool reverse, float *threshold)
{
    bool single = !strcmp(json_string_value(json_object_get(c, "task")), "single");
    const json_t *thresholds = json_object_get(c, "threshold");
    int n_labels = (int)number(c, "labels");
    int n = (int)json_array_size(json_object_get(c, "target")) / n_labels;
    float *p = floats(json_object_get(c, "probability")), *t = floats(json_object_get(c, "target"));
    struct infer_answers a;

    for (int i = 0; reverse && i < n / 2; i++)
        for (int l = 0; l < n_labels; l++) {
            int from = i * n_labels + l, to = (n - 1 - i) * n_labels + l;
            float x = p[from], y = t[from];

            p[from] = p[to], t[from] = t[to];
            p[to] = x, t[to] = y;
        }
    a = answers(single ? DATA_SINGLE : DATA_MULTI, n, n_labels, p, t);
    a.top_k = 2;
    assert_true(n_labels <= 8);
    for (int l = 0; thresholds && l < n_labels; l++)
        threshold[l] = (float)json_number_value(json_array_get(thresholds, (size_t)l));
    a.threshold = thresholds ? threshold : NULL;
    free(p);
    free(t);
    return a;
}

/* n answers whose probability says a little about the truth. */
static inline struct infer_answers noisy(enum data_task task, int n, int n_labels)
{
    size_t cells = (size_t)n * (size_t)n_labels;
    float *p = calloc(cells, sizeof *p), *t = calloc(cells, sizeof *t);
    struct infer_answers a;

    for (size_t i = 0; i < cells; i++) {
        p[i] = rng_f32(1, rng_stream(RNG_TEST, 0), i);
        t[i] = rng_f32(1, rng_stream(RNG_TEST, 1), i) < 0.3f + 0.4f * p[i];
        if (task == DATA_SINGLE)
            t[i] = i % (size_t)n_labels == i / (size_t)n_labels % (size_t)n_labels;
    }
    a = answers(task, n, n_labels, p, t);
    free(p);
    free(t);
    return a;
}

#endif
