/*
 * onnx_check: files computed as ONNX says answer as our operators do, and wrong files do not
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/exec.h"
#include "nn/io/onnx.h"
#include "nn/io/onnx_check.h"
#include "nn/kernel/cpu.h"

#include "onnx.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE "image = input shape=9x8x6\n"
enum { N = 2, PICTURE = 9 * 8 * 6, MOST = 1 << 14 };

/* Every operator with a form in ONNX, attributes away from their defaults; "x" is the output. */
static const char *const texts[] = {
    "x = conv2d image channels=8 size=3x2 stride=2x1 pad=1x2x0x1 dilation=1x2 bias=true",
    "x = conv2d image channels=12 size=3 pad=1 groups=6",
    "x = conv2d image channels=4 size=1 stride=3",
    "x = conv2d image channels=4 size=5 pad=4 dilation=2 groups=2",
    "x = batchnorm image epsilon=0.01",
    "m = meanpool image\nx = batchnorm m",
    "x = groupnorm image groups=3 epsilon=0.001",
    "m = meanpool image\nx = groupnorm m groups=2",
    "x = layernorm image epsilon=0.001",
    "m = meanpool image\nx = layernorm m",
    "x = maxpool image size=3x2 stride=2 pad=1x0x2x1",
    "x = avgpool image size=3x2 stride=2 pad=1x0x2x1",
    "x = avgpool image size=3 stride=1x2 pad=1 whole=true",
    "x = relu image",
    "x = relu6 image",
    "x = leakyrelu image slope=0.2",
    "x = sigmoid image",
    "x = silu image",
    "x = tanh image",
    "x = gelu image",
    "x = gelu image approximate=tanh",
    "x = hardswish image",
    "a = relu image\nx = add a image",
    "a = relu image\nx = mul image a",
    "a = relu image\nx = concat a image a axis=1",
    "m = meanpool image\nr = reshape m shape=1x1x-1\nx = gate image r",
    "x = pad image axis=3 before=1 after=2 value=0.5",
    "x = pad image axis=1 before=2",
    "t = reshape image shape=72x6\nx = attention t heads=2",
    "t = reshape image shape=12x36\nx = embed t tokens=2",
    "t = reshape image shape=12x36\nx = linear t width=5 bias=true",
    "x = linear image width=5 bias=true",
    "a = relu image\nx = concat image a axis=2",
    "a = relu image\nx = concat image a",
    "x = scale image first=0.5",
    "m = meanpool image\nx = scale m first=0.5",
    "x = softmax image",
    "m = meanpool image\nx = softmax m",
    "x = flatten image",
    "x = reshape image shape=12x6x6",
    "x = reshape image shape=18x24",
    "f = flatten image\nx = reshape f shape=4x9x12",
    "x = meanpool image",
    "f = flatten image\nx = linear f width=7 bias=true",
    "f = flatten image\nx = linear f width=3",
    "x = transpose image perm=3x1x2",
    "r = reshape image shape=12x36\nx = transpose r perm=2x1",
    "x = slice image axis=2 start=6 step=-2 count=3",
    "x = slice image axis=3 start=1 count=4",
    "x = pad image axis=1 before=2 after=3 mode=reflect",
    "x = pad image axis=2 before=1 value=0.5",
    "x = pad image axis=3 after=2 mode=edge",
    "m = meanpool image\nr = reshape m shape=1x6\nx = expand r shape=4x6",
    "w = param shape=1x6\nx = expand w image shape=3x6",
    "w = param shape=3x6\nx = expand w image shape=2x3x6",
    "t = const shape=3\nx = gather image t axis=2",
    "w = param shape=6x5\nr = reshape image shape=72x6\nx = matmul r w",
    "r = reshape image shape=4x12x9\nx = matmul r r turned=true",
    "r = reshape image shape=18x24\nt = transpose r perm=2x1\nx = matmul r t",
    "x = reduce image kind=sum axes=1x3",
    "x = reduce image kind=mean axes=1x2 keep=true",
    "x = reduce image kind=max axes=3x0",
    "x = reduce image kind=min axes=2x0 keep=true",
    "r = reshape image shape=144x3\nx = reduce r kind=prod axes=2x0",
    "x = reduce image kind=argmax axes=3x0",
    "x = reduce image kind=argmin axes=1x0 last=true",
    "x = resize image axis=1 size=18 place=asymmetric round=floor",
    "x = resize image axis=2 size=4 mode=linear",
    "x = resize image axis=2 size=16 mode=linear place=align_corners",
    "x = lrn image size=3 alpha=0.5 bias=2",
    "k = const shape=8x6\nc = arith image k kind=less\nx = where c image k",
    "w = param shape=6\nx = arith image w kind=sub",
    "w = param shape=9x1x6\nx = arith w image kind=div",
    "a = relu image\nx = arith image a kind=max",
    "w = param shape=6\nx = arith image w kind=prelu",
    "x = math image a=2 b=-1",
    "x = math image kind=exp",
    "m = math image kind=erf\nx = math m kind=neg",
    "x = math image kind=clip a=-1 b=0.5",
};

struct file {
    struct nn_graph *graph;
    struct nn_params *params;
    struct nn_onnx_options opt;
    uint8_t *bytes;
    size_t size;
    float image[N * PICTURE];           /* NHWC */
};

static struct file file_of(const char *text, bool nhwc, int batch)
{
    struct file f = { .opt = { .input = "image", .output = "y", .opset = 13, .nhwc = nhwc,
                               .batch = batch } };
    struct err err = { 0 };
    char all[512];

    snprintf(all, sizeof all, IMAGE "%s\noutput x = x\n", text);
    f.graph = nn_graph_read(all, strlen(all), 0, NULL, &err);
    if (!f.graph)
        fail_msg("%s", err.msg);
    f.params = nn_params_new(f.graph, false, &err);
    assert_non_null(f.params);
    for (int64_t i = 0; i < f.params->total; i++)       /* positive: some are variances */
        f.params->value[i] = (real)(0.2 + 0.8 * rng_f32(1, rng_stream(RNG_TEST, 0), (uint64_t)i));
    for (uint64_t i = 0; i < N * PICTURE; i++)
        f.image[i] = 8 * rng_f32(1, rng_stream(RNG_TEST, 1), i) - 4;
    f.opt.node = nn_graph_find_output(f.graph, "x");
    f.bytes = nn_onnx_pack(f.graph, f.params, &f.opt, &f.size, &err);
    if (!f.bytes)
        fail_msg("%s", err.msg);
    return f;
}

static void drop(struct file *f)
{
    nn_params_free(f->params);
    nn_graph_free(f->graph);
    free(f->bytes);
}

/* y = x with pictures [h,w,c] turned into [c,h,w]. */
static void turn(int64_t h, int64_t w, int64_t c, const float *x, float *y)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t i = 0; i < h * w * c; i++)
            y[n * h * w * c + i % c * h * w + i / c] = x[n * h * w * c + i];
}

/* What our operators answer, in the file's order; returns how many numbers. */
static int64_t ours(const struct file *f, float *out)
{
    struct err err = { 0 };
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = N,
                                   .kernels = nn_kernels_get("ref", &err) };
    struct nn_plan *plan = nn_plan_new(f->graph, &opt, &err);
    struct nn_exec *e = plan ? nn_exec_new(plan, f->params, NULL, &err) : NULL;
    static float flat[MOST];
    struct tensor y;
    int64_t n;
    real *in;

    assert_non_null(e);
    in = nn_exec_input(e, "image").data;
    for (int i = 0; i < N * PICTURE; i++)
        in[i] = f->image[i];
    nn_exec_forward(e);
    y = nn_exec_output(e, "x");
    n = shape_count(&y.shape);
    assert_true(n <= MOST);
    for (int64_t i = 0; i < n; i++)
        flat[i] = (float)((const real *)y.data)[i];
    if (y.shape.rank == 4)
        turn(y.shape.dim[1], y.shape.dim[2], y.shape.dim[3], flat, out);
    else
        memcpy(out, flat, (size_t)n * sizeof *out);
    nn_exec_free(e);
    nn_plan_free(plan);
    return n;
}

static bool theirs(const struct file *f, int64_t n, float *out, struct err *err)
{
    static float image[N * PICTURE];
    struct shape nchw = { 4, { N, 6, 9, 8 } }, nhwc = { 4, { N, 9, 8, 6 } };
    struct nn_onnx_asked asked = { "y", out, n };

    turn(9, 8, 6, f->image, image);
    return nn_onnx_compute(f->bytes, f->size, DTYPE_F32, f->opt.nhwc ? &nhwc : &nchw,
                           f->opt.nhwc ? f->image : image, 1, &asked, err);
}

static double difference(const struct file *f)
{
    static float a[MOST], b[MOST];
    struct err err = { 0 };
    int64_t n = ours(f, a);
    double most = 0;

    if (!theirs(f, n, b, &err))
        fail_msg("%s", err.msg);
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - b[i]) / fmax(1, fabs((double)a[i]));

        most = isnan(d) ? INFINITY : fmax(most, d);
    }
    return most;
}

static void every_operator_answers_as_ours(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int way = 0; way < 4; way++) {
            struct file f = file_of(texts[i], way & 1, way & 2 ? N : 0);
            double d = difference(&f);

            if (!(d < 1e-5))
                fail_msg("%s: differs by %g", texts[i], d);
            drop(&f);
        }
}

static void no_operator_is_left_out(void **state)
{
    (void)state;
    for (int i = 0; i < nn_op_count(); i++) {
        const struct nn_op *op = nn_op_at(i);
        char word[64];
        bool seen = op->flags & (NN_OP_LEAF | NN_OP_LOSS | NN_OP_TRAIN_ONLY) ||
                    op == &nn_op_standardize;           /* is folded before */

        snprintf(word, sizeof word, "= %s ", op->name);
        for (size_t k = 0; !seen && k < sizeof texts / sizeof *texts; k++)
            seen = strstr(texts[k], word);
        if (!seen)
            fail_msg("%s is in none of the texts", op->name);
    }
}

/* A file's model, changed by hand and packed again. */
static void repack(struct file *f, Onnx__ModelProto *model)
{
    free(f->bytes);
    f->size = onnx__model_proto__get_packed_size(model);
    f->bytes = malloc(f->size);
    assert_non_null(f->bytes);
    onnx__model_proto__pack(model, f->bytes);
    onnx__model_proto__free_unpacked(model, NULL);
}

static Onnx__ModelProto *unpack(const struct file *f)
{
    Onnx__ModelProto *m = onnx__model_proto__unpack(NULL, f->size, f->bytes);

    assert_non_null(m);
    return m;
}

static void a_changed_weight_changes_the_answer(void **state)
{
    struct file f = file_of(texts[0], false, 0);
    Onnx__ModelProto *m = unpack(&f);
    float w;

    (void)state;
    assert_true(difference(&f) < 1e-5);
    memcpy(&w, m->graph->initializer[0]->raw_data.data, sizeof w);
    w = -w;
    memcpy(m->graph->initializer[0]->raw_data.data, &w, sizeof w);
    repack(&f, m);
    assert_true(difference(&f) > 1e-3);
    drop(&f);
}

static void a_changed_attribute_changes_the_answer(void **state)
{
    struct file f = file_of("x = leakyrelu image slope=0.2", false, 0);
    Onnx__ModelProto *m = unpack(&f);

    (void)state;
    m->graph->node[0]->attribute[0]->f = 0.21f;
    repack(&f, m);
    assert_true(difference(&f) > 1e-3);
    drop(&f);
}

static void expect_refused(struct file *f, Onnx__ModelProto *m, const char *words)
{
    static float out[MOST];
    struct err err = { 0 };

    repack(f, m);
    assert_false(theirs(f, ours(f, out), out, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    if (!strstr(err.msg, words))
        fail_msg("\"%s\" lacks \"%s\"", err.msg, words);
    drop(f);
}

static void set(char **at, const char *text)
{
    free(*at);
    *at = strdup(text);
    assert_non_null(*at);
}

static void what_is_not_as_written_is_refused_in_words(void **state)
{
    struct file f = file_of(texts[0], false, 0);
    Onnx__ModelProto *m = unpack(&f);

    (void)state;
    set(&m->graph->node[0]->op_type, "ConvTranspose");
    expect_refused(&f, m, "node \"y\": the operator \"ConvTranspose\" is not written here");

    f = file_of(texts[0], false, 0);
    m = unpack(&f);
    set(&m->graph->node[0]->attribute[0]->name, "auto_pad");
    expect_refused(&f, m, "Conv with \"auto_pad\"");

    f = file_of(texts[0], false, 0);
    m = unpack(&f);
    set(&m->graph->node[0]->input[1], "elsewhere");
    expect_refused(&f, m, "reads \"elsewhere\", which is not there");

    f = file_of(texts[0], false, 0);
    m = unpack(&f);
    m->graph->initializer[0]->dims[0]++;
    expect_refused(&f, m, "not as many bytes as numbers");

    f = file_of(texts[0], false, 0);
    m = unpack(&f);
    m->graph->initializer[0]->dims[0] = 0;      /* no bytes for so many numbers as one likes */
    m->graph->initializer[0]->dims[1] = m->graph->initializer[0]->dims[2] = INT64_MAX;
    m->graph->initializer[0]->raw_data.len = 0;
    expect_refused(&f, m, "not as many bytes as numbers");

    f = file_of(texts[0], false, 0);
    m = unpack(&f);
    set(&m->graph->node[0]->output[0], "z");
    expect_refused(&f, m, "has no \"y\"");

    f = file_of(texts[0], false, 0);
    m = unpack(&f);
    m->graph->input[0]->type->tensor_type->shape->dim[3]->dim_value = 7;
    expect_refused(&f, m, "its input \"image\" is another");

    f = file_of("a = relu image\nx = concat a image", false, 0);
    m = unpack(&f);
    m->graph->node[1]->attribute[0]->i = 9;
    expect_refused(&f, m, "Concat of these shapes or attributes");
}

/* Bytes of any kind are refused or computed, never more than that. */
static void broken_bytes_do_no_harm(void **state)
{
    struct file f = file_of(texts[0], false, 0);
    static float out[MOST];
    int64_t n = ours(&f, out);

    (void)state;
    for (size_t i = 0; i < f.size; i++) {
        struct err err = { 0 };
        uint8_t was = f.bytes[i];

        f.bytes[i] ^= (uint8_t)(1 << i % 8);
        if (!theirs(&f, n, out, &err))
            assert_true(err.kind == ERR_INPUT || err.kind == ERR_MEMORY);
        f.bytes[i] = was;
    }
    for (size_t i = 0; i < f.size; i += 7) {
        struct file cut = f;
        struct err err = { 0 };

        cut.size = i;
        assert_false(theirs(&cut, n, out, &err));
    }
    drop(&f);
}

static void pixels_are_normalised_inside(void **state)
{
    static const float scale[6] = { 0.01f, 0.02f, 0.03f, 0.04f, 0.05f, 0.06f };
    static const float shift[6] = { -1, 0, 1, 2, 3, 4 };
    struct file f = file_of("x = relu image", false, 0);
    static float want[N * PICTURE], got[N * PICTURE];
    static uint8_t pixel[N * PICTURE];
    struct nn_onnx_asked asked = { "y", got, N * PICTURE };
    struct err err = { 0 };

    (void)state;
    for (uint64_t i = 0; i < N * PICTURE; i++) {
        pixel[i] = (uint8_t)rng_below(1, rng_stream(RNG_TEST, 2), i, 256);
        f.image[i] = (float)pixel[i] * scale[i % 6] + shift[i % 6];
    }
    ours(&f, want);
    f.opt.scale = scale;
    f.opt.shift = shift;
    f.opt.nhwc = true;
    free(f.bytes);
    f.bytes = nn_onnx_pack(f.graph, f.params, &f.opt, &f.size, &err);
    assert_non_null(f.bytes);
    if (!nn_onnx_compute(f.bytes, f.size, DTYPE_U8, &(struct shape){ 4, { N, 9, 8, 6 } }, pixel, 1,
                         &asked, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; i < N * PICTURE; i++)
        assert_true(fabsf(want[i] - got[i]) < 1e-5f);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_answers_as_ours),
        cmocka_unit_test(no_operator_is_left_out),
        cmocka_unit_test(a_changed_weight_changes_the_answer),
        cmocka_unit_test(a_changed_attribute_changes_the_answer),
        cmocka_unit_test(what_is_not_as_written_is_refused_in_words),
        cmocka_unit_test(broken_bytes_do_no_harm),
        cmocka_unit_test(pixels_are_normalised_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
