/*
 * optim: every optimiser does what its formula says, step after step
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"
#include "train/optim/optim.h"

#include <string.h>

enum { N = 37, STEPS = 20 };

static float number(int stream, int64_t i)
{
    return (float)rng_normal(3, rng_stream(RNG_TEST, (uint32_t)stream), (uint64_t)i);
}

/* v = m v + g + d w;  w -= rate (g + d w + m v), in double beside it. */
static void sgd_is_the_formula(void **state)
{
    static const struct {
        double rate, momentum, decay;
    } cases[] = { { 0.1, 0.9, 0 }, { 0.05, 0.9, 5e-4 }, { 1, 0, 0.1 } };
    struct err err = { 0 };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        real w[N], v[N] = { 0 }, g[N];
        double w2[N], v2[N] = { 0 };
        struct train_optim_step s = {
            .k = nn_kernels_get("auto", &err),
            .n = N,
            .momentum = cases[c].momentum,
            .decay = cases[c].decay,
            .grad = g,
            .value = w,
            .moment = { v },
        };

        for (int i = 0; i < N; i++)
            w2[i] = w[i] = number(0, i);
        for (int step = 0; step < STEPS; step++) {
            s.rate = cases[c].rate / (step + 1);
            for (int i = 0; i < N; i++)
                g[i] = number(1 + step, i);
            train_optim_sgd.step(&s);
            for (int i = 0; i < N; i++) {
                double d = g[i] + s.decay * w2[i];

                v2[i] = s.momentum * v2[i] + d;
                w2[i] -= s.rate * (d + s.momentum * v2[i]);
            }
        }
        for (int i = 0; i < N; i++)
            assert_float_equal(w[i], w2[i], 1e-4);
    }
}

static void names_find_and_suggest(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_ptr_equal(train_optim_find("sgd", &err), &train_optim_sgd);
    assert_null(train_optim_find("sdg", &err));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.msg, "\"sgd\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_is_the_formula),
        cmocka_unit_test(names_find_and_suggest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
