/* suspect: labels that are likely wrong are those of the definition; golden values of
 * tests/golden/cluster.py */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/embed/suspect.h"
#include "tests/infer/answers.h"

enum { LABELS = 3 };

static void suspects_are_those_of_the_definition(void **state)
{
    struct err err = { 0 };
    size_t size;
    uint8_t *text = file_read("tests/golden/cluster.json", 1 << 20, &size, &err);
    json_t *golden = record_parse((const char *)text, size, &err);
    const json_t *given = json_object_get(golden, "given"),
                 *want = json_object_get(golden, "suspects");
    float *p = floats(json_object_get(golden, "p"));
    int n = (int)json_array_size(given), found;
    float *target = calloc((size_t)n * LABELS, sizeof *target);
    struct infer_probe_data d = { .task = DATA_SINGLE, .n = n, .n_labels = LABELS,
                                  .target = target };
    struct infer_suspect *s;
    struct infer_suspect_pair *pair;
    int pairs, sum = 0;

    (void)state;
    for (int i = 0; i < n; i++)
        target[i * LABELS + (int)json_integer_value(json_array_get(given, (size_t)i))] = 1;
    found = infer_suspects(&d, p, NULL, NULL, &s, &err);
    assert_int_equal(found, json_array_size(want));
    for (int i = 0; i < found; i++) {
        const json_t *one = json_array_get(want, (size_t)i);

        assert_int_equal(s[i].row, json_integer_value(json_array_get(one, 0)));
        assert_int_equal(s[i].likely, json_integer_value(json_array_get(one, 1)));
        assert_int_equal(target[s[i].row * LABELS + s[i].given], 1);
        assert_float_equal(s[i].p_given, p[s[i].row * LABELS + s[i].given], 1e-7);
    }
    pairs = infer_suspect_pairs(found, s, &pair, &err);
    for (int i = 0; i < pairs; i++) {
        sum += pair[i].n;
        assert_true(!i || pair[i].n <= pair[i - 1].n);
    }
    assert_int_equal(sum, found);
    free(pair);
    free(s);
    free(p);
    free(target);
    free(text);
    json_decref(golden);
}

/* Of several labels each is a question by itself; what is unknown, or does not count, is not
 * asked. */
static void each_of_several_labels_is_a_question(void **state)
{
    enum { N = 8 };
    static const float p[N * 2] = { 0.9f, 0.1f, 0.8f, 0.2f, 0.9f, 0.1f, 0.1f, 0.9f,
                                    0.1f, 0.8f, 0.1f, 0.1f, 0.2f, 0.9f, 0.9f, 0.1f };
    static const float target[N * 2] = { 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, -1, 0, 0 };
    static const bool use[N] = { true, true, true, true, true, true, true, false };
    struct infer_probe_data d = { .task = DATA_MULTI, .n = N, .n_labels = 2, .target = target,
                                  .use = use };
    static const char *const label[] = { "cat", "dog" };
    struct infer_suspect *s;
    struct str given = { 0 }, likely = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(infer_suspects(&d, p, NULL, NULL, &s, &err), 2);
    /* The third is a cat that nobody named; the sixth no dog. */
    assert_int_equal(s[0].row, 2);
    assert_int_equal(s[0].given, -1);
    assert_int_equal(s[0].likely, 0);
    assert_float_equal(s[0].p_likely, 0.9, 1e-6);
    assert_int_equal(s[1].row, 5);
    assert_int_equal(s[1].given, 1);
    assert_int_equal(s[1].likely, -1);
    infer_suspect_given(&given, label, s[0].given, s[0].likely);
    infer_suspect_likely(&likely, label, s[0].given, s[0].likely);
    assert_string_equal(str_text(&given), "no cat");
    assert_string_equal(str_text(&likely), "cat");
    str_release(&given);
    str_release(&likely);
    free(s);
}

/* Whoever judged the only picture of a label has not seen that label: nothing can be said of it,
 * nor where all its pictures were held out together. */
static void what_no_other_part_has_is_not_judged(void **state)
{
    enum { N = 10 };
    static const int given[N] = { 0, 0, 0, 0, 0, 1, 1, 1, 2, 2 };
    static const int fold[2][N] = { { 0, 1, 0, 1, 0, 0, 1, 0, 1, 1 },
                                    { 0, 1, 0, 1, 0, 0, 1, 0, 1, 0 } };
    float p[N * LABELS], target[N * LABELS] = { 0 };
    struct infer_probe_data d = { .task = DATA_SINGLE, .n = N, .n_labels = LABELS,
                                  .target = target };
    struct infer_suspect *s;
    struct err err = { 0 };
    bool judged[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        target[i * LABELS + given[i]] = 1;
        for (int l = 0; l < LABELS; l++)
            p[i * LABELS + l] = l == (given[i] + (given[i] == 2)) % LABELS ? 0.9f : 0.05f;
    }
    assert_int_equal(infer_suspects(&d, p, fold[0], judged, &s, &err), 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(judged[i], i < 8);
    free(s);
    assert_int_equal(infer_suspects(&d, p, fold[1], judged, &s, &err), 2);
    assert_true(judged[8] && judged[9]);
    free(s);
    target[9 * LABELS + 2] = 0;
    assert_int_equal(infer_suspects(&d, p, NULL, judged, &s, &err), 0);
    assert_false(judged[8] || judged[9]);
    assert_true(judged[7]);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suspects_are_those_of_the_definition),
        cmocka_unit_test(each_of_several_labels_is_a_question),
        cmocka_unit_test(what_no_other_part_has_is_not_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
