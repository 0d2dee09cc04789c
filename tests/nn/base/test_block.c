/*
 * block: memory of any size is there, aligned, and given back
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/base/block.h"

#include <string.h>

static void blocks_are_aligned_and_can_be_written(void **state)
{
    static const size_t sizes[] = { 0, 1, 63, 64, 65, 4096, (4 << 20) - 1, 4 << 20, (9 << 20) + 5 };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *block = block_new(sizes[i]);

        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        memset(block, (int)i + 1, sizes[i]);
        assert_true(sizes[i] == 0 || block[sizes[i] - 1] == i + 1);
        block_free(block);
    }
    block_free(NULL);
}

static void more_than_there_is_is_refused(void **state)
{
    (void)state;
    assert_null(block_new(SIZE_MAX));
    assert_null(block_new(SIZE_MAX - 100));
    assert_null(block_new(SIZE_MAX / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_can_be_written),
        cmocka_unit_test(more_than_there_is_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
