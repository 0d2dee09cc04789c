/*
 * models: the architectures are those of their papers, run, and have the gradients of their losses
 *
 * Also built with real = double, where a whole network's directional derivative is
 * compared with central differences.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/exec.h"
#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "nn/op/droppath.h"
#include "nn/op/input.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS = 10 };

static struct nn_graph *build(const struct nn_model *m, int height, int width, int labels)
{
    struct err err = { 0 };
    struct nn_model_args args = { height, width, 3, labels, 0, 0 };
    struct nn_graph *g = nn_model_build(m, &args, &err);

    if (!g)
        fail_msg("%s %dx%d: %s", m->name, height, width, err.msg);
    return g;
}

static const struct nn_model *find(const char *name)
{
    struct err err = { 0 };
    const struct nn_model *m = nn_model_find(name, &err);

    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static int64_t count_trained(const char *name, int side, int labels)
{
    struct err err = { 0 };
    struct nn_graph *g = build(find(name), side, side, labels);
    struct nn_params *p = nn_params_new(g, false, &err);
    int64_t n;

    assert_non_null(p);
    n = nn_params_trained(p);
    nn_params_free(p);
    nn_graph_free(g);
    return n;
}

static void parameter_counts_are_those_of_the_papers(void **state)
{
    (void)state;
    assert_int_equal(count_trained("resnet18", 224, 1000), 11689512);
    assert_int_equal(count_trained("resnet50", 224, 1000), 25557032);
    assert_int_equal(count_trained("mobilenet_v2", 224, 1000), 3504872);
    assert_int_equal(count_trained("airnet", 32, 10), 1972792);
}

/* The size of a picture changes what is computed and not what is learnt. */
static void parameters_do_not_depend_on_size(void **state)
{
    (void)state;
    for (int i = 0; i < nn_model_count(); i++) {
        const struct nn_model *m = nn_model_at(i);

        if (m->sample && !m->one_size)
            assert_int_equal(count_trained(m->name, m->least, LABELS),
                             count_trained(m->name, 224, LABELS));
    }
}

static void names_are_timms(void **state)
{
    static const struct {
        const char *model, *names[12];
    } known[] = {
        { "resnet18",
          { "conv1.weight", "bn1.weight", "bn1.running_mean", "layer1.0.conv1.weight",
            "layer1.1.bn2.bias", "layer2.0.downsample.0.weight",
            "layer2.0.downsample.1.running_var", "layer4.1.conv2.weight", "fc.weight", "fc.bias",
            NULL } },
        { "resnet50",
          { "conv1.weight", "layer1.0.downsample.0.weight", "layer1.2.conv3.weight",
            "layer3.5.bn3.running_mean", "layer4.0.downsample.1.bias", "layer4.2.conv2.weight",
            "fc.bias", NULL } },
        { "mobilenet_v2",
          { "conv_stem.weight", "bn1.weight", "blocks.0.0.conv_dw.weight",
            "blocks.0.0.conv_pw.weight", "blocks.1.0.conv_pw.weight", "blocks.1.0.conv_pwl.weight",
            "blocks.6.0.bn3.running_var", "conv_head.weight", "bn2.bias", "classifier.weight",
            "classifier.bias", NULL } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct nn_model *m = find(known[i].model);
        struct nn_graph *g = build(m, 64, 64, LABELS);

        for (const char *const *name = known[i].names; *name; name++)
            if (nn_graph_find(g, *name) < 0)
                fail_msg("%s has no parameter %s", m->name, *name);
        nn_graph_free(g);
    }
}

/* Branches that droppath ends, and the rate of the last; without it the graph is as ever. */
static void droppath_grows_with_depth(void **state)
{
    static const struct {
        const char *name;
        int branches;
        double last;            /* of 0.34 */
    } known[] = {
        { "resnet_small", 3, 0.34 }, { "resnet18", 8, 0.34 }, { "resnet50", 16, 0.34 },
        { "mobilenet_v2", 10, 0.32 },
    };
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct nn_model *m = find(known[i].name);
        struct nn_model_args args = { 64, 64, 3, LABELS, 0, 0.34 };
        struct nn_graph *g = nn_model_build(m, &args, &err);
        double rate = 0;
        int n = 0;

        assert_non_null(g);
        for (int k = 0; k < g->n; k++)
            if (g->node[k].op == &nn_op_droppath) {
                double more = ((const struct nn_droppath *)g->node[k].attr)->rate;

                assert_true(more > rate);
                rate = more;
                n++;
            }
        assert_int_equal(n, known[i].branches);
        assert_true(fabs(rate - known[i].last) < 1e-12);
        nn_graph_free(g);
        g = build(m, 64, 64, LABELS);
        for (int k = 0; k < g->n; k++)
            assert_true(g->node[k].op != &nn_op_droppath);
        nn_graph_free(g);
    }
}

static void nearest_name_is_said(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_null(nn_model_find("resnet_smal", &err));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.msg, "resnet_small"));
}

static void too_small_pictures_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < nn_model_count(); i++) {
        const struct nn_model *m = nn_model_at(i);
        struct err err = { 0 };
        struct nn_model_args low = { m->least - 1, m->least, 3, LABELS, 0, 0 };
        struct nn_model_args narrow = { m->least, m->least - 1, 3, LABELS, 0, 0 };

        assert_null(nn_model_build(m, &low, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        assert_null(nn_model_build(m, &narrow, &err));
    }
}

/* The graph with the loss that trains it, as output "loss". */
static struct nn_graph *with_loss(const struct nn_model *m, int height, int width)
{
    struct nn_graph *g = build(m, height, width, LABELS);
    struct err err = { 0 };
    int logits = nn_graph_find_output(g, "logits"), target, loss;

    target = nn_graph_add(g, &nn_op_input, "target", &(struct nn_input){ { LABELS } }, 0, NULL,
                          &err);
    loss = nn_graph_add(g, &nn_op_xent, "loss", NULL, 2, (int[]){ logits, target }, &err);
    if (loss < 0 || !nn_graph_output(g, "loss", loss, &err))
        fail_msg("%s", err.msg);
    return g;
}

/* A network that can run: everything that a test has to release. */
struct net {
    struct nn_graph *g;
    struct nn_params *p;
    struct nn_plan *plan;
    struct nn_exec *e;
};

static struct net net_new(struct nn_graph *g, enum nn_mode mode, int batch)
{
    struct err err = { 0 };
    struct nn_plan_options opt = {
        .mode = mode, .batch = batch, .threads = 1, .precision = NN_PRECISION_FP32,
        .kernels = nn_kernels_get("auto", &err) };
    struct net n = { .g = g };

    n.p = nn_params_new(g, mode == NN_TRAIN, &err);
    assert_non_null(n.p);
    nn_params_init(n.p, g, 1);
    n.plan = nn_plan_new(g, &opt, &err);
    if (!n.plan)
        fail_msg("%s", err.msg);
    n.e = nn_exec_new(n.plan, n.p, NULL, &err);
    assert_non_null(n.e);
    return n;
}

/* Forward on made-up pictures.  A run may have written over its inputs,
 * so they are put there each time. */
static void net_run(struct net *n)
{
    struct tensor x = nn_exec_input(n->e, "image"), t = nn_exec_input(n->e, "target");

    for (int64_t i = 0; i < shape_count(&x.shape); i++)
        ((real *)x.data)[i] = (real)rng_normal(1, rng_stream(RNG_TEST, 0), (uint64_t)i);
    for (int64_t i = 0; t.data && i < shape_count(&t.shape); i++)
        ((real *)t.data)[i] = i % LABELS == i / LABELS % LABELS;
    nn_exec_forward(n->e);
}

static void net_release(struct net *n)
{
    nn_exec_free(n->e);
    nn_plan_free(n->plan);
    nn_params_free(n->p);
    nn_graph_free(n->g);
}

/* The least size, odd ones, and ones that are not square: paddings at every edge. */
static void odd_sizes_run(void **state)
{
    static const int size[][2] = { { 0, 0 }, { 33, 47 }, { 50, 34 }, { 65, 71 } };

    (void)state;
    for (int i = 0; i < nn_model_count(); i++) {
        const struct nn_model *m = nn_model_at(i);

        for (size_t s = 0; m->sample && s < sizeof size / sizeof *size; s++) {
            int height = s ? size[s][0] : m->least, width = s ? size[s][1] : m->least;
            struct net n = net_new(build(m, height, width, LABELS), NN_INFER, 2);
            struct tensor y;

            net_run(&n);
            y = nn_exec_output(n.e, "logits");
            assert_int_equal(shape_count(&y.shape), 2 * LABELS);
            for (int k = 0; k < 2 * LABELS; k++)
                assert_true(isfinite(((const real *)y.data)[k]));
            net_release(&n);
        }
    }
}

/* What a picture costs; the figures of resnet_small's head comment. */
static void cost_is_as_promised(void **state)
{
    static const struct {
        const char *name;
        int side;
        double least, most;     /* MFLOP of a forward pass */
    } known[] = {
        { "resnet_small", 32, 50, 120 }, { "resnet_small", 128, 50, 150 },
        { "resnet_small", 224, 100, 400 }, { "resnet18", 224, 3600, 3700 },
        { "resnet50", 224, 8100, 8300 },
        { "mobilenet_v2", 224, 600, 660 }, { "airnet", 32, 230, 245 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct err err = { 0 };
        struct nn_graph *g = build(find(known[i].name), known[i].side, known[i].side, 1000);
        struct nn_plan_options opt = {
            .mode = NN_INFER, .batch = 1, .threads = 1, .kernels = nn_kernels_get("ref", &err) };
        struct nn_plan *plan = nn_plan_new(g, &opt, &err);

        assert_non_null(plan);
        if (plan->flops < 1e6 * known[i].least || plan->flops > 1e6 * known[i].most)
            fail_msg("%s of %d costs %g MFLOP", known[i].name, known[i].side,
                     1e-6 * (double)plan->flops);
        nn_plan_free(plan);
        nn_graph_free(g);
    }
}

static double loss_at(struct net *n, const real *value, const real *direction, double step)
{
    for (int64_t i = 0; i < n->p->total; i++)
        n->p->value[i] = (real)(value[i] + step * direction[i]);
    net_run(n);
    return *(const real *)nn_exec_output(n->e, "loss").data;
}

/* d/dt loss(w + t v) at 0, from backward and from central differences,
 * for v the gradient and v random. */
static void check_derivative(const struct nn_model *m, int side, int batch)
{
    struct net n = net_new(with_loss(m, side, side), NN_TRAIN, batch);
    bool exact = sizeof(real) == sizeof(double);
    const double change = exact ? 1e-6 : 1e-2;      /* of the loss, by a step */
    const double longest = exact ? 1e-5 : 1;        /* further lie the kinks of max pools */
    const double tolerance = exact ? 1e-5 : 0.05;
    size_t bytes = (size_t)n.p->total * sizeof(real);
    real *value = malloc(bytes), *v = malloc(bytes);

    assert_non_null(value);
    assert_non_null(v);
    memcpy(value, n.p->value, bytes);
    net_run(&n);
    memset(n.p->grad, 0, bytes);
    nn_exec_backward(n.e);
    for (int random = 0; random < (exact ? 2 : 1); random++) {
        double norm = 0, mine = 0, step, difference;

        memset(v, 0, bytes);
        for (int e = 0; e < n.p->n; e++) {
            int64_t first = n.p->offset[e], end = first + n.p->count[e];

            for (int64_t i = first; n.p->trained[e] && i < end; i++) {
                v[i] = random ? (real)rng_normal(2, rng_stream(RNG_TEST, 1), (uint64_t)i)
                              : n.p->grad[i];
                norm += (double)v[i] * v[i];
            }
        }
        for (int64_t i = 0; i < n.p->total; i++) {
            v[i] /= (real)sqrt(norm);
            mine += (double)v[i] * n.p->grad[i];
        }
        step = fmin(change / fabs(mine), longest);
        difference = (loss_at(&n, value, v, step) - loss_at(&n, value, v, -step)) / (2 * step);
        if (!(fabs(mine - difference) <= tolerance * fabs(difference)))
            fail_msg("%s, %s direction: backward says %.10g, differences %.10g", m->name,
                     random ? "random" : "steepest", mine, difference);
    }
    free(value);
    free(v);
    net_release(&n);
}

/* In float with pixels enough behind every batch-norm: of six numbers a deep net's is too rough. */
static void derivative_of_the_loss_is_right(void **state)
{
    int scale = sizeof(real) == sizeof(double) ? 1 : 2;

    (void)state;
    for (int i = 0; i < nn_model_count(); i++)
        if (nn_model_at(i)->sample)
            check_derivative(nn_model_at(i), nn_model_at(i)->least * scale, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameter_counts_are_those_of_the_papers),
        cmocka_unit_test(parameters_do_not_depend_on_size),
        cmocka_unit_test(names_are_timms),
        cmocka_unit_test(droppath_grows_with_depth),
        cmocka_unit_test(nearest_name_is_said),
        cmocka_unit_test(too_small_pictures_are_refused),
        cmocka_unit_test(odd_sizes_run),
        cmocka_unit_test(cost_is_as_promised),
        cmocka_unit_test(derivative_of_the_loss_is_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
