/*
 * onnx: the written bytes, unpacked again by protobuf-c, say what the graph says
 *
 * That they compute the same is shown by test_onnx_check and, with ONNX Runtime, by tests/interop.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/str.h"
#include "nn/io/onnx.h"

#include "onnx.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE "image = input shape=8x6x3\n"

static const char net[] =
    IMAGE
    "c1 = conv2d image channels=4 size=3x5 stride=2x1 pad=1x2x1x2 bias=true\n"
    "b1 = batchnorm c1 epsilon=0.001\n"
    "r1 = relu6 b1\n"
    "c2 = conv2d r1 channels=4 size=3 pad=2 dilation=2 groups=4\n"
    "s = add r1 c2\n"
    "a = avgpool s size=2 stride=2 whole=true\n"
    "m = maxpool s size=2 stride=2\n"
    "j = concat a m\n"
    "d = dropout j rate=0.5\n"
    "f = flatten d\n"
    "fc = linear f width=5 bias=true\n"
    "p = softmax fc\n"
    "output y = p\n";

struct written {
    struct nn_graph *graph;
    struct nn_params *params;
    uint8_t *bytes;
    size_t size;
    Onnx__ModelProto *model;
};

static bool pack(struct written *w, const struct nn_onnx_options *opt, struct err *err)
{
    free(w->bytes);
    if (w->model)
        onnx__model_proto__free_unpacked(w->model, NULL);
    w->model = NULL;
    w->bytes = nn_onnx_pack(w->graph, w->params, opt, &w->size, err);
    if (!w->bytes)
        return false;
    w->model = onnx__model_proto__unpack(NULL, w->size, w->bytes);
    assert_non_null(w->model);
    return true;
}

static bool try_write(const char *text, bool dynamic, struct written *w, struct err *err)
{
    static const char *const meta[][2] = { { "labels", "cat\ndog" }, { "discern.prep", "{}" } };
    struct nn_onnx_options opt = { .input = "image",
                                   .output = "probability",
                                   .opset = 13,
                                   .batch = dynamic ? 0 : 1,
                                   .n_meta = 2,
                                   .meta = meta };

    *w = (struct written){ .graph = nn_graph_read(text, strlen(text), 0, NULL, err) };
    if (!w->graph)
        fail_msg("%s", err->msg);
    w->params = nn_params_new(w->graph, false, err);
    assert_non_null(w->params);
    for (int64_t i = 0; i < w->params->total; i++)
        w->params->value[i] = (real)i / 8;
    opt.node = nn_graph_find_output(w->graph, "y");
    assert_true(opt.node >= 0);
    return pack(w, &opt, err);
}

static void drop(struct written *w)
{
    onnx__model_proto__free_unpacked(w->model, NULL);
    free(w->bytes);
    nn_params_free(w->params);
    nn_graph_free(w->graph);
}

static struct written write_text(const char *text, bool dynamic)
{
    struct written w;
    struct err err = { 0 };

    if (!try_write(text, dynamic, &w, &err))
        fail_msg("%s", err.msg);
    return w;
}

static const Onnx__NodeProto *find_node(const struct written *w, const char *name)
{
    for (size_t i = 0; i < w->model->graph->n_node; i++)
        if (!strcmp(w->model->graph->node[i]->name, name))
            return w->model->graph->node[i];
    fail_msg("no node %s", name);
    return NULL;
}

static const Onnx__TensorProto *find_tensor(const struct written *w, const char *name)
{
    for (size_t i = 0; i < w->model->graph->n_initializer; i++)
        if (!strcmp(w->model->graph->initializer[i]->name, name))
            return w->model->graph->initializer[i];
    fail_msg("no initializer %s", name);
    return NULL;
}

/* "kernel_shape=3,5 group=4": the attributes in the file's order. */
static void expect_attributes(const struct written *w, const char *name, const char *want)
{
    const Onnx__NodeProto *n = find_node(w, name);
    struct str s = { 0 };

    for (size_t i = 0; i < n->n_attribute; i++) {
        const Onnx__AttributeProto *a = n->attribute[i];

        str_printf(&s, "%s%s=", i ? " " : "", a->name);
        if (a->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT)
            str_printf(&s, "%lld", (long long)a->i);
        else if (a->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT)
            str_printf(&s, "%g", a->f);
        for (size_t k = 0; k < a->n_ints; k++)
            str_printf(&s, "%s%lld", k ? "," : "", (long long)a->ints[k]);
    }
    assert_string_equal(str_text(&s), want);
    str_release(&s);
}

static void expect_operators(const char *text, const char *want)
{
    struct written w = write_text(text, false);
    struct str s = { 0 };

    for (size_t i = 0; i < w.model->graph->n_node; i++)
        str_printf(&s, "%s%s", i ? " " : "", w.model->graph->node[i]->op_type);
    assert_string_equal(str_text(&s), want);
    str_release(&s);
    drop(&w);
}

static void expect_dims(const Onnx__ValueInfoProto *v, const char *name, const char *want)
{
    const Onnx__TensorShapeProto *shape = v->type->tensor_type->shape;
    struct str s = { 0 };

    assert_string_equal(v->name, name);
    assert_int_equal(v->type->tensor_type->elem_type, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    for (size_t i = 0; i < shape->n_dim; i++) {
        str_printf(&s, i ? "x" : "");
        if (shape->dim[i]->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM)
            str_add(&s, shape->dim[i]->dim_param);
        else
            str_printf(&s, "%lld", (long long)shape->dim[i]->dim_value);
    }
    assert_string_equal(str_text(&s), want);
    str_release(&s);
}

static void the_file_says_what_it_is(void **state)
{
    struct written w = write_text(net, false);

    (void)state;
    assert_int_equal(w.model->ir_version, 7);
    assert_int_equal(w.model->n_opset_import, 1);
    assert_int_equal(w.model->opset_import[0]->version, 13);
    assert_string_equal(w.model->opset_import[0]->domain, "");
    assert_string_equal(w.model->producer_name, "discern");
    assert_int_equal(w.model->n_metadata_props, 2);
    assert_string_equal(w.model->metadata_props[0]->key, "labels");
    assert_string_equal(w.model->metadata_props[0]->value, "cat\ndog");
    assert_int_equal(w.model->graph->n_input, 1);
    assert_int_equal(w.model->graph->n_output, 1);
    drop(&w);
}

static void pictures_are_nchw(void **state)
{
    struct written w = write_text(net, false),
                   picture = write_text(IMAGE "r = relu image\noutput y = r\n", true);

    (void)state;
    expect_dims(w.model->graph->input[0], "image", "1x3x8x6");
    expect_dims(w.model->graph->output[0], "probability", "1x5");
    expect_dims(picture.model->graph->input[0], "image", "Nx3x8x6");
    expect_dims(picture.model->graph->output[0], "probability", "Nx3x8x6");
    drop(&w);
    drop(&picture);
}

static void versions_go_together(void **state)
{
    static const int ir[] = { 7, 7, 8, 8, 8 };

    (void)state;
    for (int opset = NN_ONNX_OPSET_MIN; opset <= NN_ONNX_OPSET_MAX; opset++) {
        struct nn_onnx_options opt = { .input = "image", .output = "y", .opset = opset };
        struct written w = write_text(IMAGE "r = relu image\noutput y = r\n", true);
        struct err err = { 0 };

        opt.node = nn_graph_find_output(w.graph, "y");
        assert_true(pack(&w, &opt, &err));
        assert_int_equal(w.model->opset_import[0]->version, opset);
        assert_int_equal(w.model->ir_version, ir[opset - NN_ONNX_OPSET_MIN]);
        drop(&w);
    }
}

static void the_input_is_as_asked(void **state)
{
    static const float row[3] = { 1, 2, 3 };
    struct nn_onnx_options opt = { .input = "picture", .output = "r", .opset = 13, .batch = 4,
                                   .nhwc = true, .scale = row, .shift = row };
    struct written w = write_text(IMAGE "r = relu image\noutput y = r\n", true);
    struct str s = { 0 };
    struct err err = { 0 };

    (void)state;
    opt.node = nn_graph_find_output(w.graph, "y");
    assert_true(pack(&w, &opt, &err));
    assert_int_equal(w.model->graph->input[0]->type->tensor_type->elem_type,
                     ONNX__TENSOR_PROTO__DATA_TYPE__UINT8);
    w.model->graph->input[0]->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    expect_dims(w.model->graph->input[0], "picture", "4x8x6x3");
    expect_dims(w.model->graph->output[0], "r", "4x3x8x6");
    for (size_t i = 0; i < w.model->graph->n_node; i++)
        str_printf(&s, "%s ", w.model->graph->node[i]->op_type);
    assert_string_equal(str_text(&s), "Cast Transpose Mul Add Relu ");
    str_release(&s);
    drop(&w);

    w = write_text("image = input shape=5\nr = relu image\noutput y = r\n", true);
    assert_false(pack(&w, &opt, &err));
    assert_non_null(strstr(err.msg, "no picture"));
    drop(&w);
}

static void attributes_and_names_are_onnxs(void **state)
{
    struct written w = write_text(net, false);
    const Onnx__NodeProto *conv = find_node(&w, "c1"), *bn = find_node(&w, "b1"),
                          *clip = find_node(&w, "r1");

    (void)state;
    assert_string_equal(conv->op_type, "Conv");
    assert_int_equal(conv->n_input, 3);
    assert_string_equal(conv->input[0], "image");
    assert_string_equal(conv->input[1], "c1.weight");
    assert_string_equal(conv->input[2], "c1.bias");
    assert_int_equal(conv->n_output, 1);
    assert_string_equal(conv->output[0], "c1");
    expect_attributes(&w, "c1", "kernel_shape=3,5 strides=2,1 dilations=1,1 pads=1,2,1,2 group=1");
    expect_attributes(&w, "c2", "kernel_shape=3,3 strides=1,1 dilations=2,2 pads=2,2,2,2 group=4");
    expect_attributes(&w, "b1", "epsilon=0.001");
    assert_int_equal(bn->n_input, 5);
    assert_string_equal(bn->input[3], "b1.running_mean");
    assert_string_equal(bn->input[4], "b1.running_var");
    expect_attributes(&w, "a", "kernel_shape=2,2 strides=2,2 pads=0,0,0,0 count_include_pad=1");
    expect_attributes(&w, "m", "kernel_shape=2,2 strides=2,2 pads=0,0,0,0");
    expect_attributes(&w, "j", "axis=1");
    expect_attributes(&w, "f", "axis=1");
    expect_attributes(&w, "fc", "transB=1");
    expect_attributes(&w, "probability", "axis=-1");
    assert_string_equal(clip->op_type, "Clip");
    assert_int_equal(clip->n_input, 3);
    assert_int_equal(find_tensor(&w, clip->input[1])->n_dims, 0);
    assert_int_equal(find_tensor(&w, clip->input[2])->raw_data.len, 4);
    assert_memory_equal(find_tensor(&w, clip->input[2])->raw_data.data, (&(float){ 6 }), 4);
    drop(&w);
}

/* As expected of its stored values: memory order m of the entry lies at place k of the file. */
static void expect_stored(const struct written *w, const char *name, const Onnx__TensorProto *t,
                          int64_t k, int64_t m)
{
    int entry = w->params->entry[nn_graph_find(w->graph, name)];
    float want = (float)(w->params->value[w->params->offset[entry] + m]), is;

    memcpy(&is, t->raw_data.data + 4 * k, 4);
    assert_true(is == want);
}

static void weights_lie_as_onnx_wants_them(void **state)
{
    struct written w = write_text(net, false);
    const Onnx__TensorProto *conv = find_tensor(&w, "c1.weight"),
                            *fc = find_tensor(&w, "fc.weight");
    int64_t in = 3 * 2 * 8;     /* linear's inputs: the picture is 2x3 with 8 channels by then */

    (void)state;
    assert_int_equal(conv->n_dims, 4);
    assert_int_equal(
        conv->dims[0] * 1000 + conv->dims[1] * 100 + conv->dims[2] * 10 + conv->dims[3], 4335);
    assert_int_equal(conv->raw_data.len, 4 * 3 * 3 * 5 * 4);
    for (int o = 0; o < 4; o++)
        for (int c = 0; c < 3; c++)
            for (int r = 0; r < 3; r++)
                for (int s = 0; s < 5; s++)
                    expect_stored(&w, "c1.weight", conv, ((o * 3 + c) * 3 + r) * 5 + s,
                                  ((r * 5 + s) * 3 + c) * 4 + o);
    assert_int_equal(fc->n_dims, 2);
    assert_int_equal(fc->dims[0], 5);
    assert_int_equal(fc->dims[1], in);
    for (int o = 0; o < 5; o++)
        for (int64_t i = 0; i < in; i++)
            expect_stored(&w, "fc.weight", fc, o * in + i, i * 5 + o);
    drop(&w);
}

/* A weight that stands in the graph by itself keeps its order there; in files it has Gemm's. */
static void shared_weights_of_another_order_are_turned(void **state)
{
    struct written w =
        write_text("image = input shape=3\nw = param shape=3x3\na = linear image w width=3\n"
                   "b = linear a w width=3\noutput y = b\n",
                   false);
    const Onnx__TensorProto *t = find_tensor(&w, find_node(&w, "a")->input[1]);

    (void)state;
    for (int o = 0; o < 3; o++)
        for (int i = 0; i < 3; i++)
            expect_stored(&w, "w", t, o * 3 + i, i * 3 + o);
    drop(&w);
    w = write_text(
        "image = input shape=3\nw = param shape=3x3 perm=1x0\na = linear image w width=3\n"
        "b = linear a w width=3\noutput y = b\n",
        false);
    assert_int_equal(w.model->graph->n_initializer, 1);
    drop(&w);
}

static void the_order_of_numbers_is_kept(void **state)
{
    (void)state;
    expect_operators(IMAGE "f = flatten image\noutput y = f\n", "Transpose Flatten");
    expect_operators("image = input shape=1x1x3\nf = flatten image\noutput y = f\n", "Flatten");
    expect_operators("image = input shape=5\nf = flatten image\noutput y = f\n", "Flatten");
    expect_operators(IMAGE "f = reshape image shape=6x8x3\noutput y = f\n",
                     "Transpose Reshape Transpose");
    expect_operators("image = input shape=24\nf = reshape image shape=2x12\noutput y = f\n",
                     "Reshape");
    expect_operators(IMAGE "f = meanpool image\noutput y = f\n", "GlobalAveragePool Flatten");
    expect_operators(IMAGE "f = dropout image rate=0.5\noutput y = f\n", "Identity");
    expect_operators(IMAGE "output y = image\n", "Identity");
}

static void axes_follow_the_picture(void **state)
{
    static const char *const want[] = { NULL, "axis=2", "axis=3", "axis=1" };
    char text[200];

    (void)state;
    for (int axis = 1; axis < 4; axis++) {
        struct written w;

        snprintf(text, sizeof text,
                 IMAGE "c = concat image image axis=%d\ns = softmax c\noutput y = c\n", axis);
        w = write_text(text, false);
        expect_attributes(&w, "probability", want[axis]);
        drop(&w);
    }
}

/* OpenCV 5.0 makes a hard-swish of a HardSigmoid and a product, whatever that is with. */
static void a_hard_gate_is_no_hardswish(void **state)
{
    (void)state;
    expect_operators("x = input shape=4x4x3\nm = meanpool x\nr = reshape m shape=1x1x3\n"
                     "h = math r kind=hardsigmoid a=0.2 b=0.5\ny = gate x h\noutput y = y\n",
                     "GlobalAveragePool Flatten Reshape Transpose HardSigmoid Identity Mul");
    expect_operators("x = input shape=4x4x3\ny = hardswish x\noutput y = y\n", "HardSigmoid Mul");
}

static void what_the_output_does_not_need_is_left_out(void **state)
{
    (void)state;
    expect_operators(
        IMAGE
        "r = relu image\nm = meanpool r\nfc = linear m width=4\noutput y = r\noutput z = fc\n",
        "Relu");
}

/* Every name is made once and before it is read, whatever ours are. */
static void names_are_defined_once_and_before_use(void **state)
{
    static const char *const texts[] = {
        net,
        "picture = input shape=8x6x3\nprobability = relu picture\nimage = relu6 probability\n"
        "relu6_1 = relu6 image\nimage_1 = meanpool relu6_1\noutput y = image_1\n",
        IMAGE "min_1 = relu6 image\nmax_2 = relu6 min_1\nmin_3 = relu6 max_2\noutput y = min_3\n",
        IMAGE
        "f = flatten image\ng = reshape f shape=8x6x3\nh = flatten g\na = add f h\noutput y = a\n",
    };

    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        struct written w = write_text(texts[k], false);
        const Onnx__GraphProto *g = w.model->graph;
        const char *known[100];
        int n = 0;

        known[n++] = g->input[0]->name;
        for (size_t i = 0; i < g->n_initializer; i++)
            known[n++] = g->initializer[i]->name;
        for (size_t i = 0; i < g->n_node; i++) {
            for (size_t j = 0; j < g->node[i]->n_input; j++) {
                int at = 0;

                while (at < n && strcmp(known[at], g->node[i]->input[j]))
                    at++;
                assert_true(at < n);
            }
            known[n++] = g->node[i]->output[0];
            assert_true(n < 100);
        }
        for (int i = 0; i < n; i++)
            for (int j = 0; j < i; j++)
                assert_string_not_equal(known[i], known[j]);
        assert_string_equal(known[0], "image");
        assert_string_equal(g->output[0]->name, known[n - 1]);
        drop(&w);
    }
}

static void the_same_graph_gives_the_same_bytes(void **state)
{
    struct written a = write_text(net, true), b = write_text(net, true);

    (void)state;
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.bytes, b.bytes, a.size);
    drop(&a);
    drop(&b);
}

static void what_onnx_cannot_say_is_refused_in_words(void **state)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        { "image = input shape=3\nt = input shape=3\nl = xent image t\noutput y = l\n",
          "second input" },
        { "image = input shape=3\nl = xent image image\noutput y = l\n",
          "xent has no form in ONNX" },
        { "image = input shape=3\nw = param shape=3\noutput y = w\n",
          "does not depend on an input" },
        { "image = input shape=3\nw = param shape=3x3\nv = relu w\na = linear image v "
          "width=3\noutput y = a\n",
          "a weight that is computed" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = { 0 };
        struct written w;

        assert_false(try_write(bad[i].text, false, &w, &err));
        assert_int_equal(err.kind, ERR_UNSUPPORTED);
        if (!strstr(err.msg, bad[i].words))
            fail_msg("\"%s\" lacks \"%s\"", err.msg, bad[i].words);
        drop(&w);
    }
}

/* No operator is forgotten: each has a form in ONNX, or is a leaf or a loss. */
static void every_operator_has_a_form(void **state)
{
    (void)state;
    for (int i = 0; i < nn_op_count(); i++) {
        const struct nn_op *op = nn_op_at(i);

        if (op->flags & (NN_OP_LEAF | NN_OP_LOSS))
            assert_true(!op->onnx && !op->onnx_write);
        else if (!op->onnx && !op->onnx_write)
            fail_msg("%s has no form in ONNX", op->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_says_what_it_is),
        cmocka_unit_test(pictures_are_nchw),
        cmocka_unit_test(versions_go_together),
        cmocka_unit_test(the_input_is_as_asked),
        cmocka_unit_test(attributes_and_names_are_onnxs),
        cmocka_unit_test(weights_lie_as_onnx_wants_them),
        cmocka_unit_test(shared_weights_of_another_order_are_turned),
        cmocka_unit_test(the_order_of_numbers_is_kept),
        cmocka_unit_test(axes_follow_the_picture),
        cmocka_unit_test(a_hard_gate_is_no_hardswish),
        cmocka_unit_test(what_the_output_does_not_need_is_left_out),
        cmocka_unit_test(names_are_defined_once_and_before_use),
        cmocka_unit_test(the_same_graph_gives_the_same_bytes),
        cmocka_unit_test(what_onnx_cannot_say_is_refused_in_words),
        cmocka_unit_test(every_operator_has_a_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
