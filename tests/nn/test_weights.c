/*
 * test_weights -- weights made once give every exec the bits of weights of its own
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/exec.h"
#include "nn/kernel/cpu.h"

#include <stdlib.h>
#include <string.h>

/* Filters that are packed, a bank of them that two layers share, depthwise and linear ones that are
 * read as they lie, one that an output shows. */
static const char net[] =
    "image = input shape=9x8x3\n"
    "w = param shape=3x3x8x8 init=he\n"
    "v = param shape=1x1x8x8 init=he\n"
    "c0 = conv2d image channels=8 size=3 pad=1 bias=true\n"
    "c1 = conv2d c0 w channels=8 size=3 pad=1\n"
    "r1 = relu c1\n"
    "c2 = conv2d r1 w channels=8 size=3 pad=1\n"
    "c3 = conv2d c2 v channels=8\n"
    "d = conv2d c3 channels=8 size=3 pad=1 groups=8\n"
    "g = conv2d d channels=12 size=1 groups=4 bias=true\n"
    "m = meanpool g\n"
    "fc = linear m width=5 bias=true\n"
    "output logits = fc\n"
    "output v = v\n";

struct network {
    struct nn_graph *g;
    struct nn_params *p;
    struct arena *mem;
    struct nn_values v;
};

static struct network start(void)
{
    struct err err = { 0 };
    struct network n = { .g = nn_graph_read(net, strlen(net), 0, NULL, &err) };

    if (!n.g)
        fail_msg("%s", err.msg);
    n.p = nn_params_new(n.g, false, &err);
    n.mem = arena_new();
    assert_non_null(n.p);
    assert_non_null(n.mem);
    nn_params_init(n.p, n.g, 5);
    assert_true(nn_params_values(n.p, n.g, n.mem, &n.v, &err));
    return n;
}

static void stop(struct network *n)
{
    arena_free(n->mem);
    nn_params_free(n->p);
    nn_graph_free(n->g);
}

static struct nn_plan *plan_of(const struct network *n, int batch, enum nn_precision precision)
{
    struct err err = { 0 };
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = batch, .threads = 2,
                                   .precision = precision,
                                   .kernels = nn_kernels_get(NULL, &err) };
    struct nn_plan *plan = nn_plan_new(n->g, &opt, &err);

    if (!plan)
        fail_msg("%s", err.msg);
    return plan;
}

/* Its answers to pictures that are always the same; the caller frees. */
static real *answers(struct nn_exec *e, bool lend)
{
    struct tensor x = nn_exec_input(e, "image"), y = nn_exec_output(e, "logits");
    size_t in = (size_t)shape_count(&x.shape), out = (size_t)shape_count(&y.shape);
    real *image = malloc(in * sizeof *image), *copy = malloc(out * sizeof *copy);

    assert_true(image && copy);
    for (size_t i = 0; i < in; i++)
        image[i] = (real)rng_f32(2, rng_stream(RNG_TEST, 0), i) - (real)0.5;
    if (lend) {
        memset(x.data, 0xff, in * sizeof *image);       /* nobody reads it */
        assert_true(nn_exec_lend(e, "image", image));
    } else {
        assert_true(nn_exec_lend(e, "image", NULL));
        memcpy(x.data, image, in * sizeof *image);
    }
    nn_exec_forward(e);
    memcpy(copy, y.data, out * sizeof *copy);
    free(image);
    return copy;
}

static void shared_weights_give_the_bits_of_own_ones(void **state)
{
    static const enum nn_precision precisions[] = { NN_PRECISION_FP32, NN_PRECISION_BF16 };
    struct err err = { 0 };
    struct network n = start();

    (void)state;
    for (int k = 0; k < 2; k++)
        for (int threads = 1; threads <= 2; threads++) {
            struct pool *pool = pool_new(threads, &err);
            struct nn_plan *one = plan_of(&n, 1, precisions[k]);
            struct nn_weights *w = nn_weights_new(one, &n.v, pool, &err);

            assert_non_null(w);
            for (int batch = 1; batch <= 3; batch += 2) {
                struct nn_plan *plan = plan_of(&n, batch, precisions[k]);
                struct nn_exec *own = nn_exec_new(plan, n.p, pool, &err);
                struct nn_exec *shares = nn_exec_of(plan, w, pool, &err);
                real *a = answers(own, false), *b = answers(shares, false);
                real *c = answers(shares, true), *d = answers(shares, false);
                size_t bytes = (size_t)batch * 5 * sizeof *a;

                assert_int_equal(plan->packed_bytes, one->packed_bytes);
                assert_memory_equal(a, b, bytes);
                assert_memory_equal(a, c, bytes);
                assert_memory_equal(a, d, bytes);
                assert_memory_equal(nn_exec_output(shares, "v").data,
                                    n.p->value + n.p->offset[n.p->entry[nn_graph_find(n.g, "v")]],
                                    64 * sizeof(real));
                free(a), free(b), free(c), free(d);
                nn_exec_free(own);
                nn_exec_free(shares);
                nn_plan_free(plan);
            }
            nn_weights_free(w);
            nn_plan_free(one);
            pool_free(pool);
        }
    stop(&n);
}

static void what_is_packed_is_there_once(void **state)
{
    static const char *const packed[] = { "w", "c0.weight", "g.weight" };
    static const char *const lies[] = { "v", "c0.bias", "d.weight", "fc.weight", "fc.bias" };
    struct err err = { 0 };
    struct network n = start();
    struct nn_plan *plan = plan_of(&n, 1, NN_PRECISION_FP32);
    struct nn_weights *w = nn_weights_new(plan, &n.v, NULL, &err);

    (void)state;
    assert_non_null(w);
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
        assert_int_equal(w->params->entry[nn_graph_find(n.g, packed[i])], -1);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        assert_true(w->params->entry[nn_graph_find(n.g, lies[i])] >= 0);
    assert_int_equal(w->bytes, plan->packed_bytes + (size_t)w->params->total * sizeof(real));
    nn_weights_free(w);
    nn_weights_free(NULL);
    nn_plan_free(plan);
    stop(&n);
}

/* A value that is not there. */
static bool make_nothing(const struct nn_value *v, real *out, struct err *err)
{
    (void)out;
    return err_set(err, ERR_INPUT, "nothing of %lld numbers", (long long)v->count);
}

static void the_first_value_that_fails_is_told(void **state)
{
    static const struct nn_value missing[] = {
        { .count = 576, .make = make_nothing }, { .count = 5, .make = make_nothing } };
    struct err err = { 0 };
    struct network n = start();
    struct nn_plan *plan = plan_of(&n, 1, NN_PRECISION_FP32);
    struct pool *pool = pool_new(2, &err);

    (void)state;
    n.v.of[nn_graph_find(n.g, "w")] = &missing[0];
    n.v.of[nn_graph_find(n.g, "fc.bias")] = &missing[1];
    for (int i = 0; i < 20; i++) {
        assert_null(nn_weights_new(plan, &n.v, i % 2 ? pool : NULL, &err));
        assert_string_equal(err.msg, "nothing of 576 numbers");
        err = (struct err){ 0 };
    }
    pool_free(pool);
    nn_plan_free(plan);
    stop(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_weights_give_the_bits_of_own_ones),
        cmocka_unit_test(what_is_packed_is_there_once),
        cmocka_unit_test(the_first_value_that_fails_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
