/*
 * test_batchnorm -- frozen, it trains with what it has
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/exec.h"
#include "nn/kernel/cpu.h"

#include <string.h>

enum { BATCH = 4, CHANNELS = 3 };

static const char net[] = "image = input shape=3\n"
                          "target = input shape=3\n"
                          "bn = batchnorm image%s\n"
                          "l = xent bn target\n"
                          "output bn = bn\n"
                          "output loss = l\n";

static real number(uint32_t stream, int i)
{
    return (real)(0.5 + rng_f64(1, rng_stream(RNG_TEST, stream), (uint64_t)i));
}

/* Output bn of a batch, and all values and gradients afterwards. */
static void run(bool frozen, enum nn_mode mode, int batch, real *y, real *value, real *grad)
{
    struct nn_plan_options opt = { .mode = mode, .batch = batch };
    struct err err = { 0 };
    struct str text = { 0 };
    struct nn_graph *g;
    struct nn_plan *plan;
    struct nn_params *p;
    struct nn_exec *e;
    struct tensor x, t;

    opt.kernels = nn_kernels_get("auto", &err);
    str_printf(&text, net, frozen ? " frozen=true" : "");
    g = nn_graph_read(str_text(&text), text.len, 0, NULL, &err);
    assert_non_null(g);
    plan = nn_plan_new(g, &opt, &err);
    p = nn_params_new(g, true, &err);
    assert_true(plan && p);
    e = nn_exec_new(plan, p, NULL, &err);
    assert_non_null(e);
    for (int i = 0; i < (int)p->total; i++)
        p->value[i] = number(1, i);
    x = nn_exec_input(e, "image");
    t = nn_exec_input(e, "target");
    for (int i = 0; i < batch * CHANNELS; i++) {
        ((real *)x.data)[i] = number(2, i);
        ((real *)t.data)[i] = i % CHANNELS == 1;
    }
    nn_exec_forward(e);
    if (mode == NN_TRAIN)
        nn_exec_backward(e);
    memcpy(y, nn_exec_output(e, "bn").data, (size_t)(batch * CHANNELS) * sizeof *y);
    memcpy(value, p->value, (size_t)p->total * sizeof *value);
    memcpy(grad, p->grad, (size_t)p->total * sizeof *grad);
    nn_exec_free(e);
    nn_params_free(p);
    nn_plan_free(plan);
    nn_graph_free(g);
    str_release(&text);
}

static void frozen_trains_as_it_infers(void **state)
{
    enum { TOTAL = 4 * 16 };
    real y[2][BATCH * CHANNELS], value[2][TOTAL], grad[2][TOTAL];
    bool learns = false;

    (void)state;
    run(true, NN_INFER, BATCH, y[0], value[0], grad[0]);
    run(true, NN_TRAIN, BATCH, y[1], value[1], grad[1]);
    assert_memory_equal(y[0], y[1], sizeof *y);
    assert_memory_equal(value[0], value[1], sizeof *value);     /* running statistics stay */
    for (int i = 0; i < TOTAL; i++)
        learns |= grad[1][i] != 0;
    assert_true(learns);
    run(false, NN_TRAIN, BATCH, y[1], value[1], grad[1]);
    assert_memory_not_equal(y[0], y[1], sizeof *y);
    assert_memory_not_equal(value[0], value[1], sizeof *value);
}

static void frozen_mixes_no_pictures(void **state)
{
    enum { TOTAL = 4 * 16 };
    real all[BATCH * CHANNELS], first[CHANNELS], value[TOTAL], grad[TOTAL];

    (void)state;
    run(true, NN_TRAIN, BATCH, all, value, grad);
    run(true, NN_TRAIN, 1, first, value, grad);
    assert_memory_equal(all, first, sizeof first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frozen_trains_as_it_infers),
        cmocka_unit_test(frozen_mixes_no_pictures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
