/*
 * sampler: labels come equally often, pictures take turns, and an epoch follows from its number
 */
#include "tests/data/made.h"

#include "data/sampler.h"

enum { N = 6000, LABELS = 5 };          /* label 3 has no picture */

struct set {
    struct data_index x;
    struct data_sample sample[N];
    int8_t mark[N][LABELS];
    const char *label[LABELS];
};

/* One label a picture: 60 of label 0, 600 of label 1, the rest of labels 2 and 4; every 50th of no
 * known label. */
static void one_label(struct set *s)
{
    memset(s, 0, sizeof *s);
    s->x = (struct data_index){ .task = DATA_SINGLE, .n = N, .n_labels = LABELS,
                                .sample = s->sample, .label = s->label };
    for (int i = 0; i < N; i++)
        s->sample[i].label = i % 50 == 0 ? -1 : i % 100 == 1 ? 0 : i % 10 == 2 ? 1 : 2 + i % 2 * 2;
}

static struct data_sampler *balanced(const struct set *s, uint64_t seed)
{
    struct err err = { 0 };
    struct data_sampler *p = data_sampler_new(&s->x, DATA_SAMPLING_BALANCED, seed, &err);

    assert_non_null(p);
    return p;
}

static void labels_come_equally_often(void **state)
{
    static uint32_t order[N];
    struct set *s = malloc(sizeof *s);
    struct data_sampler *p;
    int count[LABELS] = { 0 };

    (void)state;
    one_label(s);
    p = balanced(s, 1);
    data_sampler_epoch(p, 0, order);
    for (int i = 0; i < N; i++) {
        assert_true(order[i] < N && s->sample[order[i]].label >= 0);
        count[s->sample[order[i]].label]++;
    }
    assert_int_equal(count[3], 0);
    for (int j = 0; j < LABELS; j++)            /* 1500 +- 34: five deviations */
        assert_true(j == 3 || abs(count[j] - N / 4) < 170);
    data_sampler_free(p);
    free(s);
}

static void pictures_of_a_label_take_turns(void **state)
{
    static uint32_t order[N];
    static int came[N];
    struct set *s = malloc(sizeof *s);
    struct data_sampler *p;
    int rounds = 0, same = 0, first[60], n = 0, n_first = 0;

    (void)state;
    one_label(s);
    p = balanced(s, 2);
    data_sampler_epoch(p, 7, order);
    memset(came, 0, sizeof came);
    for (int i = 0; i < N; i++) {
        if (s->sample[order[i]].label != 0)
            continue;
        assert_int_equal(came[order[i]]++, rounds);
        same += n_first == 60 && first[n] == (int)order[i];
        if (n_first < 60)
            first[n_first++] = (int)order[i];
        n = (n + 1) % 60;
        rounds += n == 0;
    }
    assert_true(rounds > 15);
    assert_true(same < N / 4 / 10);             /* each round in an order of its own */
    data_sampler_free(p);
    free(s);
}

static void an_epoch_follows_from_seed_and_number(void **state)
{
    static uint32_t a[N], b[N];
    struct set *s = malloc(sizeof *s);
    struct data_sampler *p, *q;

    (void)state;
    one_label(s);
    p = balanced(s, 3);
    q = balanced(s, 4);
    data_sampler_epoch(p, 5, a);
    data_sampler_epoch(p, 6, b);
    assert_memory_not_equal(a, b, sizeof a);
    data_sampler_epoch(p, 5, b);                /* whatever came between */
    assert_memory_equal(a, b, sizeof a);
    data_sampler_epoch(q, 5, b);
    assert_memory_not_equal(a, b, sizeof a);
    data_sampler_free(p);
    data_sampler_free(q);
    free(s);
}

/* Label 0 on 1 % of the pictures, 1 on a tenth, 2 on half; 4 on those of 1 as well, which changes
 * nothing; what is unknown counts as no. */
static void several_labels(struct set *s)
{
    memset(s, 0, sizeof *s);
    s->x = (struct data_index){ .task = DATA_MULTI, .n = N, .n_labels = LABELS,
                                .sample = s->sample, .label = s->label };
    for (int i = 0; i < N; i++) {
        s->sample[i].mark = s->mark[i];
        s->sample[i].label = -1;
        s->mark[i][0] = i % 100 == 0;
        s->mark[i][1] = s->mark[i][4] = i % 10 == 1;
        s->mark[i][2] = i % 2 == 0;
        s->mark[i][3] = i % 3 ? 0 : -1;
    }
}

/* Weights 1/60 for 60 pictures, 1/600 for 600, 1/3000 for 2940, and 1/2400 for the 2400 of none:
 * 3.98 in all. */
static void pictures_weigh_as_their_rarest_label(void **state)
{
    static uint32_t order[N];
    struct set *s = malloc(sizeof *s);
    struct data_sampler *p;
    double count[4] = { 0 }, share[4] = { 1 / 3.98, 1 / 3.98, 0.98 / 3.98, 1 / 3.98 };
    int distinct = 0;

    (void)state;
    several_labels(s);
    p = balanced(s, 5);
    for (uint64_t epoch = 0; epoch < 4; epoch++) {
        data_sampler_epoch(p, epoch, order);
        for (int i = 0; i < N; i++) {
            const int8_t *m = s->mark[order[i]];

            count[m[0] ? 0 : m[1] == 1 ? 1 : m[2] ? 2 : 3]++;
        }
    }
    for (int k = 0; k < 4; k++)                 /* 6030 +- 67 of 24000 */
        assert_true(fabs(count[k] - share[k] * 4 * N) < 340);
    for (int i = 0; i < N; i += 100) {
        bool came = false;

        for (int k = 0; k < N; k++)
            came |= order[k] == (uint32_t)i;
        distinct += came;
    }
    assert_int_equal(distinct, 60);
    data_sampler_free(p);
    free(s);
}

static void unbalanced_and_unlabelled_come_once_each(void **state)
{
    static uint32_t a[N], b[N];
    struct set *s = malloc(sizeof *s);
    struct err err = { 0 };
    struct data_sampler *p;

    (void)state;
    one_label(s);
    p = data_sampler_new(&s->x, DATA_SAMPLING_NONE, 6, &err);
    assert_non_null(p);
    data_sampler_epoch(p, 2, a);
    rng_shuffle(6, rng_stream(RNG_ORDER, 2), N, b);
    assert_memory_equal(a, b, sizeof a);
    data_sampler_free(p);
    for (int i = 0; i < N; i++)
        s->sample[i].label = -1;
    p = balanced(s, 6);
    data_sampler_epoch(p, 2, a);
    assert_memory_equal(a, b, sizeof a);
    data_sampler_free(p);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_come_equally_often),
        cmocka_unit_test(pictures_of_a_label_take_turns),
        cmocka_unit_test(an_epoch_follows_from_seed_and_number),
        cmocka_unit_test(pictures_weigh_as_their_rarest_label),
        cmocka_unit_test(unbalanced_and_unlabelled_come_once_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
