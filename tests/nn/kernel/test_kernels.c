/*
 * test_kernels -- every implementation in kernels.def against the contract of its slot
 *
 * A line in kernels.def becomes a test, check_SLOT(nn_SLOT_ISA); only a new slot needs a new check.
 * A check holds the function against the formula in kernel.h, written anew in double, in four
 * trials: whole numbers, so small that float is exact and the bound is 0 unless the slot divides or
 * takes an exponential; and numbers in (-1,1) with a bound in units of EPS times the sum of what is
 * added, in absolute values.  In each, every array ends right before a page that cannot be touched,
 * or starts right behind one.  Outputs that must not be read start as NaN.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"
#include "nn/op.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const double EPS = sizeof(real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON;

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

#include "tests/nn/kernel/trials.h"
#include "tests/nn/kernel/check_gemm.h"
#include "tests/nn/kernel/check_windows.h"
#include "tests/nn/kernel/check_map.h"
#include "tests/nn/kernel/check_rows.h"
#include "tests/nn/kernel/check_optim.h"
#include "tests/nn/kernel/check_conv.h"
#include "tests/nn/kernel/check_winograd.h"
#include "tests/nn/kernel/check_bn.h"
#include "tests/nn/kernel/check_windows_half.h"

#define KERNEL(slot, isa) \
    static void slot##_##isa(void **state) \
    { \
        (void)state; \
        if ((nn_cpu_isa() & NN_ISA_##isa) != NN_ISA_##isa) \
            skip(); \
        check_##slot(nn_##slot##_##isa); \
    }
#include "nn/kernel/kernels.def"
#undef KERNEL

static void every_slot_is_filled(void **state)
{
    const char *levels[9] = { NULL, "auto" };
    struct err err = { 0 };

    (void)state;
    for (int i = 0; cpu_names[i]; i++)
        levels[2 + i] = cpu_names[i];
    for (int i = 0; i < 2 || levels[i]; i++) {
        const struct nn_kernels *k = nn_kernels_get(levels[i], &err);

        if (i >= 2 && !(nn_cpu_isa() & 1u << (i - 2))) {
            assert_null(k);
            assert_int_equal(err.kind, ERR_UNSUPPORTED);
            err = (struct err){ 0 };
            continue;
        }
        assert_non_null(k);
#define SLOT(s) \
        assert_true(k->s != NULL); \
        assert_non_null(k->name.s);
        NN_SLOTS(SLOT)
#undef SLOT
    }
    assert_string_equal(nn_kernels_get("ref", &err)->name.gemm_f32, "ref");
    assert_int_equal(err.kind, ERR_NONE);
    assert_null(nn_kernels_get("sse9", &err));
    assert_int_equal(err.kind, ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slot_is_filled),
        cmocka_unit_test(a_product_is_that_of_its_row_and_column),
#define KERNEL(slot, isa) cmocka_unit_test(slot##_##isa),
#include "nn/kernel/kernels.def"
#undef KERNEL
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
