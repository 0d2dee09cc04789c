/* suspect: labels that are likely wrong are those of the definition; golden values of
 * tests/golden/cluster.py */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/suspect.h"
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
    found = infer_suspects(&d, p, &s, &err);
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
    assert_int_equal(infer_suspects(&d, p, &s, &err), 2);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suspects_are_those_of_the_definition),
        cmocka_unit_test(each_of_several_labels_is_a_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
