/*
 * test_plan -- memory sharing, in-place steps and lifetimes change no bit;
 * gradients of whole graphs; passes
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

/* Shortcuts, a branch whose value is read late, dropout, flatten, concat:
 * every way in which lives overlap. */
static const char net[] =
    "image = input shape=8x8x3\n"
    "target = input shape=5\n"
    "c1 = conv2d image channels=8 size=3 pad=1\n"
    "b1 = batchnorm c1\n"
    "r1 = relu b1\n"
    "c2 = conv2d r1 channels=8 size=3 pad=1\n"
    "b2 = batchnorm c2\n"
    "s = add b2 r1\n"
    "r2 = relu6 s\n"
    "p = maxpool r2 size=2 stride=2\n"
    "a = avgpool r2 size=2 stride=2\n"
    "m = concat p a\n"
    "d = conv2d m channels=16 size=3 pad=1 groups=16 bias=true\n"
    "q = sigmoid d\n"
    "g = mul q m\n"
    "f = flatten g\n"
    "o = dropout f rate=0.25\n"
    "fc = linear o width=5 bias=true\n"
    "l = xent fc target smooth=0.1\n"
    "output logits = fc\n"
    "output loss = l\n";

struct run {
    struct nn_graph *g;
    struct nn_plan *plan;
    struct nn_params *params;
    struct pool *pool;
    struct nn_exec *e;
};

static struct nn_graph *read_net(const char *text)
{
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);

    if (!g)
        fail_msg("%s", err.msg);
    return g;
}

static void fill(struct tensor t, uint64_t stream, double lo, double hi)
{
    for (int64_t i = 0; i < shape_count(&t.shape); i++) {
        double u = rng_f64(1, rng_stream(RNG_TEST, (uint32_t)stream), (uint64_t)i);

        ((real *)t.data)[i] = (real)(lo + (hi - lo) * u);
    }
}

static struct run start(const char *text, struct nn_plan_options opt)
{
    struct err err = { 0 };
    struct run r = { .g = read_net(text) };

    opt.kernels = nn_kernels_get("auto", &err);
    r.plan = nn_plan_new(r.g, &opt, &err);
    if (!r.plan)
        fail_msg("%s", err.msg);
    r.params = nn_params_new(r.g, opt.mode == NN_TRAIN, &err);
    assert_non_null(r.params);
    nn_params_init(r.params, r.g, 4);
    r.pool = pool_new(opt.threads ? opt.threads : 1, &err);
    r.e = nn_exec_new(r.plan, r.params, r.pool, &err);
    assert_non_null(r.e);
    nn_exec_seed(r.e, 11, 3);
    fill(nn_exec_input(r.e, "image"), 1, -1, 1);
    if (nn_exec_input(r.e, "target").data)
        fill(nn_exec_input(r.e, "target"), 2, 0, 0.4);
    return r;
}

static void stop(struct run *r)
{
    nn_exec_free(r->e);
    nn_plan_free(r->plan);
    nn_params_free(r->params);
    pool_free(r->pool);
    nn_graph_free(r->g);
}

static bool same_block(const real *a, const real *b, int64_t n)
{
    return !memcmp(a, b, (size_t)n * sizeof *a);
}

/* Largest difference of two blocks, over the largest number of the first. */
static double difference(const real *a, const real *b, int64_t n)
{
    double most = 0, large = 1e-6;

    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
        large = fmax(large, fabs((double)a[i]));
    }
    return most / large;
}

/* A step that does the work of several nodes gives what they give; bf16 is near. */
static void fusing_and_precision_change_little(void **state)
{
    static const struct {
        bool single;
        enum nn_precision precision;
        double bound;
    } how[] = {
        { true, NN_PRECISION_FP32, 0 }, { false, NN_PRECISION_FP32, 1e-5 },
        { true, NN_PRECISION_BF16, 0.05 }, { false, NN_PRECISION_BF16, 0.05 },
    };
    struct run r[4];

    (void)state;
    for (int k = 0; k < 4; k++) {
        struct nn_plan_options opt = { .mode = NN_TRAIN, .batch = 6, .threads = 2, .poison = true,
                                       .single = how[k].single, .precision = how[k].precision };

        r[k] = start(net, opt);
        nn_exec_forward(r[k].e);
        nn_exec_backward(r[k].e);
        if (!(difference(nn_exec_output(r[0].e, "logits").data,
                         nn_exec_output(r[k].e, "logits").data, 30) <= how[k].bound))
            fail_msg("logits of plan %d differ", k);
        for (int e = 0; e < r[k].params->n; e++)
            if (!(difference(r[0].params->grad + r[0].params->offset[e],
                             r[k].params->grad + r[0].params->offset[e],
                             r[k].params->count[e]) <= 4 * how[k].bound))
                fail_msg("plan %d: the gradient of %s is %.3g off", k,
                         r[k].g->node[r[k].params->node[e]].name,
                         difference(r[0].params->grad + r[0].params->offset[e],
                                    r[k].params->grad + r[0].params->offset[e],
                                    r[k].params->count[e]));
    }
    assert_int_equal(r[0].plan->n_forward - r[1].plan->n_forward, 3);   /* relu; add and relu6 */
    assert_true(r[1].plan->bytes <= r[0].plan->bytes);
    assert_true(r[3].plan->bytes <= r[1].plan->bytes);
    for (int k = 0; k < 4; k++)
        stop(&r[k]);
}

/* So large that gradients of filters are summed in parts, of more numbers than a tile. */
static void large_gradients_in_bf16_are_near(void **state)
{
    static const char wide[] =
        "image = input shape=24x24x4\n"
        "target = input shape=5\n"
        "c1 = conv2d image channels=32 size=1\n"
        "b1 = batchnorm c1\n"
        "c2 = conv2d b1 channels=32 size=3 pad=1\n"
        "b2 = batchnorm c2\n"
        "m = meanpool b2\n"
        "fc = linear m width=5\n"
        "l = xent fc target\n"
        "output logits = fc\n"
        "output loss = l\n";
    struct nn_plan_options opt = { .mode = NN_TRAIN, .batch = 4, .threads = 2,
                                   .precision = NN_PRECISION_FP32 };
    struct run a = start(wide, opt), b;

    (void)state;
    opt.precision = NN_PRECISION_BF16;
    b = start(wide, opt);
    nn_exec_forward(a.e);
    nn_exec_backward(a.e);
    nn_exec_forward(b.e);
    nn_exec_backward(b.e);
    for (int e = 0; e < a.params->n; e++) {
        const real *x = a.params->grad + a.params->offset[e];
        const real *y = b.params->grad + a.params->offset[e];
        double both = 0, xx = 0, yy = 0;

        for (int64_t k = 0; a.params->count[e] > NN_TILE && k < a.params->count[e]; k++) {
            both += (double)x[k] * (double)y[k];
            xx += (double)x[k] * (double)x[k];
            yy += (double)y[k] * (double)y[k];
        }
        if (!(both >= 0.99 * sqrt(xx * yy)))
            fail_msg("the gradient of %s points elsewhere", a.g->node[a.params->node[e]].name);
    }
    stop(&a);
    stop(&b);
}

static void sharing_memory_changes_no_bit(void **state)
{
    struct nn_plan_options apart = { .mode = NN_TRAIN, .batch = 6, .apart = true };
    struct nn_plan_options shared = apart, poisoned;
    struct run a, b;

    (void)state;
    shared.apart = false;
    poisoned = shared;
    poisoned.poison = true;
    a = start(net, apart);
    nn_exec_forward(a.e);
    nn_exec_backward(a.e);
    for (int k = 0; k < 2; k++) {
        b = start(net, k ? poisoned : shared);
        assert_true(b.plan->bytes < a.plan->bytes * 3 / 4);
        nn_exec_forward(b.e);
        assert_true(*(real *)nn_exec_output(a.e, "loss").data ==
                    *(real *)nn_exec_output(b.e, "loss").data);
        nn_exec_backward(b.e);
        assert_true(same_block(a.params->grad, b.params->grad, a.params->total));
        assert_true(same_block(a.params->value, b.params->value, a.params->total));
        assert_true(
            same_block(nn_exec_output(a.e, "logits").data, nn_exec_output(b.e, "logits").data, 30));
        stop(&b);
    }
    stop(&a);
}

static void second_run_equals_first(void **state)
{
    struct run r = start(net, (struct nn_plan_options){ .mode = NN_TRAIN, .batch = 4 });
    size_t bytes = (size_t)r.params->total * sizeof(real);
    real *first = malloc(bytes), *value = malloc(bytes);

    (void)state;
    memcpy(value, r.params->value, bytes);
    nn_exec_forward(r.e);
    nn_exec_backward(r.e);
    memcpy(first, r.params->grad, bytes);
    memcpy(r.params->value, value, bytes);
    memset(r.params->grad, 0, bytes);
    fill(nn_exec_input(r.e, "image"), 1, -1, 1);
    fill(nn_exec_input(r.e, "target"), 2, 0, 0.4);
    nn_exec_forward(r.e);
    nn_exec_backward(r.e);
    assert_true(same_block(first, r.params->grad, r.params->total));
    free(first);
    free(value);
    stop(&r);
}

static void threads_change_no_bit(void **state)
{
    struct run one =
        start(net, (struct nn_plan_options){ .mode = NN_TRAIN, .batch = 7, .threads = 1 });

    (void)state;
    nn_exec_forward(one.e);
    nn_exec_backward(one.e);
    for (int threads = 2; threads <= 8; threads += threads < 3 ? 1 : 5) {
        struct run many = start(net, (struct nn_plan_options){
                                         .mode = NN_TRAIN, .batch = 7, .threads = threads });

        nn_exec_forward(many.e);
        nn_exec_backward(many.e);
        assert_true(same_block(one.params->grad, many.params->grad, one.params->total));
        assert_true(same_block(one.params->value, many.params->value, one.params->total));
        stop(&many);
    }
    stop(&one);
}

/* What a network answers for one picture is the same, bit for bit, in any company. */
static void answers_ignore_neighbours(void **state)
{
    struct run all =
        start(net, (struct nn_plan_options){ .mode = NN_INFER, .batch = 9, .threads = 2 });
    struct run one = start(net, (struct nn_plan_options){ .mode = NN_INFER, .batch = 1 });
    const float *logits, *image;

    (void)state;
    image = malloc(9 * 192 * sizeof *image);
    memcpy((void *)(uintptr_t)image, nn_exec_input(all.e, "image").data, 9 * 192 * sizeof *image);
    nn_exec_forward(all.e);
    logits = nn_exec_output(all.e, "logits").data;
    for (int i = 0; i < 9; i++) {
        memcpy(nn_exec_input(one.e, "image").data, image + i * 192, 192 * sizeof *image);
        nn_exec_forward(one.e);
        assert_memory_equal(nn_exec_output(one.e, "logits").data, logits + 5 * i,
                            5 * sizeof *logits);
    }
    free((void *)(uintptr_t)image);
    stop(&all);
    stop(&one);
}

static void running_statistics_only_train(void **state)
{
    (void)state;
    for (int mode = NN_INFER; mode <= NN_TRAIN; mode++) {
        struct run r = start(net, (struct nn_plan_options){ .mode = mode, .batch = 4 });
        int mean = r.params->entry[nn_graph_find(r.g, "b1.running_mean")];

        nn_exec_forward(r.e);
        assert_int_equal(r.params->value[r.params->offset[mean]] != 0, mode == NN_TRAIN);
        stop(&r);
    }
}

/* Folded and stripped, the network gives the same answers but for rounding. */
static void inference_passes_keep_the_answers(void **state)
{
    struct run r = start(net, (struct nn_plan_options){ .mode = NN_TRAIN, .batch = 4 });
    struct err err = { 0 };
    struct nn_graph *g2, *plain;
    struct nn_params *p2;
    struct str text = { 0 };

    (void)state;
    for (int i = 0; i < 5; i++)                         /* running statistics worth folding */
        nn_exec_forward(r.e);
    assert_true(nn_pass_infer(r.g, r.params, &g2, &p2, &err));
    for (int i = 0; i < g2->n; i++)
        assert_true(g2->node[i].op != &nn_op_batchnorm && g2->node[i].op != &nn_op_dropout);
    assert_true(nn_graph_write(g2, &text));
    plain = nn_graph_read(str_text(&text), text.len, 0, NULL, &err);
    assert_true(plain && nn_graph_equal(plain, g2));
    {
        struct nn_plan_options opt = {
            .mode = NN_INFER, .batch = 4, .kernels = nn_kernels_get("auto", &err) };
        struct nn_plan *pa = nn_plan_new(r.g, &opt, &err), *pb = nn_plan_new(g2, &opt, &err);
        struct nn_exec *a = nn_exec_new(pa, r.params, NULL, &err),
                       *b = nn_exec_new(pb, p2, NULL, &err);
        const float *x, *y;

        fill(nn_exec_input(a, "image"), 8, -1, 1);
        fill(nn_exec_input(b, "image"), 8, -1, 1);
        nn_exec_forward(a);
        nn_exec_forward(b);
        x = nn_exec_output(a, "logits").data;
        y = nn_exec_output(b, "logits").data;
        for (int i = 0; i < 20; i++)
            assert_true(fabsf(x[i] - y[i]) <= 1e-5f * (1 + fabsf(x[i])));
        nn_exec_free(a);
        nn_exec_free(b);
        nn_plan_free(pa);
        nn_plan_free(pb);
    }
    str_release(&text);
    nn_graph_free(plain);
    nn_graph_free(g2);
    nn_params_free(p2);
    stop(&r);
}

/* Depthwise convolutions with what is around them: a first layer, a shortcut, steps, dilation, taps
 * that see padding alone, a layer in groups, sums that are shown, which end a chain. */
static const char chained[] =
    "image = input shape=61x53x3\n"
    "stem = conv2d image channels=32 size=3 stride=2 pad=1 bias=true\n"
    "r0 = relu6 stem\n"
    "d0 = conv2d r0 channels=32 size=3 pad=1 groups=32 bias=true\n"
    "r1 = relu6 d0\n"
    "p0 = conv2d r1 channels=24 bias=true\n"
    "w1 = conv2d p0 channels=96\n"
    "r2 = relu6 w1\n"
    "d1 = conv2d r2 channels=96 size=5 pad=2 groups=96\n"
    "r3 = relu6 d1\n"
    "p1 = conv2d r3 channels=24 bias=true\n"
    "s1 = add p1 p0\n"
    "w2 = conv2d s1 channels=96 groups=2\n"
    "d2 = conv2d w2 channels=96 size=3 stride=2 dilation=2 pad=5x1x5x1 groups=96\n"
    "p2 = conv2d d2 channels=40\n"
    "w3 = conv2d p2 channels=320\n"
    "d3 = conv2d w3 channels=320 size=7x1 stride=3x1 pad=3x0x3x0 groups=320 bias=true\n"
    "r4 = relu d3\n"
    "p3 = conv2d r4 channels=32 stride=2\n"
    "m = meanpool p3\n"
    "logits = linear m width=7\n"
    "output logits = logits\n"
    "output s1 = s1\n";

static void chains_of_steps_change_no_bit(void **state)
{
    (void)state;
    for (int precision = NN_PRECISION_FP32; precision <= NN_PRECISION_BF16; precision++)
        for (int batch = 1; batch <= 9; batch += 4)
            for (int threads = 1; threads <= 3; threads++) {
                struct nn_plan_options opt = { .mode = NN_INFER, .batch = batch, .apart = true,
                                               .threads = threads,
                                               .precision = (enum nn_precision)precision };
                struct run whole = start(chained, opt), rows;
                struct tensor a = nn_exec_output(whole.e, "logits");
                struct tensor b = nn_exec_output(whole.e, "s1"), c, d;

                assert_int_equal(whole.plan->n_chain, 0);
                opt.apart = false;
                opt.poison = true;
                rows = start(chained, opt);
                assert_in_range(rows.plan->n_chain, 3, 4);
                assert_true(threads > 1 || rows.plan->bytes < whole.plan->bytes / 2);
                c = nn_exec_output(rows.e, "logits");
                d = nn_exec_output(rows.e, "s1");
                nn_exec_forward(whole.e);
                for (int again = 0; again < 3; again++) {
                    fill(nn_exec_input(rows.e, "image"), 1, -1, 1);
                    if (again < 2)
                        nn_exec_forward(rows.e);
                    for (int t = 0; again == 2 && t < rows.plan->n_step; t++)
                        nn_exec_step(rows.e, t);
                    assert_memory_equal(a.data, c.data, (size_t)batch * 7 * sizeof(real));
                    assert_memory_equal(b.data, d.data,
                                        (size_t)shape_count(&b.shape) * sizeof(real));
                }
                stop(&whole);
                stop(&rows);
            }
}

/* What is computed by tiles has no rows of its own. */
static void steps_without_rows_are_in_no_chain(void **state)
{
    static const char text[] = "image = input shape=40x40x24\n"
                               "a = conv2d image channels=24 size=3 pad=1\n"
                               "p = maxpool a size=3 pad=1\n"
                               "c = conv2d p channels=24\n"
                               "output logits = c\n";
    struct run r = start(text, (struct nn_plan_options){ .mode = NN_INFER, .batch = 1 });
    struct nn_call c = nn_plan_call(r.plan, nn_graph_find(r.g, "a"));
    int64_t from, end;
    bool rows = sizeof(real) != sizeof(float);

    (void)state;
    assert_int_equal(nn_op_conv2d.sees(&c, 0, 1, &from, &end), rows);
    assert_int_equal(r.plan->n_chain, 1);
    assert_int_equal(r.plan->chain[0].first, !rows);
    stop(&r);
}

static void refused(const char *text, const char *words)
{
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);

    if (g)
        fail_msg("accepted: %s", text);
    if (!strstr(err.msg, words))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, words);
}

static void bad_text_is_refused_in_words(void **state)
{
    (void)state;
    refused("", "no output");
    refused("image = input shape=8x8x3\n", "no output");
    refused("image = input shape=8x8x3\nx = conv2 image\n", "did you mean");
    refused("image = input shape=8x8x3\nx = conv2d image chanels=3 size=3\n", "channels");
    refused("image = input shape=8x8x3\nx = relu imag\n", "no node");
    refused("x = relu x\n", "no node");
    refused("image = input shape=8x8x3\nimage = relu image\n", "taken");
    refused("image = input shape=8x8x3\nx = conv2d image channels=0 size=3\noutput y = x\n",
            "channels");
    refused("image = input shape=8x8x3\nx = conv2d image channels=4 size=99\noutput y = x\n",
            "line 2");
    refused("image = input shape=2x2x3\nx = maxpool image size=3\noutput y = x\n", "fit");
    refused("image = input\noutput y = image\n", "shape");
    refused("gibberish\n", "expected");
    refused("a = input shape=3\nb = input shape=4\nc = add a b\noutput y = c\n", "add");
}

static void variables_stand_for_numbers(void **state)
{
    static const char text[] = "image = input shape=4x4x3  # a picture\n\nf = flatten image\r\n"
                               "fc = linear f width=classes\noutput logits = fc\n";
    struct nn_var var = { "classes", 7 };
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 1, &var, &err);

    (void)state;
    assert_non_null(g);
    assert_int_equal(g->node[nn_graph_find(g, "fc")].type.dim[1].n, 7);
    assert_int_equal(nn_graph_find(g, "fc.weight"), nn_graph_find(g, "fc") - 1);
    nn_graph_free(g);
}

static void training_needs_a_loss(void **state)
{
    static const char text[] = "image = input shape=4\nr = relu image\noutput logits = r\n";
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);
    struct nn_plan_options opt = {
        .mode = NN_TRAIN, .batch = 2, .kernels = nn_kernels_get("ref", &err) };

    (void)state;
    assert_null(nn_plan_new(g, &opt, &err));
    assert_non_null(strstr(err.msg, "loss"));
    nn_graph_free(g);
}

/* Targets take no gradient, so that a parameter behind them is none of the loss's. */
static void training_needs_a_parameter(void **state)
{
    static const char text[] = "image = input shape=4\nfc = linear image width=4\n"
                               "p = softmax fc\nl = xent image p\noutput loss = l\n";
    struct err err = { 0 };
    struct nn_graph *g = read_net(text);
    struct nn_plan_options opt = { .mode = NN_TRAIN, .batch = 2 };

    (void)state;
    opt.kernels = nn_kernels_get("ref", &err);
    assert_null(nn_plan_new(g, &opt, &err));
    assert_non_null(strstr(err.msg, "nothing to train"));
    nn_graph_free(g);
}

static void training_runs_what_the_loss_needs(void **state)
{
    static const char text[] = "image = input shape=4\ntarget = input shape=3\n"
                               "fc = linear image width=3\nside = linear fc width=2\n"
                               "l = xent fc target\noutput loss = l\noutput side = side\n";
    struct run r = start(text, (struct nn_plan_options){ .mode = NN_TRAIN, .batch = 2 });

    (void)state;
    assert_int_equal(r.plan->n_forward, 2);
    assert_null(nn_exec_output(r.e, "side").data);
    assert_false(r.plan->wants_grad[nn_graph_find(r.g, "side.weight")]);
    stop(&r);
}

/* Not even where the target has a gradient for another reason. */
static void no_gradient_goes_through_a_target(void **state)
{
    static const char text[] = "image = input shape=4\nfc = linear image width=3\n"
                               "l = xent fc fc\noutput loss = l\n";
    struct run r = start(text, (struct nn_plan_options){ .mode = NN_TRAIN, .batch = 2 });
    struct nn_call c;

    (void)state;
    nn_exec_call(r.e, r.plan->n_forward, &c);
    assert_non_null(c.dx[0].data);
    assert_null(c.dx[1].data);
    stop(&r);
}

/* As nn/plan.h promises: kernels may count on it. */
static void buffers_are_aligned(void **state)
{
    (void)state;
    for (int mode = NN_INFER; mode <= NN_TRAIN; mode++) {
        struct run r = start(net, (struct nn_plan_options){ .mode = mode, .batch = 3 });
        struct nn_call c;

        for (int i = 0; i < r.plan->n_buffer; i++) {
            assert_int_equal(r.plan->buffer[i].offset % 64, 0);
            assert_true(r.plan->buffer[i].offset + r.plan->buffer[i].bytes <= r.plan->bytes);
        }
        for (int i = 0; i < r.plan->n_step; i++) {
            nn_exec_call(r.e, i, &c);
            assert_int_equal((uintptr_t)c.stash % 64, 0);
            assert_int_equal((uintptr_t)c.scratch % 64, 0);
            assert_int_equal((uintptr_t)c.y.data % 64, 0);
        }
        stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fusing_and_precision_change_little),
        cmocka_unit_test(large_gradients_in_bf16_are_near),
        cmocka_unit_test(sharing_memory_changes_no_bit),
        cmocka_unit_test(second_run_equals_first),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(answers_ignore_neighbours),
        cmocka_unit_test(running_statistics_only_train),
        cmocka_unit_test(chains_of_steps_change_no_bit),
        cmocka_unit_test(steps_without_rows_are_in_no_chain),
        cmocka_unit_test(inference_passes_keep_the_answers),
        cmocka_unit_test(bad_text_is_refused_in_words),
        cmocka_unit_test(variables_stand_for_numbers),
        cmocka_unit_test(training_needs_a_loss),
        cmocka_unit_test(training_needs_a_parameter),
        cmocka_unit_test(training_runs_what_the_loss_needs),
        cmocka_unit_test(no_gradient_goes_through_a_target),
        cmocka_unit_test(buffers_are_aligned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
