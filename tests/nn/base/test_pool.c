/*
 * pool: every piece runs exactly once, whatever the threads
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/pool.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { MAX = 5000, MAX_THREADS = 8 };

struct job {
    int ran[MAX];                   /* plain: ThreadSanitizer would see two threads at one piece */
    int by[MAX_THREADS][16];        /* pieces of each worker, a cache line apart */
    atomic_int busy[MAX_THREADS];
    atomic_bool bad;
};

static void count(void *arg, int i, int worker)
{
    struct job *j = arg;

    if (atomic_fetch_add(&j->busy[worker], 1) != 0)
        j->bad = true;
    j->ran[i]++;
    j->by[worker][0]++;
    atomic_fetch_sub(&j->busy[worker], 1);
}

static void cover(struct pool *p, int n)
{
    static struct job j;
    int total = 0;

    memset(&j, 0, sizeof j);
    pool_for(p, n, count, &j);
    for (int i = 0; i < MAX; i++)
        if (j.ran[i] != (i < n))
            fail_msg("piece %d of %d ran %d times on %d threads", i, n, j.ran[i], pool_threads(p));
    for (int i = 0; i < MAX_THREADS; i++)
        total += j.by[i][0];
    assert_int_equal(total, n);
    for (int i = pool_threads(p); i < MAX_THREADS; i++)
        assert_int_equal(j.by[i][0], 0);
    assert_false(j.bad);
}

static void every_piece_runs_exactly_once(void **state)
{
    static const int threads[] = { 1, 2, 3, 8 }, sizes[] = { 0, 1, 2, 3, 7, 8, 9, 100, MAX };

    (void)state;
    for (size_t t = 0; t < 4; t++) {
        struct err err = { 0 };
        struct pool *p = pool_new(threads[t], &err);

        assert_non_null(p);
        assert_int_equal(pool_threads(p), threads[t]);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (int again = 0; again < 3; again++)
                cover(p, sizes[s]);
        pool_free(p);
    }
}

static void no_pool_is_the_caller_alone(void **state)
{
    (void)state;
    assert_int_equal(pool_threads(NULL), 1);
    cover(NULL, 100);
    pool_free(NULL);
}

static void nothing(void *arg, int i, int worker)
{
    (void)arg, (void)i, (void)worker;
}

static void pools_that_never_worked_can_be_freed(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct err err = { 0 };
        struct pool *p = pool_new(1 + i % MAX_THREADS, &err);

        assert_non_null(p);
        if (i % 2)
            pool_for(p, 1 + i, nothing, NULL);
        pool_free(p);
    }
}

struct sum {
    long part[64];
};

static void add(void *arg, int i, int worker)
{
    struct sum *s = arg;

    (void)worker;
    s->part[i] += i;
}

/* What one job wrote, the next reads: with no lock of its own. */
static void jobs_follow_each_other_without_a_gap(void **state)
{
    (void)state;
    for (int threads = 2; threads <= MAX_THREADS; threads++) {
        struct err err = { 0 };
        struct pool *p = pool_new(threads, &err);
        struct sum s = { { 0 } };

        assert_non_null(p);
        for (int again = 0; again < 2000; again++)
            pool_for(p, 1 + again % 64, add, &s);
        for (int i = 0; i < 64; i++) {
            int want = 0;

            for (int again = 0; again < 2000; again++)
                want += i < 1 + again % 64 ? i : 0;
            assert_int_equal(s.part[i], want);
        }
        pool_free(p);
    }
}

static void wait_a_little(void *arg, int i, int worker)
{
    struct timespec ms = { 0, 2000000 };

    (void)arg, (void)i, (void)worker;
    nanosleep(&ms, NULL);
}

/* Long pieces and pauses: workers and caller all get to sleep and are woken again. */
static void sleepers_are_woken(void **state)
{
    struct err err = { 0 };
    struct pool *p = pool_new(4, &err);

    (void)state;
    assert_non_null(p);
    for (int i = 0; i < 10; i++) {
        pool_for(p, 2 + i % 5, wait_a_little, NULL);
        wait_a_little(NULL, 0, 0);
        cover(p, 64);
    }
    pool_free(p);
}

static void there_is_a_processor(void **state)
{
    (void)state;
    assert_true(pool_cpus() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_runs_exactly_once),
        cmocka_unit_test(no_pool_is_the_caller_alone),
        cmocka_unit_test(pools_that_never_worked_can_be_freed),
        cmocka_unit_test(jobs_follow_each_other_without_a_gap),
        cmocka_unit_test(sleepers_are_woken),
        cmocka_unit_test(there_is_a_processor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
