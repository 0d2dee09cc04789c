/* predict: a picture's answer is its own, whatever the batch, the neighbours and the threads */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/predict.h"
#include "nn/build.h"
#include "nn/exec.h"
#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "nn/op/linear.h"

#include <math.h>

enum { N = 7, SIDE = 32, LABELS = 5, PICTURE = SIDE * SIDE * 3 };

struct net {
    struct nn_graph *g;
    struct nn_params *p;
    float *image; /* [N,SIDE,SIDE,3] */
};

/* A network with random weights, its running statistics away from 0 and 1: folding matters. */
static struct net net_of(const char *arch)
{
    struct err err = { 0 };
    const struct nn_model *m = nn_model_find(arch, &err);
    struct nn_model_args args = {
        .height = SIDE, .width = SIDE, .channels = 3, .labels = LABELS, .dropout = 0.5
    };
    struct net n = { .g = nn_model_build(m, &args, &err) };

    assert_non_null(n.g);
    n.p = nn_params_new(n.g, false, &err);
    n.image = calloc(N * PICTURE, sizeof *n.image);
    assert_non_null(n.p);
    assert_non_null(n.image);
    nn_params_init(n.p, n.g, 1);
    for (int e = 0; e < n.p->n; e++)
        for (int64_t i = 0; !n.p->trained[e] && i < n.p->count[e]; i++)
            n.p->value[n.p->offset[e] + i] +=
                0.2f * rng_f32(2, rng_stream(RNG_TEST, (uint32_t)e), (uint64_t)i);
    for (int64_t i = n.p->offset[n.p->n - 2]; i < n.p->total; i++)
        n.p->value[i] *= 0.05f;         /* the last layer: sigmoid must not saturate */
    for (uint64_t i = 0; i < N * PICTURE; i++)
        n.image[i] = 4 * rng_f32(3, rng_stream(RNG_TEST, 0), i) - 2;
    return n;
}

static void net_free(struct net *n)
{
    nn_graph_free(n->g);
    nn_params_free(n->p);
    free(n->image);
}

/* Answers for the pictures from the first on, in groups of `batch`, or the other way round. */
static void answer(const struct net *n, enum data_task task, const char *isa, int batch,
                   int threads, bool reverse, float *probability)
{
    struct err err = { 0 };
    struct infer_predictor *q =
        infer_predictor_new(n->g, n->p, task, NULL, batch, threads, isa, &err);
    float *image = calloc((size_t)batch * PICTURE, sizeof *image);
    float *p = calloc((size_t)batch * LABELS, sizeof *p);

    assert_non_null(q);
    assert_int_equal(infer_predictor_batch(q), batch);
    assert_int_equal(infer_predictor_labels(q), LABELS);
    for (int i = 0; i < N; i += batch) {
        int many = N - i < batch ? N - i : batch;

        for (int k = 0; k < many; k++)
            memcpy(image + k * PICTURE, n->image + (reverse ? N - 1 - i - k : i + k) * PICTURE,
                   PICTURE * sizeof *image);
        infer_predict(q, many, image, p);
        for (int k = 0; k < many; k++)
            memcpy(probability + (reverse ? N - 1 - i - k : i + k) * LABELS, p + k * LABELS,
                   LABELS * sizeof *p);
    }
    free(image);
    free(p);
    infer_predictor_free(q);
}

static void bits_are_a_pictures_own(void **state)
{
    static const char *const archs[] = { "resnet_small", "mobilenet_v2" }, *const isas[] = {
        "ref", "auto"
    };
    static const struct {
        int batch, threads;
        bool reverse;
    } ways[] = {
        { 1, 2, false }, { 2, 1, true }, { 3, 2, false }, { 7, 3, true }, { 16, 1, false }
    };
    float one[N * LABELS], p[N * LABELS];

    (void)state;
    for (int a = 0; a < 2; a++) {
        struct net n = net_of(archs[a]);

        for (int k = 0; k < 2; k++) {
            answer(&n, DATA_SINGLE, isas[k], 1, 1, false, one);
            for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
                answer(&n, DATA_SINGLE, isas[k], ways[w].batch, ways[w].threads, ways[w].reverse,
                       p);
                assert_memory_equal(p, one, sizeof p);
            }
        }
        net_free(&n);
    }
}

static void softmax_adds_up_and_sigmoid_does_not(void **state)
{
    struct net n = net_of("resnet_small");
    float p[N * LABELS], s[N * LABELS];
    int compared = 0;

    (void)state;
    answer(&n, DATA_SINGLE, NULL, 4, 1, false, p);
    answer(&n, DATA_MULTI, NULL, 4, 1, false, s);
    for (int i = 0; i < N; i++) {
        double sum = 0;

        for (int l = 0; l < LABELS; l++) {
            double a = s[i * LABELS], b = s[i * LABELS + l];

            sum += p[i * LABELS + l];
            /* both from the same logits: p_l / p_0 = exp(z_l - z_0); near 0 and 1 little is left */
            if (fmin(a, b) > 0.01 && fmax(a, b) < 0.99) {
                double odds = b / (1 - b) / (a / (1 - a));

                assert_true(fabs(p[i * LABELS + l] / p[i * LABELS] / odds - 1) < 1e-3);
                compared++;
            }
        }
        assert_true(fabs(sum - 1) < 1e-5);
    }
    assert_true(compared > N);
    net_free(&n);
}

/* With batch-norms folded and dropout gone: what the trained graph says in INFER mode. */
static void inference_form_answers_as_the_trained_graph(void **state)
{
    struct net n = net_of("resnet_small");
    struct err err = { 0 };
    struct infer_predictor *q = infer_predictor_new(n.g, n.p, DATA_SINGLE, NULL, N, 1, "ref", &err);
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = N };
    struct nn_plan *plan;
    struct nn_exec *e;
    float p[N * LABELS];
    const float *z;

    (void)state;
    opt.kernels = nn_kernels_get("ref", &err);
    plan = nn_plan_new(n.g, &opt, &err);
    assert_non_null(plan);
    e = nn_exec_new(plan, n.p, NULL, &err);
    memcpy(nn_exec_input(e, n.g->node[nn_graph_first_input(n.g)].name).data, n.image,
           N * PICTURE * sizeof(float));
    nn_exec_forward(e);
    z = nn_exec_output(e, "logits").data;
    infer_predict(q, N, n.image, p);
    for (int i = 0; i < N * LABELS; i++) {
        int first = i / LABELS * LABELS;

        assert_true(fabs(log(p[i] / p[first]) - (z[i] - z[first])) < 1e-3);
    }
    nn_exec_free(e);
    nn_plan_free(plan);
    infer_predictor_free(q);
    net_free(&n);
}

static void answer_graph_keeps_logits(void **state)
{
    struct net n = net_of("resnet_small");
    struct nn_graph *g;
    struct nn_params *p;
    struct err err = { 0 };

    (void)state;
    assert_true(infer_answer_graph(n.g, n.p, DATA_MULTI, NULL, &g, &p, &err));
    assert_true(nn_graph_find_output(g, "logits") >= 0);
    assert_ptr_equal(g->node[nn_graph_find_output(g, "probability")].op, &nn_op_sigmoid);
    assert_int_equal(nn_graph_find_output(n.g, "probability"), -1);
    nn_graph_free(g);
    nn_params_free(p);
    net_free(&n);
}

static void what_is_no_classifier_is_refused(void **state)
{
    struct err err = { 0 };
    struct nn_build b = nn_build_begin(&err);
    int x = nn_input(&b, "image", 3, (const int[]){ 4, 4, 3 });
    struct nn_graph *g;
    struct nn_params *p;
    struct net n = net_of("resnet_small");

    (void)state;
    nn_build_output(&b, "embedding",
                    nn_dense(&b, "fc", nn_flatten(&b, x), (struct nn_linear){ .width = 2 }));
    g = nn_build_end(&b);
    assert_non_null(g);
    p = nn_params_new(g, false, &err);
    assert_null(infer_predictor_new(g, p, DATA_SINGLE, NULL, 1, 1, NULL, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "logits"));
    assert_null(infer_predictor_new(n.g, n.p, DATA_SINGLE, NULL, 1, 1, "z80", &err));
    assert_non_null(strstr(err.msg, "z80"));
    nn_graph_free(g);
    nn_params_free(p);
    net_free(&n);
}

static void rank_is_by_probability_then_position(void **state)
{
    const float p[] = { .1f, .3f, NAN, .3f, .2f, 0 };
    int rank[6];

    (void)state;
    infer_rank(p, 6, 6, rank);
    assert_memory_equal(rank, ((int[]){ 1, 3, 4, 0, 2, 5 }), sizeof rank);
    infer_rank(p, 6, 1, rank);
    assert_int_equal(rank[0], 1);
    infer_rank(p, 6, 0, rank);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_a_pictures_own),
        cmocka_unit_test(softmax_adds_up_and_sigmoid_does_not),
        cmocka_unit_test(inference_form_answers_as_the_trained_graph),
        cmocka_unit_test(answer_graph_keeps_logits),
        cmocka_unit_test(what_is_no_classifier_is_refused),
        cmocka_unit_test(rank_is_by_probability_then_position),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
