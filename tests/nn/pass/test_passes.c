/*
 * test_passes -- a network's inference form gives its answers, and holds what can be left in
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/exec.h"
#include "nn/kernel/cpu.h"
#include "nn/pass/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 2 };

static const struct {
    const char *text;      /* output y; the input "image" is there */
    int batchnorms, nodes; /* what is left; nodes that are no parameters, the input included */
} nets[] = {
    /* folds: without a bias, with one, groups, depthwise, a large epsilon */
    { "c = conv2d image channels=4 size=3 pad=1\ny = batchnorm c\n", 0, 2 },
    { "c = conv2d image channels=4 size=3 bias=true\ny = batchnorm c epsilon=0.5\n", 0, 2 },
    { "c = conv2d image channels=6 size=1 groups=3 bias=true\ny = batchnorm c\n", 0, 2 },
    { "c = conv2d image channels=3 size=3 stride=2 groups=3\nb = batchnorm c\ny = relu b\n", 0, 3 },
    { "c = conv2d image channels=4 size=3\nb = batchnorm c\ny = batchnorm b\n", 1, 3 },
    /* a name that the new bias would have taken */
    { "c.bias = relu image\nc = conv2d c.bias channels=4 size=3\ny = batchnorm c\n", 0, 3 },
    /* does not: there is another reader of the convolution, or of its weights, or none */
    { "c = conv2d image channels=3 size=1\nb = batchnorm c\ny = add b c\n", 1, 4 },
    { "c = conv2d image channels=3 size=1\nb = batchnorm c\ny = relu b\noutput c = c\n", 1, 4 },
    { "w = param shape=1x1x3x3\nc = conv2d image w channels=3 size=1\nb = batchnorm c\n"
      "d = conv2d image w channels=3 size=1\ny = add b d\n",
      1, 5 },
    { "v = param shape=3\nw = param shape=1x1x3x3\nc = conv2d image w v channels=3 size=1 "
      "bias=true\n"
      "b = batchnorm c\nd = batchnorm image v\ny = add b d\n",
      2, 5 },
    { "y = batchnorm image\n", 1, 2 },
    { "f = flatten image\nl = linear f width=4\ny = batchnorm l\n", 1, 4 },
    /* dropout, also as the output */
    { "r = relu image\nd = dropout r rate=0.5\ny = relu6 d\n", 0, 3 },
    { "r = relu image\ny = dropout r rate=0.5\n", 0, 2 },
    { "c = conv2d image channels=3 size=1\nb = batchnorm c\nd = droppath b rate=0.5\n"
      "y = add d image\n",
      0, 3 },
    { "a = dropout image rate=0.2\ny = dropout a rate=0.2\n", 0, 1 },
    { "c = conv2d image channels=4 size=3\nd = dropout c rate=0.1\ny = batchnorm d\n", 0, 2 },
    /* nobody needs u and what is before it; an input stays */
    { "c = conv2d image channels=4 size=3\nu = relu c\ny = relu image\n", 0, 2 },
    { "other = input shape=5\nu = relu other\ny = relu image\n", 0, 3 },
};

static struct nn_graph *read_net(const char *body)
{
    struct str text = { 0 };
    struct err err = { 0 };
    struct nn_graph *g;

    str_printf(&text, "image = input shape=5x6x3\n%soutput y = y\n", body);
    g = nn_graph_read(str_text(&text), text.len, 0, NULL, &err);
    if (!g)
        fail_msg("%s: %s", err.msg, body);
    str_release(&text);
    return g;
}

static real number(uint32_t stream, int64_t i)
{
    return (real)(2 * rng_f64(1, rng_stream(RNG_TEST, stream), (uint64_t)i) - 1);
}

/* Anything for parameters, and running statistics that may be. */
static struct nn_params *some_params(const struct nn_graph *g)
{
    struct err err = { 0 };
    struct nn_params *p = nn_params_new(g, false, &err);

    assert_non_null(p);
    for (int e = 0; e < p->n; e++)
        for (int64_t i = 0; i < p->count[e]; i++)
            p->value[p->offset[e] + i] = number((uint32_t)e, i) + (p->trained[e] ? 0 : (real)1.2);
    return p;
}

/* Output y; the caller frees. */
static real *answer(const struct nn_graph *g, struct nn_params *p, int64_t *n)
{
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = BATCH };
    struct err err = { 0 };
    struct nn_plan *plan;
    struct nn_exec *e;
    struct tensor x, y;
    real *copy;

    opt.kernels = nn_kernels_get("auto", &err);
    plan = nn_plan_new(g, &opt, &err);
    assert_non_null(plan);
    e = nn_exec_new(plan, p, NULL, &err);
    assert_non_null(e);
    x = nn_exec_input(e, "image");
    for (int64_t i = 0; i < shape_count(&x.shape); i++)
        ((real *)x.data)[i] = number(1000, i);
    nn_exec_forward(e);
    y = nn_exec_output(e, "y");
    *n = shape_count(&y.shape);
    copy = malloc((size_t)*n * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, y.data, (size_t)*n * sizeof *copy);
    nn_exec_free(e);
    nn_plan_free(plan);
    return copy;
}

static void inference_form_gives_the_same_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct nn_graph *g = read_net(nets[i].text), *g2;
        struct nn_params *p = some_params(g), *p2;
        struct err err = { 0 };
        int64_t n, n2;
        real *y, *y2;

        if (!nn_pass_infer(g, p, &g2, &p2, &err))
            fail_msg("%s: %s", err.msg, nets[i].text);
        y = answer(g, p, &n);
        y2 = answer(g2, p2, &n2);
        assert_int_equal(n, n2);
        for (int64_t k = 0; k < n; k++)
            if (!(fabs((double)y[k] - (double)y2[k]) <= 1e-5 * (1 + fabs((double)y[k]))))
                fail_msg("answer %lld is %g, was %g: %s", (long long)k, (double)y2[k], (double)y[k],
                         nets[i].text);
        free(y);
        free(y2);
        nn_params_free(p);
        nn_params_free(p2);
        nn_graph_free(g);
        nn_graph_free(g2);
    }
}

static void inference_form_holds_no_more_than_it_must(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct nn_graph *g = read_net(nets[i].text), *g2;
        struct nn_params *p = some_params(g), *p2;
        struct err err = { 0 };
        int batchnorms = 0, nodes = 0, *uses;

        assert_true(nn_pass_infer(g, p, &g2, &p2, &err));
        uses = calloc((size_t)g2->n, sizeof *uses);
        assert_non_null(uses);
        nn_graph_uses(g2, uses);
        for (int k = 0; k < g2->n; k++) {
            assert_false(g2->node[k].op->flags & NN_OP_TRAIN_ONLY);
            assert_true(uses[k] > 0 || g2->node[k].op == &nn_op_input);
            batchnorms += g2->node[k].op == &nn_op_batchnorm;
            nodes += g2->node[k].op != &nn_op_param;
        }
        if (batchnorms != nets[i].batchnorms || nodes != nets[i].nodes)
            fail_msg("%d batch-norms and %d nodes are left: %s", batchnorms, nodes, nets[i].text);
        assert_int_equal(nn_graph_find_input(g2, "other") >= 0,
                         nn_graph_find_input(g, "other") >= 0);
        free(uses);
        nn_params_free(p);
        nn_params_free(p2);
        nn_graph_free(g);
        nn_graph_free(g2);
    }
}

static void passes_leave_what_they_read_as_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct nn_graph *g = read_net(nets[i].text), *same = read_net(nets[i].text), *g2;
        struct nn_params *p = some_params(g), *kept = some_params(g), *p2;
        struct err err = { 0 };

        assert_true(nn_pass_infer(g, p, &g2, &p2, &err));
        assert_true(nn_graph_equal(g, same));
        assert_memory_equal(p->value, kept->value, (size_t)p->total * sizeof *p->value);
        nn_params_free(p);
        nn_params_free(kept);
        nn_params_free(p2);
        nn_graph_free(g);
        nn_graph_free(same);
        nn_graph_free(g2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_form_gives_the_same_answers),
        cmocka_unit_test(inference_form_holds_no_more_than_it_must),
        cmocka_unit_test(passes_leave_what_they_read_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
