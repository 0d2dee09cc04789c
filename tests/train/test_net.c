/*
 * net: steps lower the loss of every architecture, gradients add up and are clipped, averages
 * follow, a step that goes wrong changes nothing, and a net whose arrays are restored goes on as if
 * nothing had been
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "tests/train/step.h"

#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 8, LABELS = 3, SIDE = 6 };

struct made {
    struct nn_graph *g;
    struct pool *pool;
    struct train_net_options opt;
    struct train_net *net;
    float *image, target[N * LABELS];
};

static const char norms[] = "image = input shape=6x6x3\n"
                            "c1 = conv2d image channels=8 size=3 pad=1\n"
                            "n1 = batchnorm c1\n"
                            "r1 = relu n1\n"
                            "c2 = conv2d r1 channels=12 size=3 pad=1\n"
                            "n2 = batchnorm c2\n"
                            "r2 = relu n2\n"
                            "m = meanpool r2\n"
                            "fc = linear m width=3 bias=true\n"
                            "output logits = fc\n";
static const char no_norms[] = "image = input shape=6x6x3\n"
                               "c1 = conv2d image channels=8 size=3 pad=1 bias=true\n"
                               "r1 = relu c1\n"
                               "f = flatten r1\n"
                               "fc = linear f width=3 bias=true\n"
                               "output logits = fc\n";

static struct train_net_options usual(const struct train_optim *o)
{
    struct err err = { 0 };

    return (struct train_net_options){
        .momentum = o->momentum,
        .beta2 = o->beta2,
        .decay = o->decay,
        .optim = o,
        .kernels = nn_kernels_get("auto", &err),
        .seed = 1,
    };
}

static struct made make_of(struct nn_graph *g, int side, const struct train_net_options *opt,
                           int threads)
{
    struct err err = { 0 };
    struct made s = { .g = g, .pool = pool_new(threads, &err), .opt = *opt };
    int n = N * side * side * 3;

    s.opt.pool = s.pool;
    assert_non_null(s.g);
    s.net = train_net_new(s.g, &s.opt, &err);
    if (!s.net)
        fail_msg("%s", err.msg);
    s.image = malloc((size_t)n * sizeof *s.image);
    assert_non_null(s.image);
    for (int i = 0; i < n; i++)
        s.image[i] = (float)rng_normal(5, rng_stream(RNG_TEST, 0), (uint64_t)i);
    for (int i = 0; i < N * LABELS; i++)
        s.target[i] = i % LABELS == i / LABELS % LABELS;
    return s;
}

static struct made make(const struct nn_model *m, int side, enum data_task task, int threads)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct nn_model_args args = { side, side, 3, LABELS, 0, 0 };
    struct err err = { 0 };

    opt.loss.task = task;
    return make_of(nn_model_build(m, &args, &err), side, &opt, threads);
}

static struct made tiny(const char *text, const struct train_net_options *opt, int threads)
{
    struct err err = { 0 };

    return make_of(nn_graph_read(text, strlen(text), 0, NULL, &err), SIDE, opt, threads);
}

static void release(struct made *s)
{
    train_net_free(s->net);
    nn_graph_free(s->g);
    pool_free(s->pool);
    free(s->image);
}

/* Pictures [first, first + n) of the eight. */
static void learn(struct made *s, int first, int n)
{
    struct err err = { 0 };

    if (!train_net_learn(s->net, n, s->image + first * SIDE * SIDE * 3, s->target + first * LABELS,
                         NULL, 0, &err))
        fail_msg("%s", err.msg);
}

static struct train_outcome update(struct made *s, double rate)
{
    struct train_outcome out;
    struct err err = { 0 };

    if (!train_net_update(s->net, rate, &out, &err))
        fail_msg("%s", err.msg);
    return out;
}

static double steps(struct made *s, int n, double rate)
{
    struct err err = { 0 };
    double loss = 0;

    for (int i = 0; i < n; i++)
        if (!step_net(s->net, N, s->image, s->target, rate, (uint64_t)i, &loss, &err))
            fail_msg("%s", err.msg);
    return loss;
}

/* Numbers that can be computed with. */
static bool sound(const struct train_net *net)
{
    const struct nn_params *p = train_net_params(net);

    for (int64_t i = 0; i < p->total; i++)
        if (!(fabs((double)p->value[i]) <= 1e15))
            return false;
    return true;
}

static struct nn_params *values(const struct made *s)
{
    struct err err = { 0 };
    struct nn_params *p = nn_params_new(s->g, false, &err);

    assert_non_null(p);
    train_net_values(s->net, p);
    return p;
}

static void assert_same_values(const struct made *a, const struct made *b)
{
    struct nn_params *p = values(a), *q = values(b);

    assert_memory_equal(p->value, q->value, (size_t)p->total * sizeof(real));
    nn_params_free(p);
    nn_params_free(q);
}

/* Euclidean distance of what is trained. */
static double distance(const struct nn_params *p, const struct nn_params *q)
{
    double sum = 0;

    for (int e = 0; e < p->n; e++)
        for (int64_t i = p->offset[e]; p->trained[e] && i < p->offset[e] + p->count[e]; i++)
            sum += pow((double)p->value[i] - (double)q->value[i], 2);
    return sqrt(sum);
}

static void every_architecture_overfits_8_pictures(void **state)
{
    (void)state;
    for (int i = 0; i < nn_model_count(); i++) {
        const struct nn_model *m = nn_model_at(i);
        struct made s;
        double first, last;

        if (!m->sample)
            continue;
        s = make(m, m->least, DATA_SINGLE, 2);
        first = steps(&s, 1, 0.01);
        last = steps(&s, 30, 0.01);
        if (!(first > 0.5 && last < 0.1))
            fail_msg("%s: loss %g, then %g", m->name, first, last);
        assert_true(sound(s.net));
        release(&s);
    }
}

static void several_labels_overfit_too(void **state)
{
    struct made s = make(nn_family_resnet_small, 16, DATA_MULTI, 1);

    (void)state;
    s.target[0] = -1; /* unknown */
    assert_true(steps(&s, 30, 0.02) < 0.1);
    release(&s);
}

static void threads_do_not_change_bits(void **state)
{
    (void)state;
    for (int o = 0; o < train_optim_count(); o++) {
        struct train_net_options opt = usual(train_optim_at(o));
        struct made a, b;

        opt.clip = 0.5;
        opt.ema = 0.9;
        opt.lookahead = 2;
        a = tiny(norms, &opt, 1);
        b = tiny(norms, &opt, 3);
        assert_true(steps(&a, 5, 0.01) == steps(&b, 5, 0.01));
        assert_same_values(&a, &b);
        release(&a);
        release(&b);
    }
}

static void every_optimiser_overfits(void **state)
{
    (void)state;
    for (int o = 0; o < train_optim_count(); o++) {
        struct train_net_options opt = usual(train_optim_at(o));
        struct made s = tiny(norms, &opt, 1);
        double first = steps(&s, 1, 3 * opt.optim->lr), last = steps(&s, 100, 3 * opt.optim->lr);

        if (!(first > 0.5 && last < 0.2 * first))
            fail_msg("%s: loss %g, then %g", opt.optim->name, first, last);
        release(&s);
    }
}

/* Adds up pictures, not batches: 5 + 3 of them are one batch of 8, but for the order of sums. */
static void batches_that_add_up_equal_one(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct made a, b;

    (void)state;
    opt.precision = NN_PRECISION_FP32;
    a = tiny(no_norms, &opt, 1);
    b = tiny(no_norms, &opt, 1);
    for (int i = 0; i < 5; i++) {
        struct train_outcome one, sum;
        struct nn_params *p, *q;

        learn(&a, 0, N);
        one = update(&a, 0.1);
        learn(&b, 0, 5);
        learn(&b, 5, 3);
        sum = update(&b, 0.1);
        assert_float_equal(sum.loss, one.loss, 1e-5);
        assert_float_equal(sum.norm, one.norm, 1e-5);
        assert_int_equal(sum.pictures, N);
        assert_int_equal(sum.right, one.right);
        p = values(&a);
        q = values(&b);
        assert_true(distance(p, q) < 1e-5);
        nn_params_free(p);
        nn_params_free(q);
    }
    release(&a);
    release(&b);
}

/* A batch in slices is batches that add up, bit for bit; an odd one has a last slice that is
 * smaller. */
static void slices_are_batches_that_add_up(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);

    (void)state;
    for (int limit = 0; limit <= 1; limit++) {
        struct made a, b;

        opt.slice = 0;
        a = tiny(no_norms, &opt, 1);
        opt.slice = 3;
        opt.limit = limit;
        b = tiny(no_norms, &opt, 2);
        for (int i = 0; i < 4; i++) {
            int n = i % 2 ? N : i + 1;

            for (int first = 0; first < n; first += 3)
                learn(&a, first, n - first < 3 ? n - first : 3);
            learn(&b, 0, n);
            assert_true(update(&a, 0.1).loss == update(&b, 0.1).loss);
            assert_same_values(&a, &b);
        }
        release(&a);
        release(&b);
    }
}

/* Only what looks at each picture by itself is cut. */
static void slices_are_for_nets_that_look_at_pictures(void **state)
{
    static const struct {
        const char *text, *freeze;
        enum data_task task;
        bool slices;
    } known[] = {
        { no_norms, NULL, DATA_SINGLE, true }, { norms, NULL, DATA_SINGLE, false },
        { norms, "n1*,n2*", DATA_SINGLE, true }, { norms, "n1*", DATA_SINGLE, false },
        { no_norms, NULL, DATA_MULTI, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct train_net_options opt = usual(&train_optim_sgd);
        struct err err = { 0 };
        struct nn_graph *g = nn_graph_read(known[i].text, strlen(known[i].text), 0, NULL, &err);
        bool slices;

        opt.freeze = known[i].freeze;
        opt.loss.task = known[i].task;
        assert_true(g && train_net_slices(g, &opt, &slices, &err));
        if (slices != known[i].slices)
            fail_msg("net %zu: slices are %s", i, slices ? "taken" : "refused");
        nn_graph_free(g);
    }
}

/* Weights, moments, statistics and all. */
static void what_is_made_again_changes_no_bit(void **state)
{
    (void)state;
    for (int precision = NN_PRECISION_FP32; precision <= NN_PRECISION_BF16; precision++)
        for (int threads = 1; threads <= 3; threads += 2) {
            struct train_net_options opt = usual(&train_optim_adamw);
            struct made a, b;

            opt.precision = (enum nn_precision)precision;
            a = tiny(norms, &opt, 1);
            opt.limit = 1;
            b = tiny(norms, &opt, threads);
            assert_true(steps(&a, 5, 0.01) == steps(&b, 5, 0.01));
            assert_same_values(&a, &b);
            release(&a);
            release(&b);
        }
}

static void pictures_that_are_answered_right_are_counted(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct made s = tiny(no_norms, &opt, 1);

    (void)state;
    steps(&s, 60, 0.1);
    memset(s.target, 0, LABELS * sizeof *s.target); /* the first has no label now */
    learn(&s, 0, N);
    assert_int_equal(update(&s, 0).right, N - 1);
    release(&s);
}

static void clipping_bounds_the_step(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);

    (void)state;
    opt.momentum = opt.decay = 0;
    for (int clips = 0; clips < 2; clips++) {
        struct made s;
        struct nn_params *before, *after;
        struct train_outcome out;

        opt.clip = clips ? 0.01 : 1000;
        s = tiny(no_norms, &opt, 1);
        before = values(&s);
        learn(&s, 0, N);
        out = update(&s, 1);
        after = values(&s);
        assert_true(out.norm > 0.01 && out.norm < 1000);
        assert_float_equal(distance(before, after), clips ? 0.01 : out.norm, 1e-5 * out.norm);
        nn_params_free(before);
        nn_params_free(after);
        release(&s);
    }
}

static void weights_without_decay_are_norms_and_biases(void **state)
{
    struct made s = make(nn_family_resnet_small, 16, DATA_SINGLE, 1);
    struct nn_params *before = values(&s), *after;
    struct err err = { 0 };
    double loss;

    (void)state;
    memset(s.target, 0, sizeof s.target); /* no label at all: no gradient, only decay is left */
    assert_true(step_net(s.net, N, s.image, s.target, 0.1, 0, &loss, &err));
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

/* SGD's first step: biases and norms go so many times as far, weights as ever. */
static void biases_have_a_rate_of_their_own(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct made one = tiny(norms, &opt, 1), other;
    struct nn_params *start = values(&one), *p, *q;

    (void)state;
    opt.bias_lr = 4;
    other = tiny(norms, &opt, 1);
    steps(&one, 1, 0.01);
    steps(&other, 1, 0.01);
    p = values(&one);
    q = values(&other);
    for (int e = 0; e < p->n; e++) {
        double times = one.g->node[p->node[e]].type.rank > 1 ? 1 : 4;

        for (int64_t i = p->offset[e]; p->trained[e] && i < p->offset[e] + p->count[e]; i++)
            assert_float_equal((double)q->value[i] - (double)start->value[i],
                               times * ((double)p->value[i] - (double)start->value[i]), 1e-6);
    }
    nn_params_free(start);
    nn_params_free(p);
    nn_params_free(q);
    release(&one);
    release(&other);
}

/* SGD's first step: each layer further down goes half as far, its bias and norm too. */
static void layers_have_rates_of_their_own(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct made one = tiny(norms, &opt, 1), other;
    struct nn_params *start = values(&one), *p, *q;

    (void)state;
    opt.layer_lr = 0.5;
    other = tiny(norms, &opt, 3);
    steps(&one, 1, 0.01);
    steps(&other, 1, 0.01);
    p = values(&one);
    q = values(&other);
    for (int e = 0; e < p->n; e++) {
        const char *name = one.g->node[p->node[e]].name;
        double times = name[0] == 'f' ? 1 : name[1] == '2' ? 0.5 : 0.25;

        for (int64_t i = p->offset[e]; p->trained[e] && i < p->offset[e] + p->count[e]; i++)
            assert_float_equal((double)q->value[i] - (double)start->value[i],
                               times * ((double)p->value[i] - (double)start->value[i]), 1e-6);
    }
    nn_params_free(start);
    nn_params_free(p);
    nn_params_free(q);
    release(&one);
    release(&other);
}

/* Without a gradient all that is trained loses the same share, whatever the rates. */
static void biases_decay_where_that_is_asked(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct made s;
    struct nn_params *before, *after;

    (void)state;
    opt.bias_lr = 64;
    opt.bias_decay = true;
    opt.decay = 0.01;
    s = tiny(norms, &opt, 1);
    before = values(&s);
    memset(s.target, 0, sizeof s.target);
    steps(&s, 1, 0.1);
    after = values(&s);
    for (int e = 0; e < before->n; e++)
        for (int64_t i = before->offset[e];
             before->trained[e] && i < before->offset[e] + before->count[e]; i++)
            assert_float_equal(after->value[i], (1 - 0.1 * 0.01 * 1.9) * (double)before->value[i],
                               1e-6);
    nn_params_free(before);
    nn_params_free(after);
    release(&s);
}

static void infinite_pictures_change_nothing(void **state)
{
    (void)state;
    for (int second = 0; second < 2; second++) { /* alone, or after a batch that was fine */
        struct train_net_options opt = usual(&train_optim_adamw);
        struct made s = tiny(norms, &opt, 1), sane = tiny(norms, &opt, 1);
        float kept;
        struct err err = { 0 };

        steps(&s, 2, 0.01);
        steps(&sane, 2, 0.01);
        kept = s.image[7];
        if (second)
            learn(&s, 0, N);
        s.image[7] = INFINITY;
        assert_false(train_net_learn(s.net, N, s.image, s.target, NULL, 0, &err));
        assert_int_equal(err.kind, ERR_DIVERGED);
        assert_same_values(&s, &sane);
        s.image[7] = kept;
        assert_true(steps(&s, 2, 0.01) == steps(&sane, 2, 0.01));
        assert_same_values(&s, &sane);
        release(&s);
        release(&sane);
    }
}

static void weights_that_explode_are_found_and_not_averaged(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct made s;
    struct nn_params *before, *after;
    struct train_outcome out;
    struct err err = { 0 };

    (void)state;
    opt.ema = 0.9;
    s = tiny(norms, &opt, 1);
    steps(&s, 2, 0.01);
    before = values(&s);
    learn(&s, 0, N);
    assert_false(train_net_update(s.net, 1e30, &out, &err));
    assert_int_equal(err.kind, ERR_DIVERGED);
    assert_false(sound(s.net));
    after = values(&s);
    assert_memory_equal(before->value, after->value, (size_t)before->total * sizeof(real));
    nn_params_free(before);
    nn_params_free(after);
    release(&s);
}

/* average = d average + (1 - d) value, over what is trained and running statistics. */
static void averages_are_the_formula(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct made s;
    struct nn_params *average;
    double *want;

    (void)state;
    opt.ema = 0.25; /* above (1 + t) / (10 + t) at first only */
    s = tiny(norms, &opt, 1);
    average = values(&s);
    want = calloc((size_t)average->total, sizeof *want);
    assert_non_null(want);
    for (int64_t i = 0; i < average->total; i++)
        want[i] = (double)average->value[i];
    for (int t = 1; t <= 4; t++) {
        double d = t == 1 ? 2 / 11.0 : 0.25;

        steps(&s, 1, 0.1);
        train_net_values(s.net, average);
        for (int64_t i = 0; i < average->total; i++) {
            want[i] = d * want[i] + (1 - d) * (double)train_net_params(s.net)->value[i];
            assert_float_equal(average->value[i], want[i], 1e-6);
        }
    }
    free(want);
    nn_params_free(average);
    release(&s);
}

static void lookahead_goes_half_the_way(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct made plain = tiny(norms, &opt, 1), s;
    struct nn_params *start = values(&plain), *fast, *slow;

    (void)state;
    opt.lookahead = 3;
    s = tiny(norms, &opt, 1);
    steps(&plain, 3, 0.1);
    steps(&s, 2, 0.1);
    slow = values(&s);
    assert_true(distance(start, slow) == 0);
    steps(&s, 1, 0.1);
    train_net_values(s.net, slow);
    fast = values(&plain);
    assert_true(distance(start, fast) > 0);
    for (int e = 0; e < start->n; e++)
        for (int64_t i = start->offset[e]; i < start->offset[e] + start->count[e]; i++)
            if (start->trained[e])
                assert_float_equal(slow->value[i],
                                   ((double)start->value[i] + (double)fast->value[i]) / 2, 1e-6);
    nn_params_free(start);
    nn_params_free(fast);
    nn_params_free(slow);
    release(&plain);
    release(&s);
}

static void frozen_parameters_stay(void **state)
{
    struct train_net_options opt = usual(&train_optim_adamw);
    struct made s;
    struct nn_params *before, *after;

    (void)state;
    opt.freeze = "c1*,n1.*";
    s = tiny(norms, &opt, 1);
    before = values(&s);
    steps(&s, 3, 0.1);
    after = values(&s);
    for (int e = 0; e < before->n; e++) {
        const char *name = s.g->node[before->node[e]].name;
        bool same = !memcmp(before->value + before->offset[e], after->value + after->offset[e],
                            (size_t)before->count[e] * sizeof(real));

        assert_int_equal(same, name[1] == '1'); /* running statistics of a frozen norm too */
    }
    assert_int_equal(train_net_trained(s.net), 12 * 8 * 9 + 2 * 12 + 12 * LABELS + LABELS);
    nn_params_free(before);
    nn_params_free(after);
    release(&s);
}

/* Weights and biases of norms learn, their statistics stay; a picture learns by itself then. */
static void statistics_that_are_kept_stay(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct made s;
    struct nn_params *before, *after;
    struct err err = { 0 };
    bool slices;

    (void)state;
    opt.keep_norms = true;
    s = tiny(norms, &opt, 1);
    before = values(&s);
    steps(&s, 3, 0.1);
    after = values(&s);
    for (int e = 0; e < before->n; e++) {
        bool same = !memcmp(before->value + before->offset[e], after->value + after->offset[e],
                            (size_t)before->count[e] * sizeof(real));

        assert_int_equal(same, strstr(s.g->node[before->node[e]].name, "running") != NULL);
    }
    assert_true(train_net_slices(s.g, &opt, &slices, &err) && slices);
    nn_params_free(before);
    nn_params_free(after);
    release(&s);
}

/* What a later pattern says counts; statistics are never trained. */
static void patterns_behind_an_exclamation_mark_are_trained(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct made s;

    (void)state;
    opt.freeze = "*,!fc.*,!n1.*,fc.bias";
    s = tiny(norms, &opt, 1);
    assert_int_equal(train_net_trained(s.net), 12 * LABELS + 2 * 8);
    release(&s);
}

static void patterns_that_fit_nothing_are_refused(void **state)
{
    static const struct {
        const char *freeze, *message;
    } cases[] = {
        { "c1*,fd*", "freeze: no parameter is called \"fd*\": did you mean \"fc*\"?" },
        { "n1.wieght",
          "freeze: no parameter is called \"n1.wieght\": did you mean \"n1.weight\"?" },
        { "zzzzzz",
          "freeze: no parameter is called \"zzzzzz\": there are c1*, n1*, c2*, n2*, fc*" },
        { "*", "freeze: \"*\" leaves nothing to train" },
    };
    struct train_net_options opt = usual(&train_optim_sgd);
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(norms, strlen(norms), 0, NULL, &err);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        opt.freeze = cases[i].freeze;
        assert_null(train_net_new(g, &opt, &err));
        assert_int_equal(err.kind, ERR_USAGE);
        assert_string_equal(err.msg, cases[i].message);
    }
    nn_graph_free(g);
}

/* Copies all that a checkpoint holds from one net into another. */
static void restore(struct train_net *to, struct train_net *from)
{
    struct train_block a[TRAIN_NET_BLOCKS], b[TRAIN_NET_BLOCKS];
    int n = train_net_blocks(to, a, TRAIN_NET_BLOCKS);

    assert_int_equal(n, train_net_blocks(from, b, TRAIN_NET_BLOCKS));
    for (int i = 0; i < n; i++) {
        assert_string_equal(a[i].name, b[i].name);
        assert_int_equal(a[i].count, b[i].count);
        memcpy(a[i].data, b[i].data, (size_t)a[i].count * sizeof(real));
    }
    for (const struct field *f = train_net_fields; f->name; f++) {
        struct str text = { 0 };
        struct err err = { 0 };

        field_text(f, train_net_state(from), &text);
        assert_true(field_set(f, train_net_state(to), str_text(&text), NULL, &err));
        str_release(&text);
    }
}

static void a_net_that_is_restored_goes_on_bit_for_bit(void **state)
{
    (void)state;
    for (int o = 0; o < train_optim_count(); o++)
        for (int follows = 0; follows < 4; follows++) {
            struct train_net_options opt = usual(train_optim_at(o));
            struct made a, b;

            opt.ema = follows & 1 ? 0.9 : 0;
            opt.lookahead = follows & 2 ? 2 : 0;
            a = tiny(norms, &opt, 1);
            opt.seed = 1;
            b = tiny(norms, &opt, 1);
            steps(&b, 2, 0.3); /* whatever it held */
            steps(&a, 3, 0.01);
            restore(b.net, a.net);
            assert_true(steps(&a, 4, 0.02) == steps(&b, 4, 0.02));
            assert_same_values(&a, &b);
            release(&a);
            release(&b);
        }
}

static void a_net_begins_with_what_it_is_given(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct made a, b;
    struct nn_params *p;

    (void)state;
    opt.ema = 0.9;
    a = tiny(norms, &opt, 1);
    opt.seed = 2;
    b = tiny(norms, &opt, 1);
    p = values(&b);
    train_net_begin(a.net, b.g, p);
    assert_same_values(&a, &b);
    assert_true(steps(&a, 2, 0.1) == steps(&b, 2, 0.1));
    assert_same_values(&a, &b);
    nn_params_free(p);
    release(&a);
    release(&b);
}

static void weights_of_labels_enter_the_loss(void **state)
{
    static const float ones[LABELS] = { 1, 1, 1 }, first[LABELS] = { 9, 1, 1 };
    const float *weights[] = { NULL, ones, first };
    double loss[3];
    struct nn_params *p[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct train_net_options opt = usual(&train_optim_sgd);
        struct made s;

        opt.loss.weight = weights[i];
        s = tiny(norms, &opt, 1);
        loss[i] = steps(&s, 2, 0.1);
        p[i] = values(&s);
        release(&s);
    }
    assert_true(loss[0] == loss[1] && loss[0] != loss[2]);
    assert_true(distance(p[0], p[1]) == 0 && distance(p[0], p[2]) > 1e-3);
    for (int i = 0; i < 3; i++)
        nn_params_free(p[i]);
}

static void losses_fit_their_tasks(void **state)
{
    struct train_net_options opt = usual(&train_optim_sgd);
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(norms, strlen(norms), 0, NULL, &err);
    struct made s;

    (void)state;
    opt.loss = (struct train_loss){ .task = DATA_MULTI, .kind = TRAIN_LOSS_CE };
    assert_null(train_net_new(g, &opt, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    nn_graph_free(g);
    opt.loss = (struct train_loss){ .task = DATA_SINGLE, .kind = TRAIN_LOSS_BCE };
    s = tiny(norms, &opt, 1);
    assert_true(steps(&s, 60, 0.5) < 0.1);
    release(&s);
}

static int64_t allocated(void)
{
    struct mallinfo2 m = mallinfo2();   /* all 0 under sanitizers */

    return (int64_t)(m.uordblks + m.hblkhd);
}

static void bytes_are_known_before(void **state)
{
    /* A block in huge pages reserves up to one more to begin at one; nobody touches that. */
    const int64_t reserved = 2 << 20;
    const struct nn_model *models[] = { nn_family_resnet_small, nn_family_mobilenet_v2 };
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct nn_model_args args = { 32, 32, 3, 10, 0, 0 };
        struct nn_graph *g = nn_model_build(models[i % 2], &args, &err);
        struct train_net_options opt = usual(i < 2 ? &train_optim_sgd : &train_optim_muon);
        struct train_net *net;
        struct train_net_bytes bytes;
        int64_t before, told, taken;

        opt.precision = NN_PRECISION_FP32;      /* its arrays are large beside all else */
        opt.ema = i < 2 ? 0 : 0.9;
        opt.limit = i < 2 ? 0 : 1;
        opt.slice = i < 3 ? 0 : 24;             /* one of 24, one of 8 */
        assert_true(train_net_bytes(g, &opt, 32, 1, &bytes, &err));
        told = bytes.state + bytes.activations;
        before = allocated();
        net = train_net_new(g, &opt, &err);
        assert_true(net && train_net_prepare(net, 32, &err));
        taken = allocated() - before;
        if (before && !(told < taken + taken / 50 && taken - reserved < told + taken / 50))
            fail_msg("%s with %s: %lld bytes were told, %lld taken", models[i % 2]->name,
                     opt.optim->name, (long long)told, (long long)taken);
        train_net_free(net);
        nn_graph_free(g);
    }
}

/* Smaller pictures and back: the same values are trained on. */
static void other_sizes_train_the_same_values(void **state)
{
    struct made a = make(nn_family_resnet_small, 16, DATA_SINGLE, 1),
                b = make(nn_family_resnet_small, 16, DATA_SINGLE, 1);
    struct err err = { 0 };
    struct nn_params *p, *q;
    double loss;

    (void)state;
    assert_true(train_net_resize(a.net, 8, 8, &err) && train_net_resize(a.net, 16, 16, &err));
    assert_true(steps(&a, 2, 0.1) == steps(&b, 2, 0.1));
    assert_true(train_net_resize(a.net, 8, 8, &err));
    assert_true(step_net(a.net, N, a.image, a.target, 0.1, 2, &loss, &err));
    p = values(&a);
    q = values(&b);
    assert_true(memcmp(p->value, q->value, (size_t)p->total * sizeof(real)) != 0);
    assert_false(train_net_resize(a.net, 1, 1, &err)); /* nothing is left to pool */
    assert_int_equal(err.kind, ERR_UNSUPPORTED);
    assert_true(step_net(a.net, N, a.image, a.target, 0.1, 3, &loss, &err));
    nn_params_free(p);
    nn_params_free(q);
    release(&a);
    release(&b);
}

static void shorter_batches_are_planned_as_they_come(void **state)
{
    struct made s = make(nn_family_resnet_small, 16, DATA_SINGLE, 1);
    struct err err = { 0 };
    double loss;

    (void)state;
    for (int i = 0; i < 12; i++)
        assert_true(step_net(s.net, i % 2 ? N : 2 + i / 2, s.image, s.target, 0.01,
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
        cmocka_unit_test(every_optimiser_overfits),
        cmocka_unit_test(batches_that_add_up_equal_one),
        cmocka_unit_test(slices_are_batches_that_add_up),
        cmocka_unit_test(slices_are_for_nets_that_look_at_pictures),
        cmocka_unit_test(what_is_made_again_changes_no_bit),
        cmocka_unit_test(pictures_that_are_answered_right_are_counted),
        cmocka_unit_test(clipping_bounds_the_step),
        cmocka_unit_test(biases_have_a_rate_of_their_own),
        cmocka_unit_test(layers_have_rates_of_their_own),
        cmocka_unit_test(biases_decay_where_that_is_asked),
        cmocka_unit_test(weights_without_decay_are_norms_and_biases),
        cmocka_unit_test(infinite_pictures_change_nothing),
        cmocka_unit_test(weights_that_explode_are_found_and_not_averaged),
        cmocka_unit_test(averages_are_the_formula),
        cmocka_unit_test(lookahead_goes_half_the_way),
        cmocka_unit_test(frozen_parameters_stay),
        cmocka_unit_test(statistics_that_are_kept_stay),
        cmocka_unit_test(patterns_behind_an_exclamation_mark_are_trained),
        cmocka_unit_test(patterns_that_fit_nothing_are_refused),
        cmocka_unit_test(a_net_that_is_restored_goes_on_bit_for_bit),
        cmocka_unit_test(a_net_begins_with_what_it_is_given),
        cmocka_unit_test(weights_of_labels_enter_the_loss),
        cmocka_unit_test(losses_fit_their_tasks),
        cmocka_unit_test(bytes_are_known_before),
        cmocka_unit_test(other_sizes_train_the_same_values),
        cmocka_unit_test(shorter_batches_are_planned_as_they_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
