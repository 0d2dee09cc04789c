/*
 * onnx_in: what is written comes back as the network it was, and hostile files are refused in words
 *
 * With other programs' files: tests/cli/import_onnx.sh, tests/interop/onnx_run.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/file.h"
#include "nn/exec.h"
#include "nn/io/onnx.h"
#include "nn/io/onnx_in.h"
#include "nn/kernel/cpu.h"
#include "nn/op/attention.h"
#include "nn/pass/pass.h"

#include "onnx.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- out and in ------------------------------------------------------------------------------ */

struct net {
    struct nn_graph *graph;
    struct nn_params *params;
};

/* A net of graph text in inference form, with first values that are none of 0. */
static struct net make_net(const char *text)
{
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);
    struct nn_params *p = g ? nn_params_new(g, false, &err) : NULL;
    struct net n;

    if (!p)
        fail_msg("%s", err.msg);
    nn_params_init(p, g, 3);
    for (int e = 0; e < p->n; e++)
        for (int64_t i = 0; i < p->count[e]; i++)
            p->value[p->offset[e] + i] +=
                (real)(0.2 + 0.1 * rng_f64(7, rng_stream(RNG_TEST, 5 + (uint32_t)e), (uint64_t)i));
    if (!nn_pass_infer(g, p, &n.graph, &n.params, &err))
        fail_msg("%s", err.msg);
    nn_params_free(p);
    nn_graph_free(g);
    return n;
}

static void drop_net(struct net *n)
{
    nn_params_free(n->params);
    nn_graph_free(n->graph);
}

/* The values of the output called so, for two pictures; free() them. */
static real *answers(const struct nn_graph *g, struct nn_params *p, const char *output, int64_t *n)
{
    struct err err = { 0 };
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = 2, .precision = NN_PRECISION_FP32,
                                   .kernels = nn_kernels_get(NULL, &err) };
    struct nn_plan *plan = nn_plan_new(g, &opt, &err);
    struct nn_exec *e = plan ? nn_exec_new(plan, p, NULL, &err) : NULL;
    struct tensor x, y;
    real *copy;

    if (!e)
        fail_msg("%s", err.msg);
    x = nn_exec_input(e, "image");
    assert_non_null(x.data);
    for (int64_t i = 0; i < shape_count(&x.shape); i++)
        ((real *)x.data)[i] = (real)(2 * rng_f64(9, rng_stream(RNG_TEST, 77), (uint64_t)i) - 1);
    nn_exec_forward(e);
    y = nn_exec_output(e, output);
    assert_non_null(y.data);
    *n = shape_count(&y.shape);
    copy = malloc((size_t)*n * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, y.data, (size_t)*n * sizeof *copy);
    nn_exec_free(e);
    nn_plan_free(plan);
    return copy;
}

static struct nn_onnx_net *out_and_in(const struct net *n, const char *output, bool classifier,
                                      int batch, bool nhwc)
{
    struct err err = { 0 };
    struct nn_onnx_options out = { .input = "image", .output = "y", .opset = 13, .batch = batch,
                                   .node = nn_graph_find_output(n->graph, output), .nhwc = nhwc };
    struct nn_onnx_in_options in = { .classifier = classifier, .nhwc = nhwc };
    size_t size;
    uint8_t *bytes = nn_onnx_pack(n->graph, n->params, &out, &size, &err);
    struct nn_onnx_file *f = bytes ? nn_onnx_parse(bytes, size, &err) : NULL;
    struct nn_onnx_net *back = f ? nn_onnx_in(f, &in, &err) : NULL;

    if (!back)
        fail_msg("%s", err.msg);
    nn_onnx_close(f);
    free(bytes);
    return back;
}

static void expect_same(const real *a, int64_t n, const real *b, int64_t m, const char *what)
{
    real most = (real)1e-3;

    assert_int_equal(n, m);
    for (int64_t i = 0; i < n; i++)
        most = a[i] > most ? a[i] : -a[i] > most ? -a[i] : most;
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)(a[i] - b[i])) <= 2e-5 * (double)most))
            fail_msg("%s: number %lld was %g and is %g", what, (long long)i, (double)a[i],
                     (double)b[i]);
}

/* It computes the same, and has no more operators than it had. */
static void expect_back(const char *text, const char *output, bool classifier, int batch, bool nhwc)
{
    struct net n = make_net(text);
    struct nn_onnx_net *back = out_and_in(&n, output, classifier, batch, nhwc);
    struct str s = { 0 };
    int64_t na, nb;
    real *a, *b;

    nn_graph_write(back->graph, &s);
    for (int i = 0; i < back->graph->n; i++) {
        const struct nn_op *op = back->graph->node[i].op;
        bool had = op == &nn_op_reshape || op == &nn_op_param;

        for (int k = 0; k < n.graph->n; k++)
            had |= n.graph->node[k].op == op;
        if (!had)
            fail_msg("%s has become\n%s", text, str_text(&s));
    }
    a = answers(n.graph, n.params, output, &na);
    b = answers(back->graph, back->params, back->output[0].name, &nb);
    expect_same(a, na, b, nb, text);
    free(a);
    free(b);
    str_release(&s);
    nn_onnx_net_free(back);
    drop_net(&n);
}

#define IMAGE "image = input shape=8x6x3\n"
#define END "f = flatten z\nfc = linear f width=5 bias=true\noutput y = fc\n"

static void what_is_written_comes_back(void **state)
{
    static const char *const nets[] = {
        IMAGE "z = conv2d image channels=4 size=3x5 stride=2x1 pad=1x2x1x2 bias=true\n" END,
        IMAGE "z = conv2d image channels=6 size=3 groups=3 dilation=2 pad=2\n" END,
        IMAGE "c = conv2d image channels=4\nb = batchnorm c\nz = relu b\n" END,
        IMAGE "r = relu6 image\nz = batchnorm r epsilon=0.001\n" END,
        IMAGE "c = conv2d image channels=4\nz = groupnorm c groups=2\n" END,
        IMAGE "z = layernorm image epsilon=1e-06\n" END,
        IMAGE "z = scale image first=0.5\n" END,
        IMAGE "g = gelu image\nz = gelu g approximate=tanh\n" END,
        IMAGE "s = silu image\nz = hardswish s\n" END,
        IMAGE "l = leakyrelu image slope=0.1\ns = sigmoid l\nz = tanh s\n" END,
        IMAGE "s = sigmoid image\nt = tanh image\nm = mul t s\nz = add m image\n" END,
        IMAGE "m = maxpool image size=3 stride=2 pad=1\na = avgpool m size=2 whole=true pad=1\n"
              "z = softmax a\n" END,
        IMAGE "a = avgpool image size=3 pad=1\nz = concat a image\n" END,
        IMAGE "m = meanpool image\nn = layernorm m\nz = groupnorm n groups=3\n" END,
        IMAGE "z = reshape image shape=4x12x3\n" END,
        IMAGE "r = reshape image shape=16x9\ns = softmax r\nz = reshape s shape=2x8x9\n" END,
        IMAGE "s = slice image axis=2 start=5 step=-2 count=3\nz = slice s axis=3 count=2\n" END,
        IMAGE "p = pad image axis=1 before=2 mode=reflect\nz = pad p axis=3 after=1 value=2\n" END,
        IMAGE "z = transpose image perm=3x1x2\n" END,
        IMAGE "e = expand image shape=8x6x3\nw = param shape=6x1 init=ones\n"
              "z = arith e w kind=mul\n" END,
        IMAGE "t = const shape=3\nz = gather image t axis=2\n" END,
        IMAGE "m = math image kind=exp\nz = math m a=2 b=1\n" END,
        IMAGE "r = resize image axis=1 size=16 place=asymmetric round=floor\n"
              "z = resize r axis=2 size=9 mode=linear\n" END,
        IMAGE "z = lrn image size=3 alpha=0.5\n" END,
        IMAGE "r = reduce image kind=max axes=1x3\nz = reduce r kind=mean axes=1x0 keep=true\n"
              END,
        IMAGE "r = reduce image axes=3x0\nz = reduce r kind=argmin axes=1x0\n" END,
        IMAGE "r = reshape image shape=4x12x3\nm = matmul r r turned=true\n"
              "z = softmax m\n" END,
        IMAGE "r = reshape image shape=48x3\nw = param shape=3x7 init=ones\nz = matmul r w\n"
              END,
        IMAGE "r = reshape image shape=48x3\nt = transpose r perm=2x1\nz = matmul r t\n" END,
        IMAGE "r = reshape image shape=16x9\nz = attention r heads=3\n" END,
        IMAGE "c = conv2d image channels=12\nz = attention c heads=2 relative=true\n" END,
        IMAGE "c = conv2d image channels=12\nz = attention c heads=2 relative=true by_head=true\n"
              END,
        IMAGE "c = conv2d image channels=12\nz = attention c heads=2 window=2 relative=true\n" END,
        IMAGE "c = conv2d image channels=12\n"
              "z = attention c heads=2 window=2 shift=1 relative=true\n" END,
        IMAGE "c = conv2d image channels=12\n"
              "z = attention c heads=2 window=2 shift=1 rolled=true relative=true\n" END,
        IMAGE "c = conv2d image channels=12\n"
              "z = attention c heads=2 window=2 shift=1 relative=true by_head=true\n" END,
        IMAGE "c = conv2d image channels=6\nz = attention c heads=1 window=2\n" END,
        IMAGE "r = reshape image shape=48x3\nz = embed r tokens=2\n" END,
        IMAGE "k = const shape=8x6x1\nc = arith image k kind=less\nz = where c image k\n" END,
    };

    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        expect_back(nets[i], "y", true, 0, false);
        expect_back(nets[i], "y", true, 1, i % 2);
    }
}

/* What an answer is computed by: steps, with what they do as well and how; chains. */
static void plan_text(const struct nn_graph *g, struct str *out)
{
    struct err err = { 0 };
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = 2, .precision = NN_PRECISION_FP32,
                                   .kernels = nn_kernels_get(NULL, &err) };
    struct nn_plan *plan = nn_plan_new(g, &opt, &err);

    if (!plan)
        fail_msg("%s", err.msg);
    for (int t = 0; t < plan->n_step; t++) {
        int node = plan->step[t].node, tail = plan->fused.tail[node];

        str_printf(out, "%s%s%s %lld", g->node[node].op->name,
                   plan->fused.residual[node] >= 0 ? "+add" : "",
                   plan->fused.cut[node] >= 0 ? "+cut" : "",
                   (long long)shape_count(&plan->shape[tail]));
        for (int k = 0; k < NN_CHOICES; k++)
            str_printf(out, " %d", plan->variant[node][k]);
        str_addc(out, '\n');
    }
    for (int k = 0; k < plan->n_chain; k++)
        str_printf(out, "chain %d %d\n", plan->chain[k].first, plan->chain[k].n);
    nn_plan_free(plan);
}

/* A file of another program runs as fast as our own network of that shape. */
static void what_was_read_is_planned_as_the_net(void **state)
{
    static const char *const nets[] = {
        "image = input shape=16x16x3\n"
        "c1 = conv2d image channels=8 size=3 stride=2 pad=1\nb1 = batchnorm c1\nr1 = relu b1\n"
        "p = maxpool r1 size=3 stride=2 pad=1\n"
        "c2 = conv2d p channels=8 size=3 pad=1\nb2 = batchnorm c2\nr2 = relu b2\n"
        "c3 = conv2d r2 channels=8 size=3 pad=1\nb3 = batchnorm c3\na = add b3 p\nr3 = relu a\n"
        "m = meanpool r3\nfc = linear m width=5 bias=true\noutput y = fc\n",

        "image = input shape=64x64x3\n"
        "c1 = conv2d image channels=16 size=3 stride=2 pad=1\nb1 = batchnorm c1\n"
        "r1 = relu6 b1\nc2 = conv2d r1 channels=96\nb2 = batchnorm c2\nr2 = relu6 b2\n"
        "c3 = conv2d r2 channels=96 size=3 pad=1 groups=96\nb3 = batchnorm c3\nr3 = relu6 b3\n"
        "c4 = conv2d r3 channels=16\nb4 = batchnorm c4\na = add r1 b4\n"
        "m = meanpool a\nfc = linear m width=5 bias=true\noutput y = fc\n",

        "image = input shape=16x16x3\n"
        "c = conv2d image channels=24 size=3 stride=2 pad=1 bias=true\ns = silu c\n"
        "m = meanpool s\nr = reshape m shape=1x1x24\nd = conv2d r channels=6 bias=true\n"
        "e = silu d\nu = conv2d e channels=24 bias=true\ng = sigmoid u\nx = gate s g\n"
        "z = conv2d x channels=8 bias=true\nv = meanpool z\nfc = linear v width=5 bias=true\n"
        "output y = fc\n",

        "image = input shape=8x12x3\n"
        "c = conv2d image channels=12 size=4 stride=4 bias=true\nr = reshape c shape=-1x12\n"
        "e = embed r tokens=1\nn1 = layernorm e\nq = linear n1 width=36 bias=true\n"
        "t = attention q heads=3\no = linear t width=12 bias=true\na1 = add e o\n"
        "n2 = layernorm a1\nf1 = linear n2 width=24 bias=true\ng = gelu f1\n"
        "f2 = linear g width=12 bias=true\na2 = add a1 f2\nn3 = layernorm a2\n"
        "s = slice n3 axis=1 count=1\nf = flatten s\nfc = linear f width=5 bias=true\n"
        "output y = fc\n",

        "image = input shape=16x24x3\n"
        "c = conv2d image channels=12 size=4 stride=4 bias=true\nn1 = layernorm c\n"
        "q = linear n1 width=36 bias=true\n"
        "t = attention q heads=3 window=2 shift=1 relative=true\n"
        "o = linear t width=12 bias=true\na1 = add c o\n"
        "n2 = layernorm a1\nf1 = linear n2 width=24 bias=true\ng = gelu f1\n"
        "f2 = linear g width=12 bias=true\na2 = add a1 f2\nn3 = layernorm a2\n"
        "m = meanpool n3\nfc = linear m width=5 bias=true\noutput y = fc\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        for (int batch = 0; batch < 2; batch++) {
            struct net n = make_net(nets[i]);
            struct nn_onnx_net *back = out_and_in(&n, "y", true, batch, false);
            struct str own = { 0 }, read = { 0 };

            plan_text(n.graph, &own);
            plan_text(back->graph, &read);
            assert_string_equal(str_text(&read), str_text(&own));
            str_release(&own);
            str_release(&read);
            nn_onnx_net_free(back);
            drop_net(&n);
        }
}

/* Numbers of the parameter called so. */
static real *numbers_of(struct net *n, const char *name)
{
    int id = nn_graph_find(n->graph, name);

    assert_true(id >= 0 && n->params->entry[id] >= 0);
    return n->params->value + n->params->offset[n->params->entry[id]];
}

/* As PyTorch writes a Swin block: rolled and cut into windows before the layer of queries, keys and
 * values, put back behind the next, with a mask and the distances' biases given pair by pair. */
static void windows_before_their_layer_are_one_attention(void **state)
{
#define CONV "image = input shape=16x24x3\n" \
             "c = conv2d image channels=12 size=4 stride=4 bias=true\nn = layernorm c\n"
#define LAST "a = add c o\nm = meanpool a\nfc = linear m width=5 bias=true\noutput y = fc\n"
    static const char written[] = CONV
        "s1 = slice n axis=1 start=1 count=3\ns2 = slice n axis=1 count=1\n"
        "r1 = concat s1 s2 axis=1\ns3 = slice r1 axis=2 start=1 count=5\n"
        "s4 = slice r1 axis=2 count=1\nr2 = concat s3 s4 axis=2\n"
        "w1 = reshape r2 shape=2x2x3x24\nw2 = transpose w1 perm=1x3x2x4\n"
        "w3 = reshape w2 shape=4x12 batch=6\nx = linear w3 width=36 bias=true\n"
        "h1 = reshape x shape=4x3x2x6\nh2 = transpose h1 perm=2x3x1x4\n"
        "q1 = slice h2 axis=1 count=1\nq2 = reshape q1 shape=2x4x6\n"
        "q = math q2 a=0.408248290463863\n"
        "k1 = slice h2 axis=1 start=1 count=1\nk = reshape k1 shape=2x4x6\n"
        "v1 = slice h2 axis=1 start=2 count=1\nv = reshape v1 shape=2x4x6\n"
        "p1 = matmul q k turned=true\nbias = param shape=2x4x4\np2 = arith p1 bias\n"
        "p3 = reshape p2 shape=6x2x4x4 batch=1\nmask = param shape=6x1x4x4\n"
        "p4 = arith p3 mask\np5 = reshape p4 shape=2x4x4 batch=6\np = softmax p5\n"
        "y1 = matmul p v\ny2 = transpose y1 perm=2x1x3\ny3 = reshape y2 shape=4x12\n"
        "y4 = linear y3 width=12 bias=true\ny5 = reshape y4 shape=2x3x2x24 batch=1\n"
        "y6 = transpose y5 perm=1x3x2x4\ny7 = reshape y6 shape=4x6x12\n"
        "b1 = slice y7 axis=1 start=3 count=1\nb2 = slice y7 axis=1 count=3\n"
        "b3 = concat b1 b2 axis=1\nb4 = slice b3 axis=2 start=5 count=1\n"
        "b5 = slice b3 axis=2 count=5\no = concat b4 b5 axis=2\n" LAST;
    static const char meant[] = CONV
        "x = linear n width=36 bias=true\n"
        "t = attention x heads=2 window=2 shift=1 relative=true\n"
        "o = linear t width=12 bias=true\n" LAST;
    const struct nn_windows w = { .grid = { 4, 6 }, .size = { 2, 2 }, .windows = { 2, 3 },
                                  .shift = 1 };
    struct net n = make_net(written), own = make_net(meant);
    real *bias = numbers_of(&n, "bias"), *mask = numbers_of(&n, "mask"), *a, *b;
    struct str plan[2] = { { 0 }, { 0 } };
    struct nn_onnx_net *back;
    int64_t na, nb;
    int seam = 0;

    (void)state;
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) {
            for (int head = 0; head < 2; head++)
                bias[(head * 4 + i) * 4 + k] = (real)0.1 * (real)(
                    nn_windows_distance(&w, i, k) * 2 + head);
            for (int g = 0; g < 6; g++)
                mask[(g * 4 + i) * 4 + k] =
                    nn_windows_region(&w, g, i) == nn_windows_region(&w, g, k) ? 0 : -100;
        }
    while (mask[seam] == 0)
        seam++;
    for (int other = 0; other < 3; other++) {
        mask[0] = other == 1 ? -1 : 0;          /* what is no seam stays in products */
        mask[seam] = other == 2 ? NAN : -100;
        back = out_and_in(&n, "y", true, 0, false);
        a = answers(n.graph, n.params, "y", &na);
        b = answers(back->graph, back->params, "logits", &nb);
        if (other < 2)
            expect_same(a, na, b, nb, written);
        else
            assert_true(isnan(a[0]) && isnan(b[0]));
        str_clear(&plan[0]);
        str_clear(&plan[1]);
        plan_text(own.graph, &plan[0]);
        plan_text(back->graph, &plan[1]);
        assert_int_equal(strcmp(str_text(&plan[0]), str_text(&plan[1])) != 0, other > 0);
        free(a);
        free(b);
        nn_onnx_net_free(back);
    }
    str_release(&plan[0]);
    str_release(&plan[1]);
    drop_net(&n);
    drop_net(&own);
}

/* Reshapes around what computes rows by themselves, and means of pixels, are not in the plan. */
static void rows_are_computed_where_they_lie(void **state)
{
    static const char written[] =
        "image = input shape=16x24x3\nc = conv2d image channels=12 size=4 stride=4 bias=true\n"
        "r = reshape c shape=24x12\nn = layernorm r\nf1 = linear n width=24 bias=true\n"
        "g = gelu f1\nf2 = linear g width=12 bias=true\na = add r f2\n"
        "p = reshape a shape=4x6x12\nm = reduce p kind=mean axes=1x2\n"
        "v = reshape m shape=1x1x12\nl = layernorm v\nf = flatten l\n"
        "fc = linear f width=5 bias=true\noutput y = fc\n";
    static const char meant[] =
        "image = input shape=16x24x3\nc = conv2d image channels=12 size=4 stride=4 bias=true\n"
        "n = layernorm c\nf1 = linear n width=24 bias=true\ng = gelu f1\n"
        "f2 = linear g width=12 bias=true\na = add c f2\nm = meanpool a\nl = layernorm m\n"
        "fc = linear l width=5 bias=true\noutput y = fc\n";
    struct net n = make_net(written), own = make_net(meant);
    struct nn_onnx_net *back = out_and_in(&n, "y", true, 0, false);
    struct str plan[2] = { { 0 }, { 0 } };

    (void)state;
    plan_text(own.graph, &plan[0]);
    plan_text(back->graph, &plan[1]);
    assert_string_equal(str_text(&plan[1]), str_text(&plan[0]));
    str_release(&plan[0]);
    str_release(&plan[1]);
    nn_onnx_net_free(back);
    drop_net(&n);
    drop_net(&own);
}

static void softmax_at_the_end_is_known(void **state)
{
    struct net n = make_net(IMAGE "m = meanpool image\nfc = linear m width=4\ny = softmax fc\n"
                                  "output logits = fc\noutput y = y\n");
    struct nn_onnx_net *back = out_and_in(&n, "y", true, 0, false);
    int64_t na, nb;
    real *a = answers(n.graph, n.params, "logits", &na);
    real *b = answers(back->graph, back->params, "logits", &nb);

    (void)state;
    assert_int_equal(back->end, NN_ONNX_END_SOFTMAX);
    expect_same(a, na, b, nb, "logits");
    free(a);
    free(b);
    nn_onnx_net_free(back);
    drop_net(&n);
}

/* ---- files made by hand ---------------------------------------------------------------------- */

enum { MANY = 16 };

/* A file of nodes "Op in,in -> out" and of one input x [1,2]. */
struct made {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opsets;
    Onnx__ValueInfoProto x, y, *xs, *ys;
    Onnx__TypeProto type;
    Onnx__TypeProto__Tensor tensor;
    Onnx__TensorShapeProto shape;
    Onnx__TensorShapeProto__Dimension dim[5], *dims[5];
    Onnx__NodeProto node[MANY], *nodes[MANY];
    char *in[MANY][2], *out[MANY][1];
    Onnx__TensorProto weight, *weights;
};

static void begin(struct made *m)
{
    *m = (struct made){ .model = ONNX__MODEL_PROTO__INIT };
    onnx__graph_proto__init(&m->graph);
    onnx__operator_set_id_proto__init(&m->opset);
    onnx__value_info_proto__init(&m->x);
    onnx__value_info_proto__init(&m->y);
    onnx__type_proto__init(&m->type);
    onnx__type_proto__tensor__init(&m->tensor);
    onnx__tensor_shape_proto__init(&m->shape);
    onnx__tensor_proto__init(&m->weight);
    for (int d = 0; d < 5; d++) {
        onnx__tensor_shape_proto__dimension__init(&m->dim[d]);
        m->dim[d].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        m->dim[d].dim_value = 1 + d;
        m->dims[d] = &m->dim[d];
    }
    m->shape.n_dim = 2;
    m->shape.dim = m->dims;
    m->tensor.has_elem_type = true;
    m->tensor.elem_type = 1;
    m->tensor.shape = &m->shape;
    m->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    m->type.tensor_type = &m->tensor;
    m->x.name = (char *)(uintptr_t)"x";
    m->x.type = &m->type;
    m->y.name = (char *)(uintptr_t)"y";
    m->xs = &m->x;
    m->ys = &m->y;
    m->weights = &m->weight;
    m->weight.name = (char *)(uintptr_t)"w";
    m->weight.has_data_type = true;
    m->weight.data_type = 1;
    m->graph.n_input = m->graph.n_output = 1;
    m->graph.input = &m->xs;
    m->graph.output = &m->ys;
    m->graph.node = m->nodes;
    m->opset.has_version = true;
    m->opset.version = 13;
    m->opsets = &m->opset;
    m->model.n_opset_import = 1;
    m->model.opset_import = &m->opsets;
    m->model.graph = &m->graph;
}

static void add(struct made *m, const char *op, const char *a, const char *b, const char *out)
{
    size_t i = m->graph.n_node++;

    onnx__node_proto__init(&m->node[i]);
    m->nodes[i] = &m->node[i];
    m->in[i][0] = (char *)(uintptr_t)a;
    m->in[i][1] = (char *)(uintptr_t)b;
    m->out[i][0] = (char *)(uintptr_t)out;
    m->node[i].op_type = (char *)(uintptr_t)op;
    m->node[i].name = (char *)(uintptr_t)out;
    m->node[i].n_input = b ? 2 : 1;
    m->node[i].input = m->in[i];
    m->node[i].n_output = 1;
    m->node[i].output = m->out[i];
}

static void weigh(struct made *m, size_t n, int64_t *dims, size_t bytes, const void *data)
{
    m->graph.n_initializer = 1;
    m->graph.initializer = &m->weights;
    m->weight.n_dims = n;
    m->weight.dims = dims;
    m->weight.has_raw_data = true;
    m->weight.raw_data.len = bytes;
    m->weight.raw_data.data = (uint8_t *)(uintptr_t)data;
}

static uint8_t *pack(const struct made *m, size_t *size)
{
    uint8_t *bytes = malloc(onnx__model_proto__get_packed_size(&m->model));

    assert_non_null(bytes);
    *size = onnx__model_proto__pack(&m->model, bytes);
    return bytes;
}

/* It is refused, with these words. */
static void refuse(const uint8_t *bytes, size_t size, const char *words)
{
    struct nn_onnx_in_options in = { .classifier = false };
    struct err err = { 0 };
    struct nn_onnx_file *f = nn_onnx_parse(bytes, size, &err);
    struct nn_onnx_net *net = f ? nn_onnx_in(f, &in, &err) : NULL;

    if (net)
        fail_msg("was read, though \"%s\"", words);
    if (!strstr(err.msg, words))
        fail_msg("\"%s\" is not in: %s", words, err.msg);
    nn_onnx_close(f);
}

static void refuse_made(const struct made *m, const char *words)
{
    size_t size;
    uint8_t *bytes = pack(m, &size);

    refuse(bytes, size, words);
    free(bytes);
}

/* What two nodes join first alike is joined once, where they join more than an operator takes. */
static void beginnings_are_joined_once(void **state)
{
    char *many[NN_MAX_IN + 2];
    struct nn_onnx_in_options in = { .classifier = false };
    struct err err = { 0 };
    struct made m;
    struct nn_onnx_file *f;
    struct nn_onnx_net *net;
    Onnx__AttributeProto axis = ONNX__ATTRIBUTE_PROTO__INIT, *axes = &axis;
    uint8_t *bytes;
    size_t size;
    int joins = 0;

    (void)state;
    begin(&m);
    axis.name = (char *)(uintptr_t)"axis";
    axis.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    axis.has_type = axis.has_i = true;
    axis.i = 1;
    for (int i = 0; i < NN_MAX_IN + 2; i++)
        many[i] = (char *)(uintptr_t)"x";
    add(&m, "Concat", "x", NULL, "a");
    add(&m, "Concat", "x", NULL, "b");
    for (int i = 0; i < 2; i++) {
        m.node[i].n_attribute = 1;
        m.node[i].attribute = &axes;
        m.node[i].input = many;
        m.node[i].n_input = NN_MAX_IN + 1 + (size_t)i;
    }
    add(&m, "Relu", "a", NULL, "c");
    add(&m, "Relu", "b", NULL, "d");
    m.node[3].op_type = (char *)(uintptr_t)"Concat";
    m.node[3].n_attribute = 1;
    m.node[3].attribute = &axes;
    m.node[3].n_input = 2;
    m.in[3][1] = (char *)(uintptr_t)"c";
    m.out[3][0] = (char *)(uintptr_t)"y";
    bytes = pack(&m, &size);
    f = nn_onnx_parse(bytes, size, &err);
    net = f ? nn_onnx_in(f, &in, &err) : NULL;
    if (!net)
        fail_msg("%s", err.msg);
    for (int i = 0; i < net->graph->n; i++)
        joins += net->graph->node[i].op == &nn_op_concat;
    assert_int_equal(joins, 4);
    nn_onnx_net_free(net);
    nn_onnx_close(f);
    free(bytes);
}

static double number_at(int i)
{
    return i * 5 % 13 - 6;
}

/* A convolution of three dimensions and a mean over windows of 2x2x2, number by number. */
static void pictures_with_depth_are_convolved_and_pooled(void **state)
{
    enum { C = 2, D = 4, H = 4, W = 5, K = 3, DEEP = 2, SIDE = 3 };
    static float w[K * C * DEEP * SIDE * SIDE];
    int64_t dims[5] = { K, C, DEEP, SIDE, SIDE }, two[3] = { 2, 2, 2 };
    Onnx__AttributeProto kernel = ONNX__ATTRIBUTE_PROTO__INIT, *kernels = &kernel;
    struct nn_onnx_in_options in = { .classifier = false };
    struct err err = { 0 };
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = 2, .precision = NN_PRECISION_FP32,
                                   .kernels = nn_kernels_get(NULL, &err) };
    struct made m;
    struct nn_onnx_file *f;
    struct nn_onnx_net *net;
    struct nn_plan *plan;
    struct nn_exec *e;
    uint8_t *bytes;
    real *x, *y;
    size_t size;

    (void)state;
    begin(&m);
    m.shape.n_dim = 5;          /* x [1,2,4,4,5] */
    m.dim[2].dim_value = D;
    for (int i = 0; i < (int)(sizeof w / sizeof *w); i++)
        w[i] = (float)(i * 7 % 11 - 5) / 8;
    weigh(&m, 5, dims, sizeof w, w);
    add(&m, "Conv", "x", "w", "c");
    add(&m, "AveragePool", "c", NULL, "y");
    kernel.name = (char *)(uintptr_t)"kernel_shape";
    kernel.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    kernel.has_type = true;
    kernel.n_ints = 3;
    kernel.ints = two;
    m.node[1].n_attribute = 1;
    m.node[1].attribute = &kernels;
    bytes = pack(&m, &size);
    f = nn_onnx_parse(bytes, size, &err);
    net = f ? nn_onnx_in(f, &in, &err) : NULL;
    plan = net ? nn_plan_new(net->graph, &opt, &err) : NULL;
    e = plan ? nn_exec_new(plan, net->params, NULL, &err) : NULL;
    if (!e)
        fail_msg("%s", err.msg);
    x = nn_exec_input(e, net->input[0].name).data;
    for (int i = 0; i < 2 * C * D * H * W; i++)
        x[i] = (real)number_at(i);
    nn_exec_forward(e);
    y = nn_exec_output(e, net->output[0].name).data;
    for (int i = 0; i < 2 * K * 2 * 1 * 2; i++) {       /* y [2,3,2,1,2] */
        int n = i / 12, k = i / 4 % 3, at[3] = { i / 2 % 2, 0, i % 2 };
        double sum = 0;

        for (int v = 0; v < 8 * C * DEEP * SIDE * SIDE; v++) {
            int c = v / 8 % C, r = v / 8 / C % DEEP, s = v / 8 / C / DEEP % SIDE;
            int t = v / 8 / C / DEEP / SIDE;
            int z = at[0] + v / 4 % 2 + r, row = at[1] + v / 2 % 2 + s, column = at[2] + v % 2 + t;

            sum += (double)w[(((k * C + c) * DEEP + r) * SIDE + s) * SIDE + t] *
                   number_at((((n * C + c) * D + z) * H + row) * W + column) / 8;
        }
        if (fabs(sum - (double)y[i]) > 1e-4)
            fail_msg("number %d is %g, not %g", i, (double)y[i], sum);
    }
    nn_exec_free(e);
    nn_plan_free(plan);
    nn_onnx_net_free(net);
    nn_onnx_close(f);
    free(bytes);
}

/* y [1,1,1,1,1] of x as deep as the filter; before it n nodes called y_2, y_4, y_8 ... */
static uint8_t *deep_filter(int64_t depth, const float *w, int n, size_t *size)
{
    int64_t dims[5] = { 1, 1, depth, 1, 1 };
    char name[MANY][16] = { "x" };
    struct made m;

    begin(&m);
    m.shape.n_dim = 5;
    for (int d = 0; d < 5; d++)
        m.dim[d].dim_value = dims[d];
    weigh(&m, 5, dims, (size_t)depth * sizeof *w, w);
    for (int i = 1; i <= n; i++) {
        snprintf(name[i], sizeof name[i], "y_%d", 1 << i);
        add(&m, "Relu", name[i - 1], NULL, name[i]);
    }
    add(&m, "Conv", name[n], "w", "y");
    return pack(&m, size);
}

/* Nodes that one of the file makes are called as it and counted; a graph's nodes are the limit
 * of a filter's depth.  A file that has names on purpose where they are looked for is refused. */
static void deep_filters_make_short_names(void **state)
{
    enum { DEPTH = 60, MOST = 6000 };
    static float w[MOST];
    struct nn_onnx_in_options in = { .classifier = false };
    struct err err = { 0 };
    struct nn_onnx_file *f;
    struct nn_onnx_net *net;
    uint8_t *bytes;
    size_t size;

    (void)state;
    bytes = deep_filter(DEPTH, w, 0, &size);
    f = nn_onnx_parse(bytes, size, &err);
    net = f ? nn_onnx_in(f, &in, &err) : NULL;
    if (!net)
        fail_msg("%s", err.msg);
    assert_true(net->graph->n > DEPTH);
    for (int i = 0; i < net->graph->n; i++)
        if (strlen(net->graph->node[i].name) > strlen("y_1000.weight"))
            fail_msg("a node is called %s", net->graph->node[i].name);
    nn_onnx_net_free(net);
    nn_onnx_close(f);
    free(bytes);
    bytes = deep_filter(MOST, w, 0, &size);
    refuse(bytes, size, "node \"y\" (Conv): ");
    refuse(bytes, size, "more than 20000 nodes");
    free(bytes);
    bytes = deep_filter(DEPTH, w, 15, &size);
    refuse(bytes, size, "no name is left for what \"y\" makes");
    free(bytes);
}

static void wrong_graphs_are_refused(void **state)
{
    static float two[2] = { 1, 2 };
    struct made m;

    (void)state;
    begin(&m);
    add(&m, "Relu", "x", NULL, "a");
    add(&m, "NonMaxSuppression", "a", NULL, "b");
    add(&m, "TopK", "b", NULL, "c");
    add(&m, "TopK", "c", NULL, "y");
    refuse_made(&m, "operators that are not known: NonMaxSuppression (1), TopK (2)");
    begin(&m);
    add(&m, "Add", "x", "b", "a");
    add(&m, "Relu", "a", NULL, "b");
    add(&m, "Relu", "b", NULL, "y");
    refuse_made(&m, "node \"a\" (Add): reads \"b\", which nothing before it makes");
    begin(&m);
    add(&m, "Relu", "x", NULL, "y");
    add(&m, "Relu", "x", NULL, "y");
    refuse_made(&m, "\"y\" is made twice");
    begin(&m);
    add(&m, "Relu", "x", NULL, "z");
    refuse_made(&m, "output \"y\" is made by nothing");
    begin(&m);
    m.opset.version = 5;
    add(&m, "Relu", "x", NULL, "y");
    refuse_made(&m, "opset 5");
    begin(&m);
    m.dim[1].dim_value = 0;
    add(&m, "Relu", "x", NULL, "y");
    refuse_made(&m, "a dimension of 0");
    begin(&m);
    m.dim[1].dim_value = INT64_MAX;
    add(&m, "Relu", "x", NULL, "y");
    refuse_made(&m, "a dimension of");
    begin(&m);
    add(&m, "Add", "x", "w", "y");
    weigh(&m, 1, (int64_t[]){ 3 }, sizeof two, two);
    refuse_made(&m, "tensor \"w\" has not the 3 numbers of its shape");
    begin(&m);
    add(&m, "Add", "x", "w", "y");
    weigh(&m, 3, (int64_t[]){ 4194305, 4194305, 211106198978564 }, sizeof two, two);
    refuse_made(&m, "tensor \"w\" has a shape of too many numbers");
    begin(&m);
    add(&m, "Add", "x", "w", "y");
    weigh(&m, 2, (int64_t[]){ -1, -2 }, sizeof two, two);
    refuse_made(&m, "tensor \"w\" has a shape of too many numbers");
    begin(&m);
    add(&m, "Reshape", "x", "x", "y");
    refuse_made(&m, "depends on the picture");
}

static void broken_bytes_are_refused(void **state)
{
    uint8_t deep[512], empty[1] = { 0 };
    size_t size, at = sizeof deep;
    struct made m;
    uint8_t *bytes;

    (void)state;
    refuse(empty, 0, "empty");
    refuse((const uint8_t *)"hello, world", 12, "no ONNX file");
    begin(&m);
    add(&m, "Relu", "x", NULL, "y");
    bytes = pack(&m, &size);
    for (size_t n = 1; n < size; n++) {
        struct err err = { 0 };
        struct nn_onnx_file *f = nn_onnx_parse(bytes, n, &err);

        assert_true(f || *err.msg);
        nn_onnx_close(f);
    }
    free(bytes);
    /* Graphs in attributes of nodes of graphs in ..., from the inside out. */
    for (int i = 0; at > 16 && i < 60; i++) {
        static const int tags[] = { 0x32, 0x2a, 0x0a };         /* g, attribute, node */
        size_t length = sizeof deep - at;

        if (length > 127) {
            deep[--at] = (uint8_t)(length >> 7);
            deep[--at] = (uint8_t)(length & 127) | 128;
        } else {
            deep[--at] = (uint8_t)length;
        }
        deep[--at] = (uint8_t)tags[i % 3];
    }
    {
        size_t length = sizeof deep - at;

        deep[--at] = (uint8_t)(length >> 7);
        deep[--at] = (uint8_t)(length & 127) | 128;
        deep[--at] = 0x3a;      /* the model's graph */
    }
    refuse(deep + at, sizeof deep - at, "more than 32 deep");
}

/* ---- numbers in other files ------------------------------------------------------------------ */

#define SUM "0123456789abcdef0123456789abcdef01234567"

struct beside {
    char folder[256], path[512];
    Onnx__StringStringEntryProto entry[3], *entries[3];
};

static void write_file(const char *path, const void *data, size_t bytes)
{
    struct err err = { 0 };

    assert_true(file_replace(path, data, bytes, &err));
}

/* x + w, with w elsewhere; NULL and *err, or the net. */
static struct nn_onnx_net *open_beside(struct beside *b, const char *location, const char *offset,
                                       bool allowed, struct err *err)
{
    const char *pairs[3][2] = { { "location", location }, { "offset", offset }, { "length", "8" } };
    struct nn_onnx_in_options in = { .classifier = false };
    struct made m;
    size_t size;
    uint8_t *bytes;
    struct nn_onnx_file *f;
    struct nn_onnx_net *net;
    int64_t dims[1] = { 2 };

    begin(&m);
    add(&m, "Add", "x", "w", "y");
    weigh(&m, 1, dims, 0, NULL);
    m.weight.has_raw_data = false;
    m.weight.has_data_location = true;
    m.weight.data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    for (int i = 0; i < 3; i++) {
        onnx__string_string_entry_proto__init(&b->entry[i]);
        b->entry[i].key = (char *)(uintptr_t)pairs[i][0];
        b->entry[i].value = (char *)(uintptr_t)pairs[i][1];
        b->entries[i] = &b->entry[i];
    }
    m.weight.n_external_data = 3;
    m.weight.external_data = b->entries;
    bytes = pack(&m, &size);
    write_file(b->path, bytes, size);
    free(bytes);
    f = nn_onnx_open(b->path, allowed, err);
    net = f ? nn_onnx_in(f, &in, err) : NULL;
    nn_onnx_close(f);
    return net;
}

static void refuse_beside(struct beside *b, const char *location, const char *offset, bool allowed,
                          const char *words)
{
    struct err err = { 0 };
    struct nn_onnx_net *net = open_beside(b, location, offset, allowed, &err);

    if (net)
        fail_msg("%s was read", location);
    if (!strstr(err.msg, words) || !strstr(err.msg, b->path))
        fail_msg("%s: \"%s\" is not in: %s", location, words, err.msg);
}

static void other_files_are_read_below_the_folder_alone(void **state)
{
    struct beside b = { .folder = "/tmp/onnx_in.XXXXXX" };
    float w[4] = { 9, 9, 5, 7 };
    char path[600], other[600];
    struct err err = { 0 };
    struct nn_onnx_net *net;

    (void)state;
    assert_non_null(mkdtemp(b.folder));
    snprintf(b.path, sizeof b.path, "%s/net.onnx", b.folder);
    snprintf(path, sizeof path, "%s/sub", b.folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/sub/w.bin", b.folder);
    write_file(path, w, sizeof w);
    net = open_beside(&b, "sub/w.bin", "8", true, &err);
    if (!net)
        fail_msg("%s", err.msg);
    assert_int_equal(net->params->n, 1);
    assert_true(net->params->value[0] == 5 && net->params->value[1] == 7);
    nn_onnx_net_free(net);
    refuse_beside(&b, "sub/w.bin", "8", false, "--allow-external-data");
    refuse_beside(&b, "sub/w.bin", "12", true, "do not lie in");
    refuse_beside(&b, "sub/w.bin", "-1", true, "is no number");
    refuse_beside(&b, "sub/w.bin", "99999999999999999999", true, "is no number");
    refuse_beside(&b, "sub/../sub/w.bin", "0", true, "\"..\"");
    refuse_beside(&b, "../w.bin", "0", true, "\"..\"");
    refuse_beside(&b, "/etc/hostname", "0", true, "no name below the folder");
    refuse_beside(&b, "", "0", true, "no name below the folder");
    refuse_beside(&b, "sub", "0", true, "no plain file");
    snprintf(other, sizeof other, "%s/link", b.folder);
    assert_int_equal(symlink("sub", other), 0);
    refuse_beside(&b, "link/w.bin", "0", true, "links are not followed");
    unlink(other);
    assert_int_equal(symlink("sub/w.bin", other), 0);
    refuse_beside(&b, "link", "0", true, "links are not followed");
    unlink(other);
    assert_int_equal(link(path, other), 0);
    refuse_beside(&b, "link", "0", true, "no plain file with one name");
    unlink(other);
    assert_int_equal(symlink("../../blobs/" SUM, other), 0);
    refuse_beside(&b, "link", "0", true, "links are not followed");
    unlink(other);
    unlink(path);
    unlink(b.path);
    snprintf(path, sizeof path, "%s/sub", b.folder);
    rmdir(path);
    rmdir(b.folder);
}

/* cache/blobs/SUM and cache/snapshots/one/net.onnx, beside which w.bin leads to the blob. */
static void blobs_of_a_cache_are_read(void **state)
{
    static const char *const folders[] = { "", "/blobs", "/snapshots", "/snapshots/one" };
    static const char *const bad[] = { "../../blobs/../" SUM, "../../blobs/" SUM "0", "../" SUM,
                                       "../../other/" SUM, "../blobs/" SUM, "/blobs/" SUM,
                                       "../../blobs/link" };
    struct beside b = { .folder = "/tmp/onnx_in.XXXXXX" };
    char path[4][600], blob[700], name[700], other[700];
    float w[2] = { 5, 7 };
    struct err err = { 0 };
    struct nn_onnx_net *net;
    struct arena *mem = arena_new();
    const char **names;
    int n;

    (void)state;
    assert_non_null(mkdtemp(b.folder));
    for (int i = 0; i < 4; i++) {
        snprintf(path[i], sizeof path[i], "%s%s", b.folder, folders[i]);
        assert_true(!i || !mkdir(path[i], 0700));
    }
    snprintf(b.path, sizeof b.path, "%.500s/net.onnx", path[3]);
    snprintf(blob, sizeof blob, "%s/" SUM, path[1]);
    snprintf(name, sizeof name, "%s/w.bin", path[3]);
    write_file(blob, w, sizeof w);
    assert_int_equal(symlink("../../blobs/" SUM, name), 0);
    net = open_beside(&b, "w.bin", "0", true, &err);
    if (!net)
        fail_msg("%s", err.msg);
    assert_true(net->params->value[0] == 5 && net->params->value[1] == 7);
    nn_onnx_net_free(net);
    assert_true(nn_onnx_beside(b.path, mem, &names, &n, &err));
    assert_int_equal(n, 1);
    assert_string_equal(names[0], "w.bin");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unlink(name);
        assert_int_equal(symlink(bad[i], name), 0);
        refuse_beside(&b, "w.bin", "0", true, "links are not followed");
    }
    /* neither the blob nor its folder may be a link in turn */
    unlink(name);
    assert_int_equal(symlink("../../blobs/" SUM, name), 0);
    snprintf(other, sizeof other, "%s/real", path[0]);
    assert_int_equal(rename(blob, other), 0);
    refuse_beside(&b, "w.bin", "0", true, "\"w.bin\", a link to a blob that is missing");
    assert_int_equal(symlink("../real", blob), 0);
    refuse_beside(&b, "w.bin", "0", true, "links are not followed");
    unlink(blob);
    unlink(other);
    unlink(name);
    unlink(b.path);
    for (int i = 4; i--;)
        rmdir(path[i]);
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(what_was_read_is_planned_as_the_net),
        cmocka_unit_test(windows_before_their_layer_are_one_attention),
        cmocka_unit_test(rows_are_computed_where_they_lie),
        cmocka_unit_test(softmax_at_the_end_is_known),
        cmocka_unit_test(beginnings_are_joined_once),
        cmocka_unit_test(pictures_with_depth_are_convolved_and_pooled),
        cmocka_unit_test(deep_filters_make_short_names),
        cmocka_unit_test(wrong_graphs_are_refused),
        cmocka_unit_test(broken_bytes_are_refused),
        cmocka_unit_test(other_files_are_read_below_the_folder_alone),
        cmocka_unit_test(blobs_of_a_cache_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
