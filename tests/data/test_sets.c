/*
 * sets: the machine's real sets are read with the counts that are known of them
 *
 * Unpacking takes a while: tests/long/sets.sh asks for it.
 */
#include "tests/data/made.h"

#include "data/index.h"

struct known {
    const char *archive, *data;
    int n, train, val, test, labels;
    const char *label;          /* one of them, and how many pictures have it */
    int with;
};

static void has_its_counts(const struct known *k)
{
    const char *archive = getenv("DISCERN_LONG") ? made_dataset(k->archive) : NULL;
    int count[4] = { 0 }, of[64], at = -1;
    struct err err = { 0 };
    struct made_folder f;
    struct data_index *x;

    if (!archive) {
        printf("skipped: %s is unpacked by make check-long\n", k->archive);
        skip();
    }
    made_open(&f);
    made_unpack(&f, archive);
    x = data_index_open(made_path(&f, k->data), NULL, &err);
    if (!x)
        fail_msg("%s", err.msg);
    for (int i = 0; i < x->n; i++)
        count[x->sample[i].split]++;
    data_index_counts(x, of);
    for (int i = 0; i < x->n_labels; i++)
        at = strcmp(x->label[i], k->label) ? at : i;
    assert_int_equal(x->n, k->n);
    assert_int_equal(x->n_labels, k->labels);
    assert_int_equal(count[DATA_TRAIN], k->train);
    assert_int_equal(count[DATA_VAL], k->val);
    assert_int_equal(count[DATA_TEST], k->test);
    assert_true(at >= 0);
    assert_int_equal(of[at], k->with);
    assert_int_equal(x->n_skipped, 0);
    data_index_free(x);
    made_close(&f);
}

#define SET(name, ...) \
    static void name(void **state) \
    { \
        (void)state; \
        has_its_counts(&(struct known){ __VA_ARGS__ }); \
    }

SET(flowers, "flowers.tar.gz", "flowers", 3670, 2934, 0, 736, 5, "tulips", 639 + 160)
SET(cifar10, "cifar10.tar.gz", "cifar10", 60000, 50000, 0, 10000, 10, "horse", 6000)
SET(hymenoptera, "hymenoptera.tar.gz", "hymenoptera", 393, 242, 151, 0, 2, "ants", 123 + 69)
SET(movie_posters, "movie_posters.tar.gz", "movie_posters/labels.csv", 7242, 5823, 0, 1419, 25,
    "Western", 36 + 14)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flowers),
        cmocka_unit_test(cifar10),
        cmocka_unit_test(hymenoptera),
        cmocka_unit_test(movie_posters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
