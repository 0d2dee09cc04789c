/*
 * test_again -- values that are made again in backward: fewer bytes, and not a bit otherwise
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/exec.h"
#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "nn/op/input.h"
#include "nn/op/xent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS = 5, BATCH = 4 };

/* Every operator that keeps something, runs of them that keep nothing, random ones, values that are
 * read far away, and frozen statistics. */
static const char mixed[] =
    "image = input shape=8x8x4\n"
    "c1 = conv2d image channels=8 size=3 pad=1\n"
    "b1 = batchnorm c1\n"
    "r1 = relu b1\n"
    "c2 = conv2d r1 channels=8 size=3 pad=1\n"
    "b2 = batchnorm c2\n"
    "h2 = hardswish b2\n"
    "s2 = add h2 r1\n"
    "d2 = droppath s2 rate=0.3\n"
    "c3 = conv2d d2 channels=8 size=1 bias=true\n"
    "g3 = groupnorm c3 groups=2\n"
    "e3 = silu g3\n"
    "t3 = add e3 s2\n"
    "b4 = batchnorm t3 frozen=true\n"
    "l4 = leakyrelu b4\n"
    "p = maxpool l4 size=2 stride=2\n"
    "a = avgpool l4 size=2 stride=2\n"
    "m = concat p a\n"
    "q = conv2d m channels=16 size=3 pad=1 groups=16\n"
    "u = tanh q\n"
    "v = mul u m\n"
    "w = sigmoid v\n"
    "x = meanpool w\n"
    "o = dropout x rate=0.25\n"
    "fc = linear o width=5 bias=true\n"
    "output logits = fc\n";

/* As transformers are: norms before, branches that are added, nothing that keeps its sums. */
static const char branches[] =
    "image = input shape=8x8x4\n"
    "f = flatten image\n"
    "e = linear f width=24 bias=true\n"
    "n1 = layernorm e\n"
    "u1 = linear n1 width=96 bias=true\n"
    "g1 = gelu u1\n"
    "d1 = linear g1 width=24 bias=true\n"
    "o1 = dropout d1 rate=0.1\n"
    "s1 = add e o1\n"
    "n2 = layernorm s1\n"
    "u2 = linear n2 width=96\n"
    "k2 = softmax u2\n"
    "d2 = linear k2 width=24\n"
    "s2 = add s1 d2\n"
    "n3 = layernorm s2\n"
    "u3 = linear n3 width=96\n"
    "g3 = gelu u3\n"
    "d3 = linear g3 width=24\n"
    "s3 = add s2 d3\n"
    "n4 = layernorm s3\n"
    "fc = linear n4 width=5 bias=true\n"
    "output logits = fc\n";

static void add_loss(struct nn_graph *g)
{
    struct nn_input target = { .shape = { LABELS } };
    struct nn_xent xent = { .smooth = 0.1 };
    struct err err = { 0 };
    int in[2] = { nn_graph_find_output(g, "logits"),
                  nn_graph_add(g, &nn_op_input, "target", &target, 0, NULL, &err) };
    int loss = nn_graph_add(g, &nn_op_xent, "loss", &xent, 2, in, &err);

    if (loss < 0 || !nn_graph_output(g, "loss", loss, &err))
        fail_msg("%s", err.msg);
}

/* A text of the above, or an architecture's name. */
static struct nn_graph *build(const char *what)
{
    struct err err = { 0 };
    const struct nn_model *m = strchr(what, '=') ? NULL : nn_model_find(what, &err);
    struct nn_model_args args = { 32, 32, 3, LABELS, 0, 0 };
    struct nn_graph *g = m ? nn_model_build(m, &args, &err)
                           : nn_graph_read(what, strlen(what), 0, NULL, &err);

    if (!g)
        fail_msg("%s", err.msg);
    add_loss(g);
    return g;
}

/* A step's results: of forward and backward, twice, without clearing in between. */
struct run {
    struct nn_graph *g;
    struct nn_plan *plan;
    struct nn_params *p;
};

static void fill(struct tensor t, uint32_t stream)
{
    for (int64_t i = 0; i < shape_count(&t.shape); i++)
        ((real *)t.data)[i] = (real)rng_f64(1, rng_stream(RNG_TEST, stream), (uint64_t)i) -
                              (stream ? 0 : (real)0.5);
}

static struct run train(const char *what, struct nn_plan_options opt)
{
    struct run r = { .g = build(what) };
    struct err err = { 0 };
    struct pool *pool = pool_new(opt.threads, &err);
    struct nn_exec *e;

    opt.mode = NN_TRAIN;
    opt.batch = BATCH;
    opt.kernels = nn_kernels_get("auto", &err);
    r.plan = nn_plan_new(r.g, &opt, &err);
    r.p = nn_params_new(r.g, true, &err);
    e = r.plan && r.p ? nn_exec_new(r.plan, r.p, pool, &err) : NULL;
    if (!e)
        fail_msg("%s", err.msg);
    nn_params_init(r.p, r.g, 4);
    for (int step = 0; step < 2; step++) {
        nn_exec_seed(e, 11, (uint64_t)step);
        fill(nn_exec_input(e, "image"), 0);
        fill(nn_exec_input(e, "target"), 1);
        nn_exec_forward(e);
        nn_exec_backward(e);
    }
    nn_exec_free(e);
    pool_free(pool);
    return r;
}

static void release(struct run *r)
{
    nn_plan_free(r->plan);
    nn_params_free(r->p);
    nn_graph_free(r->g);
}

/* Gradients, and the statistics that forward writes. */
static void assert_same(const struct run *a, const struct run *b)
{
    for (int e = 0; e < a->p->n; e++) {
        int64_t first = a->p->offset[e];
        size_t bytes = (size_t)a->p->count[e] * sizeof(real);
        const char *name = a->g->node[a->p->node[e]].name;

        if (memcmp(a->p->grad + first, b->p->grad + first, bytes))
            fail_msg("the gradient of %s differs, limit %zu", name, b->plan->opt.limit);
        if (memcmp(a->p->value + first, b->p->value + first, bytes))
            fail_msg("%s differs, limit %zu", name, b->plan->opt.limit);
    }
}

/* Against a plan in which nothing shares memory and all is kept; NaN in what is not claimed. */
static void no_bit_changes(const char *what, enum nn_precision precision)
{
    struct nn_plan_options opt = { .threads = 2, .precision = precision, .apart = true };
    struct run kept = train(what, opt), free_only;

    opt.apart = false;
    opt.poison = true;
    free_only = train(what, opt);
    assert_same(&kept, &free_only);
    for (int k = 0; k < 3; k++) {
        struct run again;

        opt.threads = 1 + k;
        opt.limit = k ? free_only.plan->bytes * (size_t)k / 4 : 1;
        again = train(what, opt);
        if (!again.plan->again_bytes)
            fail_msg("nothing is made again, limit %zu", opt.limit);
        if (opt.threads == 2)           /* scratch memory is by worker */
            assert_true(again.plan->bytes < free_only.plan->bytes);
        assert_same(&kept, &again);
        release(&again);
    }
    release(&kept);
    release(&free_only);
}

static void of_all_operators(void **state)
{
    (void)state;
    no_bit_changes(mixed, NN_PRECISION_FP32);
    no_bit_changes(mixed, NN_PRECISION_BF16);
}

static void of_branches_that_are_added(void **state)
{
    (void)state;
    no_bit_changes(branches, NN_PRECISION_FP32);
}

static void of_architectures(void **state)
{
    static const char *const names[] = { "resnet_small", "mobilenet_v2", "airnet" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        no_bit_changes(names[i], NN_PRECISION_FP32);
        no_bit_changes(names[i], NN_PRECISION_BF16);
    }
}

static struct nn_plan *plan_of(struct nn_graph *g, size_t limit, enum nn_precision precision)
{
    struct err err = { 0 };
    struct nn_plan_options opt = { .mode = NN_TRAIN, .batch = 32, .limit = limit,
                                   .precision = precision,
                                   .kernels = nn_kernels_get("auto", &err) };
    struct nn_plan *p = nn_plan_new(g, &opt, &err);

    if (!p)
        fail_msg("%s", err.msg);
    return p;
}

/* What is asked for is met wherever it can be, by no more work than it takes. */
static void a_limit_is_kept(void **state)
{
    struct nn_graph *g = build("resnet50");
    struct nn_plan *any = plan_of(g, 0, NN_PRECISION_FP32), *least = plan_of(g, 1,
                                                                            NN_PRECISION_FP32);
    size_t before = 0;

    (void)state;
    assert_true(least->bytes < any->bytes / 2);
    assert_true(least->again_bytes > any->again_bytes);
    for (int k = 0; k <= 4; k++) {
        size_t limit = least->bytes + (any->bytes - least->bytes) * (size_t)k / 4;
        struct nn_plan *p = plan_of(g, limit, NN_PRECISION_FP32);

        assert_true(p->bytes <= limit);
        assert_true(!before || p->again_bytes <= before);
        before = p->again_bytes;
        nn_plan_free(p);
    }
    nn_plan_free(any);
    nn_plan_free(least);
    nn_graph_free(g);
}

/* Without a limit a step does hardly more than it would, and only where that saves much: not where
 * all its work is to move what it would save. */
static void what_costs_nothing_is_not_kept(void **state)
{
    static const struct {
        const char *name;
        bool gives_up;
    } known[] = { { "resnet18", true }, { "resnet50", true }, { "mobilenet_v2", false } };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct nn_graph *g = build(known[i].name);
        struct nn_plan *p = plan_of(g, 0, NN_PRECISION_FP32);

        assert_true((p->again_bytes > 0) == known[i].gives_up);
        assert_true(p->again_flops <= p->flops / 50);
        nn_plan_free(p);
        nn_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_all_operators),
        cmocka_unit_test(of_branches_that_are_added),
        cmocka_unit_test(of_architectures),
        cmocka_unit_test(a_limit_is_kept),
        cmocka_unit_test(what_costs_nothing_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
