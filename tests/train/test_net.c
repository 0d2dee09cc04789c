/*
 * net: steps lower the loss of every architecture, and a step that goes wrong changes no weight
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "train/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 8, LABELS = 3 };

struct made {
    struct nn_graph *g;
    struct pool *pool;
    struct train_net *net;
    float *image, target[N * LABELS];
};

static struct made make(const struct nn_model *m, int side, enum data_task task, int threads)
{
    struct err err = { 0 };
    struct made s = { .g = m->build(&(struct nn_model_args){ side, side, 3, LABELS, 0 }, &err),
                      .pool = pool_new(threads, &err) };
    struct train_net_options opt = {
        .task = task,
        .momentum = 0.9,
        .decay = 5e-4,
        .optim = &train_optim_sgd,
        .kernels = nn_kernels_get("auto", &err),
        .pool = s.pool,
        .seed = 1,
    };
    int n = N * side * side * 3;

    assert_non_null(s.g);
    s.net = train_net_new(s.g, &opt, &err);
    s.image = malloc((size_t)n * sizeof *s.image);
    assert_true(s.net && s.image);
    for (int i = 0; i < n; i++)
        s.image[i] = (float)rng_normal(5, rng_stream(RNG_TEST, 0), (uint64_t)i);
    for (int i = 0; i < N * LABELS; i++)
        s.target[i] = i % LABELS == i / LABELS % LABELS;
    return s;
}

static void release(struct made *s)
{
    train_net_free(s->net);
    nn_graph_free(s->g);
    pool_free(s->pool);
    free(s->image);
}

static double steps(struct made *s, int n, double rate)
{
    struct err err = { 0 };
    double loss = 0;

    for (int i = 0; i < n; i++)
        if (!train_net_step(s->net, N, s->image, s->target, rate, (uint64_t)i, &loss, &err))
            fail_msg("%s", err.msg);
    return loss;
}

static struct nn_params *values(const struct made *s)
{
    struct err err = { 0 };
    struct nn_params *p = nn_params_new(s->g, false, &err);

    assert_non_null(p);
    train_net_values(s->net, p);
    return p;
}

static void every_architecture_overfits_8_pictures(void **state)
{
    (void)state;
    for (int i = 0; i < nn_model_count(); i++) {
        const struct nn_model *m = nn_model_at(i);
        struct made s = make(m, m->least, DATA_SINGLE, 2);
        double first = steps(&s, 1, 0.01), last = steps(&s, 30, 0.01);

        if (!(first > 0.5 && last < 0.1))
            fail_msg("%s: loss %g, then %g", m->name, first, last);
        assert_true(train_net_sound(s.net));
        release(&s);
    }
}

static void several_labels_overfit_too(void **state)
{
    struct made s = make(&nn_model_resnet_small, 16, DATA_MULTI, 1);

    (void)state;
    s.target[0] = -1; /* unknown */
    assert_true(steps(&s, 30, 0.02) < 0.1);
    release(&s);
}

static void threads_do_not_change_bits(void **state)
{
    struct made a = make(&nn_model_resnet_small, 16, DATA_SINGLE, 1),
                b = make(&nn_model_resnet_small, 16, DATA_SINGLE, 3);
    struct nn_params *p, *q;

    (void)state;
    assert_true(steps(&a, 3, 0.1) == steps(&b, 3, 0.1));
    p = values(&a);
    q = values(&b);
    assert_memory_equal(p->value, q->value, (size_t)p->total * sizeof(real));
    nn_params_free(p);
    nn_params_free(q);
    release(&a);
    release(&b);
}

static void weights_without_decay_are_norms_and_biases(void **state)
{
    struct made s = make(&nn_model_resnet_small, 16, DATA_SINGLE, 1);
    struct nn_params *before = values(&s), *after;
    struct err err = { 0 };
    double loss;

    (void)state;
    memset(s.target, 0, sizeof s.target); /* no label at all: no gradient, only decay is left */
    assert_true(train_net_step(s.net, N, s.image, s.target, 0.1, 0, &loss, &err));
    after = values(&s);
    for (int e = 0; e < before->n; e++) {
        const struct nn_node *node = &s.g->node[before->node[e]];

        for (int64_t i = before->offset[e];
             before->trained[e] && i < before->offset[e] + before->count[e]; i++) {
            double kept = node->type.rank > 1 ? 1 - 0.1 * 5e-4 * 1.9 : 1;

            assert_float_equal(after->value[i], kept * before->value[i], 1e-6);
        }
    }
    nn_params_free(before);
    nn_params_free(after);
    release(&s);
}

static void infinite_pictures_change_no_weight(void **state)
{
    struct made s = make(&nn_model_resnet_small, 16, DATA_SINGLE, 1);
    struct nn_params *before = values(&s), *after;
    struct err err = { 0 };
    double loss;

    (void)state;
    s.image[7] = INFINITY;
    assert_false(train_net_step(s.net, N, s.image, s.target, 0.1, 0, &loss, &err));
    assert_int_equal(err.kind, ERR_DIVERGED);
    after = values(&s);
    for (int e = 0; e < before->n; e++)
        if (before->trained[e])
            assert_memory_equal(before->value + before->offset[e], after->value + after->offset[e],
                                (size_t)before->count[e] * sizeof(real));
    nn_params_free(before);
    nn_params_free(after);
    release(&s);
}

static void shorter_batches_are_planned_as_they_come(void **state)
{
    struct made s = make(&nn_model_resnet_small, 16, DATA_SINGLE, 1);
    struct err err = { 0 };
    double loss;

    (void)state;
    for (int i = 0; i < 12; i++)
        assert_true(train_net_step(s.net, i % 2 ? N : 2 + i / 2, s.image, s.target, 0.01,
                                   (uint64_t)i, &loss, &err));
    assert_true(train_net_flops(s.net) > 1000000);
    assert_true(train_net_trained(s.net) > 100000);
    release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_architecture_overfits_8_pictures),
        cmocka_unit_test(several_labels_overfit_too),
        cmocka_unit_test(threads_do_not_change_bits),
        cmocka_unit_test(weights_without_decay_are_norms_and_biases),
        cmocka_unit_test(infinite_pictures_change_no_weight),
        cmocka_unit_test(shorter_batches_are_planned_as_they_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
