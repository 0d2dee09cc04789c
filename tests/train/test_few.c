/* few: as many pictures of each label as were asked for, by the seed; the others check */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "train/few.h"

#include <string.h>

enum { N = 60, LABELS = 3 };

struct set {
    struct data_sample sample[N];
    int8_t mark[N * LABELS];
    struct data_index x;
};

static void make(struct set *s, enum data_task task)
{
    memset(s, 0, sizeof *s);
    s->x = (struct data_index){ .task = task, .n_labels = LABELS, .sample = s->sample, .n = N };
    for (int i = 0; i < N; i++) {
        s->sample[i] = (struct data_sample){ .name = "x", .label = i < 2 ? 2 : i % 2,
                                             .split = i % 10 == 9 ? DATA_TEST
                                                      : i % 10 == 8 ? DATA_VAL : DATA_UNSPLIT };
        for (int l = 0; l < LABELS; l++)
            s->mark[i * LABELS + l] = i % (l + 2) == 0;
        if (task == DATA_MULTI)
            s->sample[i].mark = &s->mark[i * LABELS];
    }
}

static bool reads(const struct data_sample *s, const void *ctx)
{
    (void)ctx;
    return strcmp(s->name, "junk") != 0;
}

static struct train_few_drawn draw(struct set *s, int few, uint64_t seed)
{
    struct train_few_drawn drawn;
    struct err err = { 0 };

    assert_true(train_few_draw(&s->x, few, seed, reads, NULL, &drawn, &err));
    return drawn;
}

static void each_label_has_so_many(void **state)
{
    struct set s, again, other;
    struct train_few_drawn drawn;
    int count[LABELS] = { 0 }, val = 0, differ = 0;

    (void)state;
    make(&s, DATA_SINGLE);
    make(&again, DATA_SINGLE);
    make(&other, DATA_SINGLE);
    drawn = draw(&s, 5, 1);
    draw(&again, 5, 1);
    draw(&other, 5, 2);
    for (int i = 0; i < N; i++) {
        if (i % 10 >= 8)
            assert_int_equal(s.sample[i].split, i % 10 == 9 ? DATA_TEST : DATA_VAL);
        else
            val += s.sample[i].split == DATA_VAL;
        if (s.sample[i].split == DATA_TRAIN)
            count[s.sample[i].label]++;
        assert_int_equal(s.sample[i].split, again.sample[i].split);
        differ += s.sample[i].split != other.sample[i].split;
    }
    assert_true(count[0] == 5 && count[1] == 5 && count[2] == 2);
    assert_true(drawn.train == 12 && drawn.val == val && drawn.fewer == 1);
    assert_true(differ > 0);
}

static void a_picture_counts_for_all_of_its_labels(void **state)
{
    struct set s;
    struct train_few_drawn drawn;
    int count[LABELS] = { 0 };

    (void)state;
    make(&s, DATA_MULTI);
    drawn = draw(&s, 3, 1);
    for (int i = 0; i < N; i++)
        for (int l = 0; s.sample[i].split == DATA_TRAIN && l < LABELS; l++)
            count[l] += s.mark[i * LABELS + l];
    for (int l = 0; l < LABELS; l++)
        assert_true(count[l] >= 3);
    assert_true(drawn.train <= 9 && drawn.fewer == 0);
}

static void others_stand_for_what_cannot_be_read(void **state)
{
    struct train_few_drawn drawn;
    struct set s;
    int good = 0, junk = 0;

    (void)state;
    make(&s, DATA_SINGLE);
    for (int i = 0; i < N; i++)
        if (s.sample[i].label == 2 || (s.sample[i].label == 0 && i % 3))
            s.sample[i].name = "junk";
    drawn = draw(&s, 5, 1);
    for (int i = 0; i < N; i++)
        if (s.sample[i].split == DATA_TRAIN) {
            good += s.sample[i].label == 0 && reads(&s.sample[i], NULL);
            junk += !reads(&s.sample[i], NULL);
        }
    assert_int_equal(good, 5);
    assert_true(drawn.train == 10 && drawn.unread == junk && junk > 2 && drawn.fewer == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_stand_for_what_cannot_be_read),
        cmocka_unit_test(each_label_has_so_many),
        cmocka_unit_test(a_picture_counts_for_all_of_its_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
