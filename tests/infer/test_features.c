/* features: what goes into the last layer, by the road of answers, whatever the batch */
#include "tests/infer/tiny.h"

#include "infer/embed/cut.h"
#include "infer/embed/features.h"
#include "infer/embed/probe.h"
#include "nn/model/model.h"

enum { N = 7, SIDE = 32, LABELS = 5, BAD = 3 };

/* ---- where a network is cut ------------------------------------------------------------------ */

static struct nn_graph *read_graph(const char *text)
{
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);

    if (!g)
        fail_msg("%s", err.msg);
    return g;
}

static struct infer_cut cut_of(const struct nn_graph *g)
{
    struct infer_cut cut;
    struct err err = { 0 };

    assert_true(infer_cut_find(g, &cut, &err));
    return cut;
}

#define IMAGE "image = input shape=8x8x3\n"
#define CONV "c = conv2d image channels=6 size=3 pad=1 bias=true\n"
#define HEAD_CONV \
    "r = reshape m shape=1x1x6\nh = conv2d r channels=4 size=1 bias=true\nf = flatten h\n" \
    "output logits = f\n"

static void the_last_layer_is_found(void **state)
{
    static const struct {
        const char *text, *told;
        bool alone;
    } nets[] = {
        { CONV "m = meanpool c\nfc = linear m width=4 bias=true\noutput logits = fc\n",
          "what goes into fc (6 numbers)", true },
        { CONV "m = meanpool c\nd = dropout m rate=0.5\nfc = linear d width=4\n"
          "output logits = fc\n", "what goes into fc (6 numbers)", false },
        { CONV "f = flatten c\nfc = linear f width=4 bias=true\nr = relu fc\noutput logits = r\n",
          "what goes into fc (384 numbers)", false },
        { CONV "m = meanpool c\n" HEAD_CONV, "what goes into h (6 numbers)", true },
        { CONV "h = conv2d c channels=4 size=1 bias=true\nm = meanpool h\noutput logits = m\n",
          "what goes into h (6 numbers)", false },
        { CONV "m = meanpool c\na = linear m width=4 bias=true\nf = flatten image\n"
          "b = linear f width=4 bias=true\ns = add a b\noutput logits = s\n",
          "what goes into a and b (198 numbers)", false },
        { CONV "m = meanpool c\na = linear m width=4 bias=true\nb = linear m width=4 bias=true\n"
          "s = add a b\noutput logits = s\n", "what goes into a and b (6 numbers)", false },
        { "m = meanpool image\noutput logits = m\n",
          "no last layer: what stands before the logits (3 numbers)", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        char text[500];
        struct str told = { 0 };
        struct nn_graph *g;
        struct infer_cut cut;

        snprintf(text, sizeof text, IMAGE "%s", nets[i].text);
        g = read_graph(text);
        cut = cut_of(g);
        infer_cut_tell(g, &cut, &told);
        assert_string_equal(str_text(&told), nets[i].told);
        assert_int_equal(cut.alone, nets[i].alone);
        str_release(&told);
        nn_graph_free(g);
    }
}

/* ---- as an output of the network ------------------------------------------------------------- */

static struct infer_network *network(const struct nn_graph *g, const struct nn_params *p,
                                     bool features, enum nn_precision precision)
{
    struct err err = { 0 };
    struct infer_network_options how = { .precision = precision, .features = features };
    struct infer_network *n = infer_network_of(g, p, &how, &err);

    if (!n)
        fail_msg("%s", err.msg);
    return n;
}

struct said {
    float *row, *probability;
    int width;
};

static struct said ask(const struct infer_network *n, const float *image, int batch, int threads)
{
    struct err err = { 0 };
    struct infer_predictor *q = infer_predictor_of(n, batch, threads, &err);
    struct said s = { .width = infer_predictor_width(q) };
    size_t one = SIDE * SIDE * 3;

    s.row = calloc((size_t)N * (size_t)s.width + 1, sizeof *s.row);
    s.probability = calloc(N * LABELS, sizeof *s.probability);
    assert_true(s.row && s.probability);
    for (int i = 0; i < N; i += batch) {
        int count = N - i < batch ? N - i : batch;

        infer_predict(q, count, image + (size_t)i * one, s.probability + i * LABELS);
        infer_predictor_features(q, count, s.row + i * s.width);
    }
    infer_predictor_free(q);
    return s;
}

static void said_free(struct said *s)
{
    free(s->row);
    free(s->probability);
}

/* Of every kind of end that our networks have. */
static void features_are_their_own_and_change_no_answer(void **state)
{
    static const struct {
        const char *arch;
        int width;
    } nets[] = { { "resnet_small", 0 }, { "mobilenet_v1_0.25", 256 },
                 { "deit_tiny_distilled_patch16_224", 384 } };
    static float image[N * SIDE * SIDE * 3];
    struct err err = { 0 };

    (void)state;
    for (uint64_t i = 0; i < sizeof image / sizeof *image; i++)
        image[i] = 4 * rng_f32(3, rng_stream(RNG_TEST, 0), i) - 2;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct nn_model_args args = { .height = SIDE, .width = SIDE, .channels = 3,
                                      .labels = LABELS, .dropout = 0.5 };
        struct nn_graph *g = nn_model_build(nn_model_find(nets[i].arch, &err), &args, &err);
        struct nn_params *p = g ? nn_params_new(g, false, &err) : NULL;

        if (!p)
            fail_msg("%s: %s", nets[i].arch, err.msg);
        nn_params_init(p, g, 1);
        for (int half = 0; half < 2; half++) {
            enum nn_precision precision = half ? NN_PRECISION_BF16 : NN_PRECISION_FP32;
            struct infer_network *with = network(g, p, true, precision),
                                 *without = network(g, p, false, precision);
            struct said ones = ask(with, image, 1, 1), many = ask(with, image, 5, 2),
                        plain = ask(without, image, 5, 2);
            size_t numbers = (size_t)N * (size_t)ones.width;
            double far = 0;

            assert_true(ones.width > 0 && (!nets[i].width || ones.width == nets[i].width));
            assert_int_equal(plain.width, 0);
            assert_memory_equal(ones.row, many.row, numbers * sizeof *ones.row);
            /* In bf16 what stands before the last layer may be rounded where nobody asks for it. */
            if (!half)
                assert_memory_equal(many.probability, plain.probability,
                                    N * LABELS * sizeof *plain.probability);
            for (size_t k = 1; k < numbers; k++)
                far = fmax(far, fabs((double)(ones.row[k] - ones.row[0])));
            assert_true(far > 0);
            said_free(&ones);
            said_free(&many);
            said_free(&plain);
            infer_network_free(with);
            infer_network_free(without);
        }
        nn_params_free(p);
        nn_graph_free(g);
    }
}

/* ---- of an index ----------------------------------------------------------------------------- */

static int bad_told;

static void on_bad(void *ctx, const struct data_sample *s, const struct err *why)
{
    (void)ctx;
    assert_non_null(strstr(why->msg, s->path));
    bad_told++;
}

static void features_times_the_last_layer_are_the_logits(void **state)
{
    struct made_folder f;
    struct infer_model *m = tiny_model(DATA_SINGLE, 3);
    struct infer_network *n = network(m->graph, m->params, true, NN_PRECISION_FP32);
    char path[N][128];
    struct data_sample sample[N];
    struct data_index x = { .task = DATA_MULTI, .sample = sample, .n = N };
    struct infer_evaluate_options how = { .threads = 2, .bad = on_bad };
    struct infer_features out;
    struct err err = { 0 };
    struct infer_predictor *q = infer_predictor_of(n, 4, 2, &err);
    struct infer_cut cut = cut_of(m->graph);
    const struct nn_node *fc = &m->graph->node[cut.layer[0]];
    const real *w = m->params->value + m->params->offset[m->params->entry[fc->in[1]]],
               *b = m->params->value + m->params->offset[m->params->entry[fc->in[2]]];
    float *image = malloc(data_prep_count(&m->prep) * sizeof *image);

    (void)state;
    assert_true(q && image && cut.alone);
    made_open(&f);
    for (int i = 0; i < N; i++) {
        char name[16];

        snprintf(name, sizeof name, "%d.jpg", i);
        snprintf(path[i], sizeof path[i], "%s", made_path(&f, name));
        if (i == BAD)
            made_text(&f, name, "no picture");
        else
            made_keep_jpeg(&f, name, made_scene(20 + 3 * i, 40 - 2 * i, (uint64_t)i), 90);
        sample[i] = (struct data_sample){ .path = path[i], .name = path[i], .label = -1 };
    }
    bad_told = 0;
    if (!infer_features_of(q, &x, &m->prep, &how, &out, &err))
        fail_msg("%s", err.msg);
    assert_true(bad_told == 1 && out.n == N && out.n_read == N - 1 && out.width == 4);
    for (int i = 0; i < N; i++) {
        float p[TINY_LABELS], logits[TINY_LABELS];
        struct data_image seen;

        assert_int_equal(out.read[i], i != BAD);
        if (i == BAD) {
            assert_true(isnan(out.row[i * 4]));
            continue;
        }
        assert_true(data_sample_image(&sample[i], NULL, &seen, &err));
        assert_true(data_prep_apply(&m->prep, &seen, image, &err));
        infer_predict(q, 1, image, p);
        infer_predictor_logits(q, 1, logits);
        for (int l = 0; l < TINY_LABELS; l++) {
            double u = (double)b[l];

            for (int k = 0; k < 4; k++)
                u += (double)out.row[i * 4 + k] * (double)w[k * TINY_LABELS + l];
            assert_true(fabs(u - (double)logits[l]) < 1e-5);
        }
        data_image_release(&seen);
    }
    infer_features_release(&out);
    x.sample = &sample[BAD];
    x.n = 1;
    assert_false(infer_features_of(q, &x, &m->prep, &how, &out, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    free(image);
    infer_predictor_free(q);
    infer_network_free(n);

    tiny_overflow(m);
    n = network(m->graph, m->params, true, NN_PRECISION_FP32);
    q = infer_predictor_of(n, 4, 2, &err);
    x = (struct data_index){ .task = DATA_MULTI, .sample = sample, .n = N };
    how.model = "huge";
    err = (struct err){ 0 };
    assert_false(infer_features_of(q, &x, &m->prep, &how, &out, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "0.jpg: what huge says of it is no finite number"));
    infer_predictor_free(q);
    infer_network_free(n);
    infer_model_free(m);
    made_close(&f);
}

/* Also into a convolution; what does not fit stays out. */
static void a_probe_becomes_the_last_layer(void **state)
{
    static const char *const ends[] = {
        "fc = linear m width=4 bias=true\noutput logits = fc\n",
        HEAD_CONV,
        "fc = linear m width=4\noutput logits = fc\n",
    };
    float weight[4 * 6], bias[4], image[8 * 8 * 3], p[4], wanted[4], row[6];
    struct infer_probe probe = { .width = 6, .n_labels = 4, .weight = weight, .bias = bias };
    struct err err = { 0 };

    (void)state;
    for (uint64_t i = 0; i < sizeof image / sizeof *image; i++)
        image[i] = rng_f32(3, rng_stream(RNG_TEST, 0), i);
    for (uint64_t i = 0; i < 24; i++)
        weight[i] = 4 * rng_f32(4, rng_stream(RNG_TEST, 0), i) - 2;
    for (int l = 0; l < 4; l++)
        bias[l] = (float)l / 2;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char text[500];
        struct nn_graph *g;
        struct nn_params *to;
        struct infer_network *n;
        struct infer_predictor *q;

        snprintf(text, sizeof text, IMAGE CONV "m = meanpool c\n%s", ends[i]);
        g = read_graph(text);
        to = nn_params_new(g, false, &err);
        assert_non_null(to);
        nn_params_init(to, g, 1);
        assert_int_equal(infer_probe_put(&probe, g, to, &err), i < 2);
        n = network(g, to, true, NN_PRECISION_FP32);
        q = infer_predictor_of(n, 1, 1, &err);
        infer_predict(q, 1, image, p);
        infer_predictor_features(q, 1, row);
        infer_probe_ask(&probe, 1, row, wanted);
        for (int l = 0; i < 2 && l < 4; l++)
            assert_true(fabs((double)(p[l] - wanted[l])) < 1e-6);
        infer_predictor_free(q);
        infer_network_free(n);
        nn_params_free(to);
        nn_graph_free(g);
    }
    assert_int_equal(err.kind, ERR_UNSUPPORTED);
}

static void rows_become_of_length_one(void **state)
{
    float row[6] = { 3, 0, 4, 0, 0, 0 };

    (void)state;
    infer_features_normalize(2, 3, row);
    assert_true(row[0] == 0.6f && row[1] == 0 && row[2] == 0.8f && row[3] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_layer_is_found),
        cmocka_unit_test(features_are_their_own_and_change_no_answer),
        cmocka_unit_test(features_times_the_last_layer_are_the_logits),
        cmocka_unit_test(a_probe_becomes_the_last_layer),
        cmocka_unit_test(rows_become_of_length_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
