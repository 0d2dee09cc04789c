/*
 * lora: the layers of attention, told from the graph; gradients are those of the dense weight, seen
 * through the matrices; what ships is one matrix; less memory; and resumed trainings
 */
#include "tests/train/training.h"

#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "train/lora.h"
#include "train/net.h"

enum { N = 6, LABELS = 3, PIXELS = 4 * 4 * 3, RANK = 2 };
#define ALPHA 5.0

static const char attention[] = "image = input shape=4x4x3\n"
                                "c = conv2d image channels=8 size=1 bias=true\n"
                                "t = reshape c shape=-1x8\n"
                                "n1 = layernorm t\n"
                                "qkv = linear n1 width=24 bias=true\n"
                                "a = attention qkv heads=2\n"
                                "proj = linear a width=8\n"
                                "x1 = add t proj\n"
                                "fc1 = linear x1 width=16 bias=true\n"
                                "g = gelu fc1\n"
                                "fc2 = linear g width=8 bias=true\n"
                                "x2 = add x1 fc2\n"
                                "f = flatten x2\n"
                                "head = linear f width=3 bias=true\n"
                                "output logits = head\n";
static const char products[] = "image = input shape=4x4x3\n"
                               "c = conv2d image channels=8 size=1 bias=true\n"
                               "t = reshape c shape=-1x8\n"
                               "q = linear t width=8 bias=true\n"
                               "k = linear t width=8 bias=true\n"
                               "v = linear t width=8 bias=true\n"
                               "s = matmul q k turned=true\n"
                               "half = math s a=0.5\n"
                               "p = softmax half\n"
                               "a = matmul p v\n"
                               "r = reshape a shape=-1x8\n"
                               "proj = linear r width=8 bias=true\n"
                               "fc = linear proj width=8 bias=true\n"
                               "f = flatten fc\n"
                               "one = linear f width=3 bias=true\n"
                               "two = linear f width=3 bias=true\n"
                               "both = add one two\n"
                               "mean = math both a=0.5\n"
                               "output logits = mean\n";
static const char none[] = "image = input shape=4x4x3\n"
                           "f = flatten image\n"
                           "fc = linear f width=8\n"
                           "head = linear fc width=3\n"
                           "output logits = head\n";

static struct nn_graph *graph_of(const char *text)
{
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);

    if (!g)
        fail_msg("%s", err.msg);
    return g;
}

static struct train_lora *lora_of(const struct nn_graph *g, const char *layers)
{
    struct train_lora_options how = { .rank = RANK, .alpha = ALPHA, .layers = layers };
    struct err err = { 0 };
    struct train_lora *l = train_lora_new(g, &how, &err);

    if (!l)
        fail_msg("%s", err.msg);
    return l;
}

static void layers_are_told_from_the_graph(void **state)
{
    static const struct {
        const char *text, *layers, *chosen, *freeze;
    } cases[] = {
        { attention, NULL, "qkv proj ", "*,!*.lora_a,!*.lora_b,!head.weight,!head.bias" },
        { attention, "fc?,q*", "qkv fc1 fc2 ", "*,!*.lora_a,!*.lora_b,!head.weight,!head.bias" },
        { products, "", "q k v proj ", "*,!*.lora_a,!*.lora_b,!one.weight,!one.bias,!two.weight,"
                                       "!two.bias" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nn_graph *g = graph_of(cases[i].text);
        struct train_lora *l = lora_of(g, cases[i].layers);
        const struct nn_graph *with = train_lora_graph(l);
        struct str chosen = { 0 };
        int n = 0;

        for (int k = 0; k < with->n; k++) {
            const char *end = strstr(with->node[k].name, ".lora_a");

            n += end != NULL;
            if (end)
                str_printf(&chosen, "%.*s ", (int)(end - with->node[k].name), with->node[k].name);
        }
        assert_string_equal(str_text(&chosen), cases[i].chosen);
        assert_string_equal(train_lora_freeze(l), cases[i].freeze);
        assert_int_equal(train_lora_layers(l), n);
        str_release(&chosen);
        train_lora_free(l);
        nn_graph_free(g);
    }
}

static void no_layer_is_an_error_that_names_some(void **state)
{
    struct nn_graph *g = graph_of(none);
    struct train_lora_options how = { .rank = 1, .alpha = 1 };
    struct err err = { 0 };

    (void)state;
    assert_null(train_lora_new(g, &how, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.msg, "no linear layers at an attention"));
    assert_non_null(strstr(err.msg, "its linear layers are fc, head"));
    how.layers = "head";
    assert_null(train_lora_new(g, &how, &err));
    assert_non_null(strstr(err.msg, "lora-layers: none but the last is called \"head\""));
    nn_graph_free(g);
}

/* ---- a network beside its dense twin --------------------------------------------------------- */

struct made {
    struct nn_graph *g;
    struct train_lora *lora;
    struct train_net *net;
    struct nn_params *merged; /* of g */
    float image[N * PIXELS], target[N * LABELS];
};

static struct train_net_options usual(void)
{
    struct err err = { 0 };

    return (struct train_net_options){ .optim = &train_optim_sgd, .momentum = 0.9,
                                       .kernels = nn_kernels_get("auto", &err), .seed = 2 };
}

static struct train_net *net_of(const struct nn_graph *g, const char *freeze)
{
    struct train_net_options how = usual();
    struct err err = { 0 };
    struct train_net *net;

    how.freeze = freeze;
    net = train_net_new(g, &how, &err);
    if (!net)
        fail_msg("%s", err.msg);
    return net;
}

static void make(struct made *s)
{
    struct err err = { 0 };

    *s = (struct made){ .g = graph_of(attention) };
    s->lora = lora_of(s->g, NULL);
    s->net = net_of(train_lora_graph(s->lora), train_lora_freeze(s->lora));
    s->merged = nn_params_new(s->g, false, &err);
    assert_non_null(s->merged);
    for (int i = 0; i < N * PIXELS; i++)
        s->image[i] = (float)rng_normal(5, rng_stream(RNG_TEST, 0), (uint64_t)i);
    for (int i = 0; i < N * LABELS; i++)
        s->target[i] = i % LABELS == i / LABELS % LABELS;
}

static void release(struct made *s)
{
    nn_params_free(s->merged);
    train_net_free(s->net);
    train_lora_free(s->lora);
    nn_graph_free(s->g);
}

static void learn(struct train_net *net, const struct made *s)
{
    struct err err = { 0 };

    if (!train_net_learn(net, N, s->image, s->target, NULL, 0, &err))
        fail_msg("%s", err.msg);
}

static double step(struct train_net *net, const struct made *s, double rate)
{
    struct train_outcome out;
    struct err err = { 0 };

    learn(net, s);
    if (!train_net_update(net, rate, &out, &err))
        fail_msg("%s", err.msg);
    return out.loss;
}

/* Where a net has the value, or the gradient, of a parameter. */
static real *at(const struct train_net *net, const char *name, bool gradient)
{
    const struct nn_params *p = train_net_params(net);
    int e = p->entry[nn_graph_find(train_net_graph(net), name)];

    return (gradient ? p->grad : p->value) + p->offset[e];
}

static void it_begins_as_it_was_and_the_rest_stays(void **state)
{
    static const char *const stay[] = { "c.weight", "c.bias", "n1.weight", "qkv.weight",
                                        "qkv.bias", "proj.weight", "fc2.weight" };
    struct made s;
    struct train_net *dense;
    struct nn_params *before;
    struct err err = { 0 };

    (void)state;
    make(&s);
    dense = net_of(s.g, NULL);
    before = nn_params_new(s.g, false, &err);
    assert_non_null(before);
    train_net_values(dense, before);
    train_net_begin(s.net, s.g, before);
    train_lora_values(s.lora, s.net, s.merged);
    assert_memory_equal(s.merged->value, before->value,
                        (size_t)before->total * sizeof *before->value);
    assert_int_equal(train_net_trained(s.net),
                     (8 + 24) * RANK + (8 + 8) * RANK + 16 * 8 * LABELS + LABELS);
    assert_true(step(dense, &s, 0.1) == step(s.net, &s, 0.1));
    step(s.net, &s, 0.1);
    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++) {
        int e = before->entry[nn_graph_find(s.g, stay[i])];

        assert_memory_equal(at(s.net, stay[i], false), before->value + before->offset[e],
                            (size_t)before->count[e] * sizeof(real));
    }
    nn_params_free(before);
    train_net_free(dense);
    release(&s);
}

/* After some steps B is not 0; a dense net with the merged weight has the loss, and dW. */
static void gradients_are_the_dense_ones_through_the_matrices(void **state)
{
    static const struct {
        const char *name;
        int n, m;
    } layers[] = { { "qkv", 8, 24 }, { "proj", 8, 8 } };
    struct made s;
    struct train_net *dense;
    double s_ = ALPHA / RANK;

    (void)state;
    make(&s);
    for (int i = 0; i < 5; i++)
        step(s.net, &s, 0.1);
    train_lora_values(s.lora, s.net, s.merged);
    dense = net_of(s.g, NULL);
    train_net_begin(dense, s.g, s.merged);
    learn(s.net, &s);
    learn(dense, &s);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        int n = layers[i].n, m = layers[i].m;
        char w[32], a[32], b[32];
        double most = 0, off = 0;

        snprintf(w, sizeof w, "%s.weight", layers[i].name);
        snprintf(a, sizeof a, "%s.lora_a", layers[i].name);
        snprintf(b, sizeof b, "%s.lora_b", layers[i].name);
        for (int r = 0; r < n; r++)
            for (int k = 0; k < RANK; k++) {
                double want = 0;

                for (int c = 0; c < m; c++)
                    want += s_ * at(dense, w, true)[r * m + c] * at(s.net, b, false)[k * m + c];
                most = fmax(most, fabs(want));
                off = fmax(off, fabs(want - at(s.net, a, true)[r * RANK + k]));
            }
        for (int k = 0; k < RANK; k++)
            for (int c = 0; c < m; c++) {
                double want = 0;

                for (int r = 0; r < n; r++)
                    want += s_ * at(s.net, a, false)[r * RANK + k] * at(dense, w, true)[r * m + c];
                most = fmax(most, fabs(want));
                off = fmax(off, fabs(want - at(s.net, b, true)[k * m + c]));
            }
        assert_true(most > 1e-4 && off < 1e-4 * most);
    }
    train_net_free(dense);
    release(&s);
}

static void the_merged_weights_answer_alike(void **state)
{
    struct made s;
    struct train_net *dense;
    double first, last = 0, merged;

    (void)state;
    make(&s);
    first = step(s.net, &s, 0.1);
    for (int i = 0; i < 20; i++)
        last = step(s.net, &s, 0.1);
    assert_true(last < 0.9 * first);
    train_lora_values(s.lora, s.net, s.merged);
    dense = net_of(s.g, NULL);
    train_net_begin(dense, s.g, s.merged);
    merged = step(dense, &s, 0);
    last = step(s.net, &s, 0);
    assert_true(fabs(merged - last) < 1e-5 * last);
    train_net_free(dense);
    release(&s);
}

/* ViT-tiny on pictures of 32 pixels with AdamW, and what few matrices leave of it. */
static void it_takes_less_memory(void **state)
{
    struct nn_model_args args = { 64, 64, 3, 10, 0, 0 };
    struct err err = { 0 };
    struct nn_graph *g = nn_model_build(nn_model_find("vit_tiny_patch16_224", &err), &args, &err);
    struct train_net_options how = usual();
    struct train_net_bytes full, thin;
    struct train_lora *l;

    (void)state;
    assert_non_null(g);
    how.optim = &train_optim_adamw;
    how.precision = NN_PRECISION_FP32;
    assert_true(train_net_bytes(g, &how, 8, 1, &full, &err));
    l = lora_of(g, NULL);
    assert_int_equal(train_lora_layers(l), 24);
    how.freeze = train_lora_freeze(l);
    assert_true(train_net_bytes(train_lora_graph(l), &how, 8, 1, &thin, &err));
    assert_true(thin.state < 0.4 * (double)full.state);
    assert_true(thin.state + thin.activations < 0.6 * (double)(full.state + full.activations));
    train_lora_free(l);
    nn_graph_free(g);
}

/* ---- trainings ------------------------------------------------------------------------------- */

static void it_resumes_bitwise_on_any_threads(void **state)
{
    static const char text[] = "image = input shape=16x16x3\n"
                               "c = conv2d image channels=8 size=4 stride=4 bias=true\n"
                               "t = reshape c shape=-1x8\n"
                               "qkv = linear t width=24 bias=true\n"
                               "a = attention qkv heads=2\n"
                               "proj = linear a width=8 bias=true\n"
                               "x = add t proj\n"
                               "f = flatten x\n"
                               "fc = linear f width=classes bias=true\n"
                               "output logits = fc\n";
    struct made_folder f;
    struct train_cfg first = config(), cfg, whole_cfg;
    struct told begin = { 0 }, whole = { 0 };
    char net[512], init[512];
    struct infer_model *a, *b;

    (void)state;
    made_open(&f);
    draw_set(&f, 12, 4, SIDE);
    made_text(&f, "a.net", text);
    snprintf(net, sizeof net, "%s/a.net", f.path);
    snprintf(init, sizeof init, "%s/first/" TRAIN_LAST, f.path);
    first.arch = net;
    must_train(&f, "first", &first, &begin);
    cfg = config();
    cfg.arch = net;
    cfg.init = init;
    cfg.lora = RANK;
    cfg.optim = "adamw";
    cfg.ema = 0.9;
    cfg.seed = 3;
    whole_cfg = cfg;
    must_train(&f, "whole", &whole_cfg, &whole);
    for (int stop_at = 1; stop_at < whole.step; stop_at += 2) {
        struct train_cfg part = cfg, rest;
        struct told told = { .stop_at = stop_at }, on = { .resume = true };
        struct err err = { 0 };
        char out[32];

        snprintf(out, sizeof out, "cut-%d", stop_at);
        part.threads = 3;
        assert_false(train(&f, ".", out, &part, &told, &err));
        assert_int_equal(err.kind, ERR_CANCELLED);
        rest = part; /* as it was decided */
        rest.steps = cfg.steps;
        rest.threads = cfg.threads;
        must_train(&f, out, &rest, &on);
        assert_same_model(&f, "whole", out, "last");
        assert_same_model(&f, "whole", out, "best");
    }
    a = open_model(&f, "first", "last");
    b = open_model(&f, "whole", "last");
    assert_true(nn_graph_equal(a->graph, b->graph)); /* an ordinary model */
    infer_model_free(a);
    infer_model_free(b);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_told_from_the_graph),
        cmocka_unit_test(no_layer_is_an_error_that_names_some),
        cmocka_unit_test(it_begins_as_it_was_and_the_rest_stays),
        cmocka_unit_test(gradients_are_the_dense_ones_through_the_matrices),
        cmocka_unit_test(the_merged_weights_answer_alike),
        cmocka_unit_test(it_takes_less_memory),
        cmocka_unit_test(it_resumes_bitwise_on_any_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
