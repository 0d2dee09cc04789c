/*
 * test_losses -- batches and pictures without labels; logits that are far out
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/exec.h"
#include "nn/kernel/cpu.h"

#include <math.h>
#include <string.h>

enum { BATCH = 3, WIDTH = 4, LABELS = 5 };

/* Loss, and the gradient of a layer before it, where every target is `target`. */
static double run(const char *loss, double target, real grad[WIDTH * LABELS])
{
    struct nn_plan_options opt = { .mode = NN_TRAIN, .batch = BATCH };
    struct err err = { 0 };
    struct str text = { 0 };
    struct nn_graph *g;
    struct nn_plan *plan;
    struct nn_params *params;
    struct nn_exec *e;
    struct tensor x, t;
    double value;

    str_printf(&text,
               "x = input shape=%d\nt = input shape=%d\nfc = linear x width=%d\nl = %s\n"
               "output loss = l\n",
               WIDTH, LABELS, LABELS, loss);
    opt.kernels = nn_kernels_get("auto", &err);
    g = nn_graph_read(str_text(&text), text.len, 0, NULL, &err);
    assert_non_null(g);
    plan = nn_plan_new(g, &opt, &err);
    assert_non_null(plan);
    params = nn_params_new(g, true, &err);
    assert_non_null(params);
    nn_params_init(params, g, 1);
    e = nn_exec_new(plan, params, NULL, &err);
    assert_non_null(e);
    x = nn_exec_input(e, "x");
    t = nn_exec_input(e, "t");
    for (int i = 0; i < BATCH * WIDTH; i++)
        ((real *)x.data)[i] = (real)(i - 5);
    for (int i = 0; i < BATCH * LABELS; i++)
        ((real *)t.data)[i] = (real)target;
    nn_exec_forward(e);
    nn_exec_backward(e);
    value = (double)*(real *)nn_exec_output(e, "loss").data;
    memcpy(grad, params->grad, WIDTH * LABELS * sizeof *grad);
    nn_exec_free(e);
    nn_params_free(params);
    nn_plan_free(plan);
    nn_graph_free(g);
    str_release(&text);
    return value;
}

static void a_batch_without_labels_teaches_nothing(void **state)
{
    static const struct {
        const char *loss;
        double unknown, known;
    } cases[] = {
        { "xent fc t", 0, 0.2 },
        { "xent fc t smooth=0.1", 0, 0.2 },
        { "xent fc t gamma=2", 0, 0.2 },
        { "bce fc t", -1, 0 },
        { "bce fc t gamma_pos=1 gamma_neg=4 margin=0.05", -1, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        real grad[WIDTH * LABELS];

        assert_true(run(cases[i].loss, cases[i].unknown, grad) == 0);
        for (int k = 0; k < WIDTH * LABELS; k++)
            assert_true(grad[k] == 0);
        assert_true(run(cases[i].loss, cases[i].known, grad) > 0);
        assert_true(grad[0] != 0);
    }
}

/* Logits of 1000 either way, right and wrong: losses and gradients are finite, wrong ones are large
 * and have a gradient. */
static void far_logits_overflow_nothing(void **state)
{
    enum { N = 4 };
    static const char *const losses[] = {
        "xent x t", "xent x t gamma=2", "xent x t gamma=0.5 smooth=0.1", "bce x t",
        "bce x t gamma_pos=2 gamma_neg=2", "bce x t gamma_pos=0.5 gamma_neg=0.5 margin=0.05",
    };
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        for (int wrong = 0; wrong < 2; wrong++) {
            real x[N] = { -1000, 1000, -1000, -1000 }, t[N] = { 0, !wrong, wrong, 0 };
            real dx[N] = { 0 }, y = 0, one = 1;
            _Alignas(64) double stash[16], scratch[16];
            struct shape shape = { 2, { 1, N } };
            struct str text = { 0 };
            struct nn_graph *g;

            str_printf(&text, "x = input shape=4\nt = input shape=4\nl = %s\noutput l = l\n",
                       losses[i]);
            g = nn_graph_read(str_text(&text), text.len, 0, NULL, &err);
            assert_non_null(g);
            {
                const struct nn_node *l = &g->node[nn_graph_find(g, "l")];
                struct nn_call c = {
                    .attr = l->attr, .mode = NN_TRAIN, .n_in = 2, .k = nn_kernels_get("auto", &err),
                    .x = { { DTYPE_F32, shape, x }, { DTYPE_F32, shape, t } },
                    .y = { DTYPE_F32, { 0 }, &y }, .dy = { DTYPE_F32, { 0 }, &one },
                    .dx = { { DTYPE_F32, shape, dx } }, .stash = stash, .scratch = scratch };

                nn_op_forward(l->op, &c);
                l->op->backward(&c);
            }
            assert_true(isfinite(y) && (wrong ? y > 100 : y >= 0));
            for (int k = 0; k < N; k++)
                assert_true(isfinite(dx[k]));
            assert_true(!wrong || dx[2] < -0.1);
            str_release(&text);
            nn_graph_free(g);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_without_labels_teaches_nothing),
        cmocka_unit_test(far_logits_overflow_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
