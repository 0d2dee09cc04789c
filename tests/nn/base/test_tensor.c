/*
 * tensor: names and sizes of element types, shapes that do not fit
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/tensor.h"

static void names_find_their_types(void **state)
{
    static const size_t sizes[] = { sizeof(real), 2, 2, 1, 1, 4, 8 };
    enum dtype t = DTYPE_I64;

    (void)state;
    for (int i = 0; i < DTYPE_COUNT; i++) {
        assert_true(dtype_find(dtype_name((enum dtype)i), &t));
        assert_int_equal(t, i);
        assert_int_equal(dtype_size(t), sizes[i]);
    }
    assert_false(dtype_find("f33", &t));
    assert_false(dtype_find("", &t));
}

static void sizes_are_products(void **state)
{
    struct shape scalar = { 0 }, s = { 4, { 2, 3, 5, 7 } }, t = s, empty = { 3, { 4, 0, 9 } };
    size_t bytes;

    (void)state;
    assert_int_equal(shape_count(&scalar), 1);
    assert_int_equal(shape_count(&s), 210);
    assert_true(shape_bytes(&s, DTYPE_I32, &bytes));
    assert_int_equal(bytes, 840);
    assert_true(shape_bytes(&scalar, DTYPE_U8, &bytes));
    assert_int_equal(bytes, 1);
    assert_true(shape_bytes(&empty, DTYPE_U8, &bytes));
    assert_int_equal(bytes, 0);
    assert_int_equal(shape_count(&empty), 0);

    t.dim[4] = 99;                      /* behind the rank: does not count */
    assert_true(shape_equal(&s, &t));
    t.dim[3] = 8;
    assert_false(shape_equal(&s, &t));
    t.rank = 3;
    assert_false(shape_equal(&s, &t));
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
    static const struct shape bad[] = {
        { 2, { -1, 4 } },
        { 2, { (int64_t)1 << 32, (int64_t)1 << 32 } },
        { 3, { (int64_t)1 << 32, (int64_t)1 << 32, 0 } },
        { 3, { 0, (int64_t)1 << 32, (int64_t)1 << 32 } },
        { 1, { INT64_MAX } },
        { 2, { 0, -1 } },
        { 9, { 1 } },
        { -1, { 1 } },
    };
    size_t bytes = 42;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (shape_bytes(&bad[i], DTYPE_I64, &bytes))
            fail_msg("shape %zu has %zu bytes", i, bytes);
    assert_int_equal(bytes, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_find_their_types),
        cmocka_unit_test(sizes_are_products),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
