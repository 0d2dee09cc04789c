/*
 * answers -- for tests: answers by hand, and scikit-learn's golden ones
 */
#ifndef TESTS_INFER_ANSWERS_H
#define TESTS_INFER_ANSWERS_H

#include "infer/answers.h"
#include "nn/base/file.h"
#include "nn/base/record.h"

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
    assert_int_equal(json_array_size(cases), 4);
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

#endif
