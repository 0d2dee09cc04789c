/*
 * test_dropout -- what is dropped: the right share, anew at each step, not alike in two places;
 * of droppath whole pictures
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/exec.h"
#include "nn/kernel/cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two on one input, more numbers than one piece of work has. */
static const char net[] = "image = input shape=8x8x32\n"
                          "target = input shape=5\n"
                          "a = dropout image rate=0.25\n"
                          "b = dropout image rate=0.25\n"
                          "s = add a b\n"
                          "m = meanpool s\n"
                          "fc = linear m width=5\n"
                          "l = xent fc target\n"
                          "output a = a\n"
                          "output b = b\n"
                          "output loss = l\n";

enum { BATCH = 10, NUMBERS = BATCH * 8 * 8 * 32 };

static struct nn_graph *g;
static struct nn_plan *plan;
static struct nn_params *params;
static struct nn_exec *e;

static int begin(void **state)
{
    struct nn_plan_options opt = { .mode = NN_TRAIN, .batch = BATCH };
    struct err err = { 0 };

    (void)state;
    opt.kernels = nn_kernels_get("auto", &err);
    g = nn_graph_read(net, strlen(net), 0, NULL, &err);
    plan = g ? nn_plan_new(g, &opt, &err) : NULL;
    params = plan ? nn_params_new(g, true, &err) : NULL;
    e = params ? nn_exec_new(plan, params, NULL, &err) : NULL;
    return e ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    nn_exec_free(e);
    nn_params_free(params);
    nn_plan_free(plan);
    nn_graph_free(g);
    return 0;
}

static double image(int i)
{
    return 1 + i % 7;
}

/* What output `name` is at a step; the caller frees. */
static real *run(const char *name, uint64_t seed, uint64_t step)
{
    struct tensor x = nn_exec_input(e, "image");
    real *y = malloc(NUMBERS * sizeof *y);

    assert_non_null(y);
    for (int i = 0; i < NUMBERS; i++)
        ((real *)x.data)[i] = (real)image(i);
    nn_exec_seed(e, seed, step);
    nn_exec_forward(e);
    return memcpy(y, nn_exec_output(e, name).data, NUMBERS * sizeof *y);
}

/* The share of places that are dropped in one and not in the other. */
static double differ(real *a, real *b)
{
    int n = 0;

    for (int i = 0; i < NUMBERS; i++)
        n += (a[i] == 0) != (b[i] == 0);
    free(a);
    free(b);
    return (double)n / NUMBERS;
}

static void the_rate_is_dropped_and_the_rest_makes_up_for_it(void **state)
{
    real *y = run("a", 1, 1);
    int dropped = 0;

    (void)state;
    for (int i = 0; i < NUMBERS; i++) {
        if (y[i] == 0)
            dropped++;
        else
            assert_true(fabs((double)y[i] - image(i) / 0.75) < 1e-6 * image(i));
    }
    assert_true(fabs((double)dropped / NUMBERS - 0.25) < 0.02); /* six deviations */
    free(y);
}

/* Independent draws differ in 2 * 0.25 * 0.75 of the places. */
static void steps_seeds_and_places_draw_anew(void **state)
{
    (void)state;
    assert_true(differ(run("a", 1, 1), run("a", 1, 1)) == 0);
    assert_true(fabs(differ(run("a", 1, 1), run("a", 1, 2)) - 0.375) < 0.02);
    assert_true(fabs(differ(run("a", 1, 1), run("a", 2, 1)) - 0.375) < 0.02);
    assert_true(fabs(differ(run("a", 1, 1), run("b", 1, 1)) - 0.375) < 0.02);
}

/* Picture n is n + 1 all over.  What is dropped is 0 even where x is no number. */
static void droppath_drops_whole_pictures(void **state)
{
    enum { PICTURES = 3000, WIDTH = 6 };
    struct err err = { 0 };
    static real x[PICTURES * WIDTH], y[PICTURES * WIDTH];
    static real ones[PICTURES * WIDTH], dx[PICTURES * WIDTH];
    double rate = 0.25;
    struct shape shape = { 2, { PICTURES, WIDTH } };
    struct nn_call c = { .attr = &rate, .mode = NN_TRAIN, .n_in = 1, .seed = 3, .counter = 7,
                         .x = { { DTYPE_F32, shape, x } }, .y = { DTYPE_F32, shape, y },
                         .dx = { { DTYPE_F32, shape, dx } }, .dy = { DTYPE_F32, shape, ones },
                         .k = nn_kernels_get("auto", &err) };
    int dropped = 0;

    (void)state;
    for (int i = 0; i < PICTURES * WIDTH; i++) {
        x[i] = (real)(i / WIDTH + 1);
        ones[i] = 1;
    }
    nn_op_droppath.forward(&c);
    nn_op_droppath.backward(&c);
    for (int n = 0; n < PICTURES; n++) {
        double f = (double)y[n * WIDTH] / (n + 1);

        assert_true(f == 0 || fabs(f - 1 / 0.75) < 1e-6);
        dropped += f == 0;
        for (int i = n * WIDTH; i < (n + 1) * WIDTH; i++) {
            assert_true(y[i] == y[n * WIDTH]);
            assert_true(fabs((double)dx[i] - f) < 1e-6);
        }
    }
    assert_true(fabs((double)dropped / PICTURES - 0.25) < 0.05); /* six deviations */
    for (int i = 0; i < PICTURES * WIDTH; i++)
        x[i] = (real)NAN;
    nn_op_droppath.forward(&c);
    for (int i = 0; i < PICTURES * WIDTH; i++)
        assert_true(dx[i] == 0 ? y[i] == 0 : isnan((double)y[i]));
    c.mode = NN_INFER;
    nn_op_droppath.forward(&c);
    assert_memory_equal(x, y, sizeof y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_is_dropped_and_the_rest_makes_up_for_it),
        cmocka_unit_test(steps_seeds_and_places_draw_anew),
        cmocka_unit_test(droppath_drops_whole_pictures),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
