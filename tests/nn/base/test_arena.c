/*
 * arena: memory is zeroed, aligned, apart; sizes that do not fit are refused
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/arena.h"

#include <string.h>

static void blocks_are_zeroed_aligned_and_apart(void **state)
{
    enum { N = 3000 };
    static unsigned char *p[N];
    struct arena *a = arena_new();

    (void)state;
    assert_non_null(a);
    for (size_t i = 0; i < N; i++) {
        size_t bytes = i * 7 % 311 + (i % 500 == 0 ? 100000 : 0);

        p[i] = arena_alloc(a, bytes);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        for (size_t j = 0; j < bytes; j++)
            assert_int_equal(p[i][j], 0);
        memset(p[i], (int)(i % 255 + 1), bytes);
    }
    for (size_t i = 0; i < N; i++) {
        size_t bytes = i * 7 % 311 + (i % 500 == 0 ? 100000 : 0);

        for (size_t j = 0; j < bytes; j++)
            assert_int_equal(p[i][j], i % 255 + 1);
    }
    arena_free(a);
}

static void nothing_is_a_valid_and_own_pointer(void **state)
{
    struct arena *a = arena_new();
    void *p = arena_alloc(a, 0), *q = arena_alloc(a, 0);

    (void)state;
    assert_non_null(p);
    assert_non_null(q);
    assert_ptr_not_equal(p, q);
    assert_non_null(arena_copy(a, NULL, 0));
    arena_free(a);
    arena_free(NULL);
}

static void absurd_sizes_give_null(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 15));
    assert_null(arena_alloc(a, SIZE_MAX - 64));
    assert_null(arena_array(a, SIZE_MAX / 2, 3));
    assert_null(arena_array(a, (size_t)1 << 32, (size_t)1 << 32));
    assert_non_null(arena_alloc(a, 10));
    arena_free(a);
}

static void copies_equal_their_source(void **state)
{
    struct arena *a = arena_new();
    int numbers[] = { 1, 2, 3 };

    (void)state;
    assert_string_equal(arena_str(a, "text"), "text");
    assert_string_equal(arena_printf(a, "%s-%d", "node", 7), "node-7");
    assert_string_equal(arena_printf(a, "%0500d", 7) + 498, "07");
    assert_memory_equal(arena_copy(a, numbers, sizeof numbers), numbers, sizeof numbers);
    arena_free(a);
}

static void sizes_that_do_not_fit_are_refused_and_leave_out_alone(void **state)
{
    size_t out = 42;

    (void)state;
    assert_false(size_mul(SIZE_MAX, 2, &out));
    assert_false(size_add(SIZE_MAX, 1, &out));
    assert_int_equal(out, 42);
    assert_true(size_mul(SIZE_MAX, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_true(size_mul(0, SIZE_MAX, &out));
    assert_int_equal(out, 0);
    assert_true(size_add(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zeroed_aligned_and_apart),
        cmocka_unit_test(nothing_is_a_valid_and_own_pointer),
        cmocka_unit_test(absurd_sizes_give_null),
        cmocka_unit_test(copies_equal_their_source),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused_and_leave_out_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
