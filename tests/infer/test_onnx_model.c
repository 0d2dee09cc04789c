/*
 * test_onnx_model -- what stands in an ONNX file beside the network: preparation, kinds of numbers
 */
#include "infer/calibration.h"
#include "infer/export/onnx.h"
#include "infer/foreign/onnx_model.h"
#include "tests/infer/tiny.h"

#include "onnx.pb-c.h"

#include <math.h>

static struct made_folder folder;

static int set_up(void **state)
{
    (void)state;
    made_open(&folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    made_close(&folder);
    return 0;
}

/* What becomes of our own export before it is read again. */
struct change {
    int type;                   /* of the input; 0: as it is */
    const char *key[2], *value[2];      /* metadata instead of ours */
    bool nan;                   /* the first weight is none */
    int64_t side;               /* of the input; 0: as it is */
};

static void spoil(Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_initializer; i++) {
        Onnx__TensorProto *t = g->initializer[i];

        if (t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT && t->raw_data.len >= 4) {
            memcpy(t->raw_data.data, &(float){ NAN }, 4);
            return;
        }
    }
    fail_msg("no weights");
}

static void write_net(const struct change *c)
{
    struct infer_model *m = tiny_model(DATA_SINGLE, 3);
    struct infer_export_options o;
    struct err err = { 0 };
    size_t size;
    uint8_t *bytes;
    Onnx__ModelProto *net;
    Onnx__TypeProto__Tensor *in;

    field_defaults(infer_export_fields, &o);
    bytes = infer_onnx_bytes(m, &o, &size, &err);
    assert_non_null(bytes);
    net = onnx__model_proto__unpack(NULL, size, bytes);
    assert_non_null(net);
    in = net->graph->input[0]->type->tensor_type;
    if (c->type)
        in->elem_type = c->type;
    for (size_t d = 2; c->side && d < 4; d++)
        in->shape->dim[d]->dim_value = c->side;
    if (c->nan)
        spoil(net->graph);
    assert_true(net->n_metadata_props >= 2);
    for (size_t i = 0; i < net->n_metadata_props; i++) {
        char **key = &net->metadata_props[i]->key, **value = &net->metadata_props[i]->value;

        free(*key);
        free(*value);
        *key = strdup(i < 2 && c->key[i] ? c->key[i] : "nothing");
        *value = strdup(i < 2 && c->key[i] ? c->value[i] : "");
    }
    free(bytes);
    size = onnx__model_proto__get_packed_size(net);
    bytes = malloc(size);
    assert_non_null(bytes);
    onnx__model_proto__pack(net, bytes);
    assert_true(file_replace(made_path(&folder, "net.onnx"), bytes, size, &err));
    free(bytes);
    onnx__model_proto__free_unpacked(net, NULL);
    infer_model_free(m);
}

static struct infer_model *import(const struct change *c, const struct infer_onnx_options *o,
                                  struct err *err)
{
    struct str told = { 0 };
    struct infer_model *m;

    write_net(c);
    m = infer_onnx_model(made_path(&folder, "net.onnx"), o, &told, err);
    str_release(&told);
    return m;
}

/* Beside the file or, of a folder called onnx, above it: what neither options nor metadata say. */
static void settings_of_hugging_face_count(void **state)
{
    static const struct {
        const char *path;
        size_t above;
    } paths[] = { { "a/onnx/m.onnx", 2 }, { "onnx/m.onnx", 0 }, { "/onnx/m.onnx", 1 },
                  { "a/fonnx/m.onnx", 8 }, { "m.onnx", 0 }, { "onnx/b/m.onnx", 7 } };
    static const struct infer_onnx_options plain = { .size = 0 },
        unit = { .normalize = INFER_NORMALIZE_UNIT };
    const struct change said = { .key = { "mean", "std" },
                                 .value = { "[0.1,0.1,0.1]", "[1,1,1]" } };
    struct err err = { 0 };
    struct infer_model *m;

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(infer_onnx_above(paths[i].path), paths[i].above);
    made_text(&folder, "preprocessor_config.json", "{\"image_mean\":[0.5,0.5,0.5],"
              "\"image_std\":[0.25,0.25,0.25],\"resample\":3,\"size\":32}");
    made_text(&folder, "config.json",
              "{\"id2label\":{\"0\":\"ant\",\"1\":\"bee\",\"2\":\"cow\",\"3\":\"dog\"}}");
    m = import(&(const struct change){ .nan = false }, &plain, &err);
    if (!m)
        fail_msg("%s", err.msg);
    assert_true(fabs(m->prep.mean[1] - 0.5) < 1e-12 && fabs(m->prep.std[1] - 0.25) < 1e-12);
    assert_int_equal(m->prep.filter, DATA_BICUBIC);
    assert_int_equal(m->prep.resize, DATA_SQUASH);
    assert_string_equal(m->label[2], "cow");
    infer_model_free(m);
    m = import(&said, &plain, &err);
    assert_true(m && fabs(m->prep.mean[1] - 0.1) < 1e-12);
    infer_model_free(m);
    m = import(&(const struct change){ .nan = false }, &unit, &err);
    assert_true(m && m->prep.mean[1] == 0);
    infer_model_free(m);
    made_text(&folder, "config.json", "{\"id2label\":{\"0\":\"ant\",\"1\":\"bee\"}}");
    assert_null(import(&(const struct change){ .nan = false }, &plain, &err));
    assert_non_null(strstr(err.msg, "config.json has 2 names, the network answers with 4"));
}

static void mean_and_deviation_are_of_one_scale(void **state)
{
    static const struct {
        const char *mean, *std;
        double is[2];
    } known[] = {
        { "[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225]", { 0.456, 0.224 } },
        { "[103.94, 116.78, 123.68]", "[1, 1, 1]", { 116.78 / 255, 1 / 255.0 } },
        { "[127.5, 127.5, 127.5]", "[127.5, 127.5, 127.5]", { 0.5, 0.5 } },
        { "[0, 0, 0]", "[255, 255, 255]", { 0, 1 } },
        { "[0, 0, 0]", "[1, 1, 1]", { 0, 1 } },
    };
    static const struct infer_onnx_options plain = { .size = 0 };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct change c = { .key = { "mean", "std" },
                                  .value = { known[i].mean, known[i].std } };
        struct err err = { 0 };
        struct infer_model *m = import(&c, &plain, &err);

        if (!m)
            fail_msg("%s", err.msg);
        assert_true(fabs(m->prep.mean[1] - known[i].is[0]) < 1e-9);
        assert_true(fabs(m->prep.std[1] - known[i].is[1]) < 1e-9);
        infer_model_free(m);
    }
}

static void refused(const struct change *c, const struct infer_onnx_options *o, enum err_kind kind,
                    const char *why)
{
    struct err err = { 0 };

    assert_null(import(c, o, &err));
    assert_int_equal(err.kind, kind);
    if (!strstr(err.msg, why) || !strstr(err.msg, "net.onnx: "))
        fail_msg("%s", err.msg);
}

static void inputs_that_pixels_cannot_be_are_refused(void **state)
{
    static const struct infer_onnx_options plain = { .size = 0 },
        unit = { .normalize = INFER_NORMALIZE_UNIT }, other = { .size = 64 };

    (void)state;
    refused(&(struct change){ .type = ONNX__TENSOR_PROTO__DATA_TYPE__INT8 }, &plain,
            ERR_UNSUPPORTED, "takes int8, truth or text");
    refused(&(struct change){ .type = ONNX__TENSOR_PROTO__DATA_TYPE__INT32 }, &unit, ERR_USAGE,
            "--normalize unit makes fractions");
    refused(&(struct change){ .side = 5000 }, &plain, ERR_UNSUPPORTED, "pictures of 5000x5000; ");
    refused(&(struct change){ .side = 0 }, &other, ERR_INPUT, "of 12x12, not of --size 64");
}

static void weights_that_are_no_numbers_are_refused(void **state)
{
    static const struct infer_onnx_options plain = { .size = 0 };

    (void)state;
    refused(&(struct change){ .nan = true }, &plain, ERR_INPUT, "is not finite");
}

/* The graph has the temperature; what else a calibration says comes back. */
static void a_calibration_comes_back(void **state)
{
    static const struct infer_onnx_options plain = { .size = 0 };
    static const double threshold[TINY_LABELS] = { 0.1, 0.2, 0.3, 0.4 };

    (void)state;
    for (int way = 0; way < 2; way++) {
        struct infer_model *m = tiny_model(DATA_SINGLE, 3), *back;
        struct infer_calibration c = infer_calibration_none();
        struct infer_export_options o;
        struct str told = { 0 };
        struct err err = { 0 };
        uint8_t *bytes;
        size_t size;

        c.temperature = 0.5;
        c.threshold = threshold;
        c.goal = INFER_GOAL_PRECISION;
        c.goal_at = 0.9;
        c.band[0] = 0.25;
        c.band[1] = 0.75;
        c.unknown = way ? INFER_UNKNOWN_ENERGY : INFER_UNKNOWN_CONFIDENCE;
        c.unknown_at = 0.125;
        c.pictures = 100;
        assert_true(infer_model_calibrate(m, &c, &err));
        field_defaults(infer_export_fields, &o);
        bytes = infer_onnx_bytes(m, &o, &size, &err);
        assert_non_null(bytes);
        assert_true(file_replace(made_path(&folder, "net.onnx"), bytes, size, &err));
        back = infer_onnx_model(made_path(&folder, "net.onnx"), &plain, &told, &err);
        if (!back)
            fail_msg("%s", err.msg);
        assert_non_null(back->calibration);
        assert_true(back->calibration->temperature == 1 && !back->calibration->scale);
        assert_memory_equal(back->calibration->threshold, threshold, sizeof threshold);
        assert_int_equal(back->calibration->goal, INFER_GOAL_PRECISION);
        assert_true(back->calibration->band[0] == 0.25 && back->calibration->band[1] == 0.75);
        assert_int_equal(back->calibration->pictures, 100);
        assert_int_equal(back->calibration->unknown, way ? INFER_UNKNOWN_NONE
                                                         : INFER_UNKNOWN_CONFIDENCE);
        assert_int_equal(!!strstr(str_text(&told), "what it calls unknown was left out"), way);
        str_release(&told);
        free(bytes);
        infer_model_free(m);
        infer_model_free(back);
    }
    refused(&(struct change){ .key = { "discern.calibration" }, .value = { "{\"goal\":1}" } },
            &plain, ERR_INPUT, "metadata \"discern.calibration\"");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(settings_of_hugging_face_count),
        TEST(mean_and_deviation_are_of_one_scale),
        TEST(inputs_that_pixels_cannot_be_are_refused),
        TEST(a_calibration_comes_back),
        TEST(weights_that_are_no_numbers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
