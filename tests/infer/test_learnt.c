/* learnt: a model tells which pictures it has learnt from, and those that it began with */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/learnt.h"
#include "nn/base/record.h"

#include <stdlib.h>

enum { MANY = 1000 };

/* n pictures, the first of which is number `first`; hashes are spread as hashes are. */
static struct data_index pictures(struct data_sample *sample, int first, int n)
{
    for (int i = 0; i < n; i++)
        sample[i] = (struct data_sample){
            .split = DATA_TRAIN, .hash = (uint64_t)(first + i + 1) * 0x9e3779b97f4a7c15 };
    return (struct data_index){ .n = n, .sample = sample };
}

/* The provenance of a model that has learnt from x, and began with `before` (NULL: nothing).
 * free() it. */
static char *learnt(const struct data_index *x, const struct infer_model *before)
{
    json_t *data = json_pack("{s:i, s:o}", "train", x->n, "sample",
                             infer_learnt_sample(x, DATA_TRAIN)), *all;
    json_t *earlier = before ? infer_learnt_earlier(before, true) : NULL;
    char *text;

    if (earlier)
        json_object_set_new(data, "earlier", earlier);
    all = json_pack("{s:o}", "data", data);
    text = record_dump(all);
    json_decref(all);
    assert_non_null(text);
    return text;
}

static void what_was_learnt_before_counts_too(void **state)
{
    static struct data_sample sample[3][MANY];
    struct data_index few = pictures(sample[0], 0, 40), many = pictures(sample[1], 100, MANY),
                      other = pictures(sample[2], 5000, 50);
    struct infer_model first = { .provenance = learnt(&few, NULL) }, second, third;
    int half;

    (void)state;
    second = (struct infer_model){ .provenance = learnt(&many, &first) };
    third = (struct infer_model){ .provenance = learnt(&other, &second) };
    assert_int_equal(infer_learnt_count(&first, &few), 40);
    assert_int_equal(infer_learnt_count(&first, &many), 0);
    assert_int_equal(infer_learnt_count(&second, &few), 40);
    assert_int_equal(infer_learnt_count(&third, &few), 40);
    assert_int_equal(infer_learnt_count(&third, &many), MANY);
    assert_int_equal(infer_learnt_count(&third, &other), 50);
    many.n = MANY / 2;
    half = infer_learnt_count(&third, &many);
    assert_true(half > MANY / 2 - 200 && half <= MANY / 2);
    other = pictures(sample[2], 9000, 50);
    assert_int_equal(infer_learnt_count(&third, &other), 0);
    free((char *)(uintptr_t)first.provenance);
    free((char *)(uintptr_t)second.provenance);
    free((char *)(uintptr_t)third.provenance);
}

/* A long line of models: the last ones are told. */
static void a_file_does_not_grow_for_ever(void **state)
{
    static struct data_sample sample[8];
    struct infer_model m = { .provenance = NULL };
    struct data_index x;

    (void)state;
    for (int i = 0; i < INFER_LEARNT_EARLIER + 3; i++) {
        struct infer_model next;

        x = pictures(sample, 10 * i, 8);
        next = (struct infer_model){ .provenance = learnt(&x, i ? &m : NULL) };
        free((char *)(uintptr_t)m.provenance);
        m = next;
    }
    x = pictures(sample, 0, 8);
    assert_int_equal(infer_learnt_count(&m, &x), 0);
    x = pictures(sample, 20, 8);
    assert_int_equal(infer_learnt_count(&m, &x), 8);
    free((char *)(uintptr_t)m.provenance);
}

/* Files of others hold anything. */
static void what_is_no_sample_is_none(void **state)
{
    static const char *const text[] = {
        "{}", "[]", "{\"data\":3}", "{\"data\":{\"earlier\":3}}",
        "{\"data\":{\"train\":9,\"sample\":\"00\","
        "\"earlier\":[1,{\"train\":-1,\"sample\":[\"01\"]},{\"train\":4,\"sample\":[7]}]}}",
    };
    static struct data_sample sample[8];
    struct data_index x = pictures(sample, 0, 8);

    (void)state;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct infer_model m = { .provenance = text[i] };

        assert_false(infer_learnt_known(&m));
        assert_int_equal(infer_learnt_count(&m, &x), -1);
        assert_null(infer_learnt_earlier(&m, true));
        assert_null(infer_learnt_earlier(&m, false));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_learnt_before_counts_too),
        cmocka_unit_test(a_file_does_not_grow_for_ever),
        cmocka_unit_test(what_is_no_sample_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
