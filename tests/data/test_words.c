/*
 * words: labels that look alike are paired, and labels that are meant to differ are not
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "data/words.h"

#include <stdlib.h>
#include <string.h>

static int alike(const char *a, const char *b)
{
    const char *word[] = { "zebra crossing", a, "quay", b };
    struct data_words_pair *pair = NULL;
    struct err err = { 0 };
    int n = data_words_alike(4, word, &pair, &err), why;

    if (n == 0) {
        free(pair);
        return -1;
    }
    assert_int_equal(n, 1);
    assert_int_equal(pair[0].a, 1);
    assert_int_equal(pair[0].b, 3);
    why = (int)pair[0].why;
    free(pair);
    return why;
}

static void case_and_spaces_tell_nothing(void **state)
{
    (void)state;
    assert_int_equal(alike("Cat", "cat"), DATA_WORDS_SPELLING);
    assert_int_equal(alike("polar bear", "polar_bear"), DATA_WORDS_SPELLING);
    assert_int_equal(alike("polar-bear ", "PolarBear"), DATA_WORDS_SPELLING);
}

static void plurals_are_found(void **state)
{
    (void)state;
    assert_int_equal(alike("cat", "cats"), DATA_WORDS_PLURAL);
    assert_int_equal(alike("roses", "rose"), DATA_WORDS_PLURAL);
    assert_int_equal(alike("bus", "buses"), DATA_WORDS_PLURAL);
    assert_int_equal(alike("Fox", "foxes"), DATA_WORDS_PLURAL);
}

static void slips_inside_long_words_are_found(void **state)
{
    (void)state;
    assert_int_equal(alike("dandelion", "dandellion"), DATA_WORDS_SLIP);
    assert_int_equal(alike("dandelion", "dandelon"), DATA_WORDS_SLIP);
    assert_int_equal(alike("dandelion", "dandeloin"), DATA_WORDS_SLIP);
    assert_int_equal(alike("dandelion", "dendelion"), DATA_WORDS_SLIP);
}

static void what_is_meant_to_differ_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(alike("cat", "car"), -1);
    assert_int_equal(alike("letter-a", "letter-b"), -1);
    assert_int_equal(alike("class10", "class11"), -1);
    assert_int_equal(alike("grade 1 low", "grade 2 low"), -1);
    assert_int_equal(alike("house", "mouse"), -1);
    assert_int_equal(alike("stage i", "stage ii"), -1);
    assert_int_equal(alike("male", "female"), -1);
    assert_int_equal(alike("+", "-"), -1);
    assert_int_equal(alike("1", "10"), -1);
    assert_int_equal(alike("as", "a"), -1);
    assert_int_equal(alike("\xe5\xa4\xa7\xe7\x99\xbd\xe8\x8f\x9c",
                           "\xe5\xa4\xa7\xe7\x99\xbe\xe8\x8f\x9c"), -1);
}

static void each_pair_is_told_once_in_order(void **state)
{
    static const int expected[] = { 1, 2, 12 };
    const char *word[] = { "cats", "Cats", "cat", "dog" };
    struct data_words_pair *pair = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(data_words_alike(4, word, &pair, &err), 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(10 * pair[i].a + pair[i].b, expected[i]);
    free(pair);
    assert_int_equal(data_words_alike(0, NULL, &pair, &err), 0);
    free(pair);
}

/* Words made to collide: linear work, not every pair. */
static void colliding_names_cost_no_more(void **state)
{
    enum { N = 4000, LENGTH = 30 };
    char (*text)[LENGTH + 1] = calloc(N, sizeof *text);
    const char **word = calloc(N, sizeof *word);
    struct data_words_pair *pair = NULL;
    struct err err = { 0 };

    (void)state;
    assert_true(text && word);
    for (int i = 0; i < N; i++) {
        memset(text[i], 'a', LENGTH);
        for (int k = 0; k < 15; k++)
            text[i][2 * k] = i >> k & 1 ? 'A' : 'a';
        word[i] = text[i];
    }
    assert_true(data_words_alike(N, word, &pair, &err) > 0);
    free(pair);
    free(word);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_and_spaces_tell_nothing),
        cmocka_unit_test(plurals_are_found),
        cmocka_unit_test(slips_inside_long_words_are_found),
        cmocka_unit_test(what_is_meant_to_differ_is_left_alone),
        cmocka_unit_test(each_pair_is_told_once_in_order),
        cmocka_unit_test(colliding_names_cost_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
