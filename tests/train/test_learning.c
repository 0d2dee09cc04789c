/*
 * learning: what labels and weights do to what is learnt, where theory says it
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"
#include "tests/train/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One number a picture, two labels: logistic regression. */
static const char line[] = "image = input shape=1x1x1\n"
                           "f = flatten image\n"
                           "fc = linear f width=2 bias=true\n"
                           "output logits = fc\n";
static const char hidden[] = "image = input shape=1x1x16\n"
                             "f = flatten image\n"
                             "h = linear f width=64 bias=true\n"
                             "r = relu h\n"
                             "fc = linear r width=2 bias=true\n"
                             "output logits = fc\n";

enum { N = 4000, RARE = 800, NOISY = 200 };

static struct train_net *net_of(const char *text, const float *weight)
{
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);
    struct train_net_options opt = {
        .loss = { .task = DATA_SINGLE, .weight = weight },
        .momentum = 0.9,
        .optim = &train_optim_sgd,
        .kernels = nn_kernels_get("auto", &err),
        .seed = 1,
    };
    struct train_net *net = g ? train_net_new(g, &opt, &err) : NULL;

    if (!net)
        fail_msg("%s", err.msg);
    nn_graph_free(g);
    return net;
}

/* The loss of the last of so many steps over all n pictures. */
static double fit(struct train_net *net, int n, const float *image, const float *target, int steps,
                  double rate)
{
    struct err err = { 0 };
    double loss = NAN;

    for (int i = 0; i < steps; i++)
        if (!step_net(net, n, image, target, rate, (uint64_t)i, &loss, &err))
            fail_msg("%s", err.msg);
    return loss;
}

/* Picture i of the last RARE ones has label 1, which lies `apart` from the others' mean, both with
 * deviation 1. */
static void draw(float *image, float *target, double apart)
{
    for (int i = 0; i < N; i++) {
        bool rare = i >= N - RARE;

        image[i] = (float)((rare ? apart : 0) +
                           (apart > 0 ? rng_normal(3, rng_stream(RNG_TEST, 1), (uint64_t)i) : 0));
        target[2 * i] = !rare;
        target[2 * i + 1] = rare;
    }
}

/* logit 1 - logit 0 of what `line` has learnt, for the number x. */
static double odds(const struct train_net *net, double x)
{
    const struct nn_graph *g = train_net_graph(net);
    const struct nn_params *p = train_net_params(net);
    const real *w = NULL, *b = NULL;

    for (int i = 0; i < p->n; i++) {
        if (!strcmp(g->node[p->node[i]].name, "fc.weight"))
            w = p->value + p->offset[i];
        if (!strcmp(g->node[p->node[i]].name, "fc.bias"))
            b = p->value + p->offset[i];
    }
    assert_true(w && b);
    return (double)(w[1] - w[0]) * x + (double)(b[1] - b[0]);
}

/* Pictures that say nothing leave the share of each label, times its weight. */
static void weights_move_what_is_answered_blindly(void **state)
{
    const float balanced[] = { (float)N / (2 * (N - RARE)), (float)N / (2 * RARE) },
                odd[] = { 1, 3 };
    const struct {
        const float *weight;
        double odds; /* of label 1 */
    } cases[] = {
        { NULL, (double)RARE / (N - RARE) }, { balanced, 1 }, { odd, 3.0 * RARE / (N - RARE) }
    };
    float image[N], target[2 * N];

    (void)state;
    draw(image, target, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct train_net *net = net_of(line, cases[i].weight);

        fit(net, N, image, target, 400, 0.3);
        assert_float_equal(odds(net, 0), log(cases[i].odds), 1e-3);
        train_net_free(net);
    }
}

/* Two normal distributions at 0 and d with prior odds o are told apart at d/2 - log(o)/d: Bayes.
 * Balanced weights make o 1, so the border moves down by log(1/o)/d and more of the rare ones are
 * found. */
static void balanced_weights_move_the_border_as_bayes_says(void **state)
{
    const float weight[] = { (float)N / (2 * (N - RARE)), (float)N / (2 * RARE) };
    const double apart = 2;
    struct train_net *plain = net_of(line, NULL), *balanced = net_of(line, weight);
    double border[2], moved = log((double)(N - RARE) / RARE) / apart;
    int found[2] = { 0, 0 };
    float image[N], target[2 * N];

    (void)state;
    draw(image, target, apart);
    fit(plain, N, image, target, 500, 0.5);
    fit(balanced, N, image, target, 500, 0.5);
    border[0] = -odds(plain, 0) / (odds(plain, 1) - odds(plain, 0));
    border[1] = -odds(balanced, 0) / (odds(balanced, 1) - odds(balanced, 0));
    assert_float_equal(border[0] - border[1], moved, 0.25 * moved);
    assert_float_equal(border[1], apart / 2, 0.25);
    for (int i = N - RARE; i < N; i++) {
        found[0] += odds(plain, image[i]) > 0;
        found[1] += odds(balanced, image[i]) > 0;
    }
    assert_true(found[1] >= found[0] + RARE / 10);
    train_net_free(plain);
    train_net_free(balanced);
}

/* Labels that mean nothing can still be learnt by heart: what separates a sound optimiser from a
 * broken one (Zhang et al., arXiv:1611.03530). */
static void labels_at_random_are_learnt_by_heart(void **state)
{
    struct train_net *net = net_of(hidden, NULL);
    float *image = malloc(16 * NOISY * sizeof *image), target[2 * NOISY] = { 0 };
    double first;

    (void)state;
    assert_non_null(image);
    for (int i = 0; i < 16 * NOISY; i++)
        image[i] = (float)rng_normal(4, rng_stream(RNG_TEST, 2), (uint64_t)i);
    for (int i = 0; i < NOISY; i++)
        target[2 * i + (rng_f32(4, rng_stream(RNG_TEST, 3), (uint64_t)i) < 0.5F)] = 1;
    first = fit(net, NOISY, image, target, 1, 0.05);
    assert_true(first > 0.5);
    assert_true(fit(net, NOISY, image, target, 400, 0.05) < 0.1 * first);
    free(image);
    train_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_move_what_is_answered_blindly),
        cmocka_unit_test(balanced_weights_move_the_border_as_bayes_says),
        cmocka_unit_test(labels_at_random_are_learnt_by_heart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
