/* export: what is written answers as the model does, and what does not is found before it is
 * written */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/export/onnx.h"
#include "infer/export/proof.h"
#include "infer/calibration.h"
#include "nn/base/file.h"
#include "nn/model/model.h"

#include "onnx.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 16, LABELS = 4 };

static const char *const labels[LABELS] = { "ant", "bee", "it's", "cat" };

/* A network with random weights, batch-norms away from nothing. */
static struct infer_model *model_of(const char *arch, enum data_task task, enum data_color color)
{
    struct err err = { 0 };
    const struct nn_model *design = nn_model_find(arch, &err);
    struct nn_model_args args = { .height = SIDE, .width = SIDE, .labels = LABELS,
                                  .channels = color == DATA_GREY ? 1 : 3 };
    struct nn_graph *g = nn_model_build(design, &args, &err);
    struct nn_params *p = nn_params_new(g, false, &err);
    struct infer_model *m;
    struct data_prep prep;

    assert_non_null(p);
    nn_params_init(p, g, 1);
    for (int e = 0; e < p->n; e++)
        for (int64_t i = 0; !p->trained[e] && i < p->count[e]; i++)
            p->value[p->offset[e] + i] +=
                0.2f * rng_f32(2, rng_stream(RNG_TEST, (uint32_t)e), (uint64_t)i);
    field_defaults(data_prep_fields, &prep);
    prep.size[0] = prep.size[1] = SIDE;
    prep.color = color;
    m = infer_model_new(g, p, &prep, task, LABELS, labels, arch, &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static struct infer_export_options options_of(void)
{
    struct infer_export_options o;

    field_defaults(infer_export_fields, &o);
    return o;
}

static void every_way_of_writing_answers_as_the_model(void **state)
{
    static const enum data_task tasks[] = { DATA_SINGLE, DATA_MULTI };

    (void)state;
    for (int way = 0; way < 16; way++) {
        struct infer_model *m = model_of("resnet_small", tasks[(way ^ way >> 2) & 1],
                                         (way >> 1 ^ way >> 3) & 1 ? DATA_GREY : DATA_RGB);
        struct infer_export_options o = options_of();
        struct str report = { 0 };
        struct err err = { 0 };
        uint8_t *bytes;
        size_t size;

        o.logits = way & 1;
        o.uint8 = way & 2;
        o.layout = way & 4 ? INFER_EXPORT_NHWC : INFER_EXPORT_NCHW;
        o.dynamic_batch = way & 8;
        o.batch = o.dynamic_batch ? 1 : 3;
        bytes = infer_onnx_bytes(m, &o, &size, &err);
        if (!bytes || !infer_onnx_verify(m, &o, bytes, size, &report, &err))
            fail_msg("way %d: %s", way, err.msg);
        assert_non_null(strstr(str_text(&report), "differ by at most"));
        str_release(&report);
        free(bytes);
        infer_model_free(m);
    }
}

/* One number of every weight and bias in turn is changed as a broken bit changes it. */
static void a_wrong_weight_is_found(void **state)
{
    struct infer_model *m = model_of("resnet_small", DATA_SINGLE, DATA_RGB);
    struct infer_export_options o = options_of();
    struct err err = { 0 };
    size_t size, n;
    uint8_t *bytes = infer_onnx_bytes(m, &o, &size, &err);
    Onnx__ModelProto *file;

    (void)state;
    assert_non_null(bytes);
    file = onnx__model_proto__unpack(NULL, size, bytes);
    assert_non_null(file);
    n = file->graph->n_initializer;
    assert_true(n > 12);
    for (size_t i = 0; i < n; i++) {
        ProtobufCBinaryData *raw = &file->graph->initializer[i]->raw_data;
        struct str report = { 0 };
        float was, is;

        if (file->graph->initializer[i]->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
            continue;
        memcpy(&was, raw->data, sizeof was);
        is = was == 0 ? 1 : was * 256;
        memcpy(raw->data, &is, sizeof is);
        onnx__model_proto__pack(file, bytes);
        memset(&err, 0, sizeof err);
        if (infer_onnx_verify(m, &o, bytes, size, &report, &err))
            fail_msg("%s[0] = %g in place of %g: not found%s", file->graph->initializer[i]->name,
                     is, was, str_text(&report));
        assert_int_equal(err.kind, ERR_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "would answer otherwise"));
        memcpy(raw->data, &was, sizeof was);
        str_release(&report);
    }
    onnx__model_proto__free_unpacked(file, NULL);
    free(bytes);
    infer_model_free(m);
}

/* A file may have as many outputs as a graph holds: then there is no room for "probability". */
static void a_graph_without_room_for_its_answer_is_refused(void **state)
{
    struct infer_model *m = model_of("resnet_small", DATA_SINGLE, DATA_RGB);
    struct infer_export_options o = options_of();
    struct err err = { 0 };
    size_t size;

    (void)state;
    for (int i = m->graph->n_output; i < NN_MAX_OUTPUTS; i++) {
        char name[16];

        snprintf(name, sizeof name, "more%d", i);
        assert_true(nn_graph_output(m->graph, name, m->graph->n - 1, &err));
    }
    assert_null(infer_onnx_bytes(m, &o, &size, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    infer_model_free(m);
}

static void options_that_contradict_are_refused(void **state)
{
    struct infer_model *m = model_of("resnet_small", DATA_SINGLE, DATA_RGB);
    struct infer_export_options o = options_of();
    struct err err = { 0 };
    size_t size;

    (void)state;
    o.batch = 4;
    o.dynamic_batch = true;
    assert_null(infer_onnx_bytes(m, &o, &size, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    o = options_of();
    o.input_name = "probability";
    assert_null(infer_onnx_bytes(m, &o, &size, &err));
    o = options_of();
    o.output_name = "";
    assert_null(infer_onnx_bytes(m, &o, &size, &err));
    infer_model_free(m);
}

/* A temperature makes answers milder, in the file as in the model, and is left out by --raw. */
static void calibration_is_in_the_file(void **state)
{
    struct infer_model *m = model_of("resnet_small", DATA_SINGLE, DATA_RGB);
    struct infer_calibration c = infer_calibration_none();
    static const double scale[LABELS] = { 1, 2, 3, 4 }, shift[LABELS] = { 4, 3, 2, 1 };

    (void)state;
    for (int way = 0; way < 8; way++) {
        struct infer_export_options o = options_of(), raw = options_of();
        struct str report = { 0 };
        struct err err = { 0 };
        size_t size, size_raw;
        uint8_t *bytes, *bytes_raw;

        c.temperature = 0.1;
        c.scale = way & 1 ? scale : NULL;
        c.shift = way & 1 ? shift : NULL;
        m->calibration = &c;
        o.logits = raw.logits = way & 2;
        o.uint8 = raw.uint8 = way & 4;
        raw.raw = true;
        bytes = infer_onnx_bytes(m, &o, &size, &err);
        bytes_raw = infer_onnx_bytes(m, &raw, &size_raw, &err);
        assert_non_null(bytes);
        assert_non_null(bytes_raw);
        if (!infer_onnx_verify(m, &o, bytes, size, &report, &err) ||
            !infer_onnx_verify(m, &raw, bytes_raw, size_raw, &report, &err))
            fail_msg("way %d: %s", way, err.msg);
        assert_false(infer_onnx_verify(m, &o, bytes_raw, size_raw, &report, &err));
        assert_non_null(memmem(bytes, size, "discern.calibration", 19));
        assert_null(memmem(bytes_raw, size_raw, "discern.calibration", 19));
        free(bytes);
        free(bytes_raw);
        str_release(&report);
    }
    m->calibration = NULL;
    infer_model_free(m);
}

static char *card_of(const struct infer_model *m)
{
    struct infer_export_options o = options_of();
    struct str report = { 0 };
    struct err err = { 0 };
    char path[64], *text;
    size_t size;

    snprintf(path, sizeof path, "/tmp/discern-test-card-%ld", (long)getpid());
    if (!infer_export_card.write(m, &o, path, &report, &err))
        fail_msg("%s", err.msg);
    text = (char *)file_read(path, 1 << 20, &size, &err);
    assert_non_null(text);
    unlink(path);
    str_release(&report);
    return text;
}

static void expect_in(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("\"%s\" is not in:\n%s", words, text);
}

static void a_card_tells_what_is_known_and_nothing_else(void **state)
{
    struct infer_model *m = model_of("resnet_small", DATA_SINGLE, DATA_RGB);
    struct infer_calibration c = infer_calibration_none();
    static const double threshold[LABELS] = { 0.25, 0.5, 0.75, 1 };
    char *text;

    (void)state;
    m->label[1] = "a|b <i>*x*</i>\nz";
    text = card_of(m);
    expect_in(text, "# Image classifier of 4 labels");
    expect_in(text, "| 1 | a\\|b \\<i\\>\\*x\\*\\</i\\> z |\n");
    expect_in(text, "The file holds none.");
    expect_in(text, "None was fitted");
    expect_in(text, "the file does not say");
    expect_in(text, "none of these");
    free(text);
    m->provenance = "{\"figures\": {\"pictures\": 100, \"accuracy\": 0.9, \"ece\": null}, "
                    "\"data\": {\"train\": 70, \"fingerprint\": \"abc\"}, \"loss\": 0.5}";
    c.temperature = 1.5;
    c.threshold = threshold;
    c.pictures = 80;
    c.band[0] = 0.5;
    c.band[1] = 0.9;
    c.unknown = INFER_UNKNOWN_CONFIDENCE;
    m->calibration = &c;
    text = card_of(m);
    expect_in(text, "| accuracy | 0.9 (0.826 to 0.945) |");
    expect_in(text, "Of 100 pictures");
    expect_in(text, "- data: train 70, fingerprint abc\n");
    expect_in(text, "temperature 1.5");
    expect_in(text, "| 2 | it's | 0.750 |");
    expect_in(text, "- hi: confidence from 0.900");
    expect_in(text, "called unknown: confidence");
    assert_null(strstr(text, "ece"));
    assert_null(strstr(text, "none of these"));
    free(text);
    m->calibration = NULL;
    infer_model_free(m);
}

/* Names that the network has already, and such as it has not. */
static void names_are_free(void **state)
{
    static const char *const names[][2] = { { "fc", "probability" }, { "image", "fc" },
                                            { "fc.weight", "fc.bias" }, { "Eingabe 1", "q/p" } };
    struct infer_model *m = model_of("resnet_small", DATA_SINGLE, DATA_RGB);

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct infer_export_options o = options_of();
        struct str report = { 0 };
        struct err err = { 0 };
        uint8_t *bytes;
        size_t size;

        o.input_name = names[i][0];
        o.output_name = names[i][1];
        bytes = infer_onnx_bytes(m, &o, &size, &err);
        if (!bytes || !infer_onnx_verify(m, &o, bytes, size, &report, &err))
            fail_msg("%s -> %s: %s", names[i][0], names[i][1], err.msg);
        str_release(&report);
        free(bytes);
    }
    infer_model_free(m);
}

static void a_proof_holds_to_its_bounds(void **state)
{
    float logits[4] = { 3, 0, -20, 1 }, p[4] = { 0.5f, 0.5f, NAN, 0 };
    struct infer_proof q = { .n = 2, .n_labels = 2, .logits = logits, .probability = p };
    float same_l[4], same_p[4];
    struct str report = { 0 };
    struct err err = { 0 };

    (void)state;
    memcpy(same_l, logits, sizeof logits);
    memcpy(same_p, p, sizeof p);
    assert_true(infer_proof_hold(&q, same_l, same_p, &report, &err));
    same_p[0] += 0.9e-4f;
    same_l[2] += 19e-3f;        /* in parts of 20 */
    assert_true(infer_proof_hold(&q, same_l, same_p, &report, &err));
    same_l[1] += 4e-3f;         /* in parts of 3 */
    assert_false(infer_proof_hold(&q, same_l, same_p, &report, &err));
    same_l[1] = logits[1];
    same_p[0] = 0.5f + 1.1e-4f;
    assert_false(infer_proof_hold(&q, same_l, same_p, &report, &err));
    assert_true(infer_proof_hold(&q, same_l, NULL, &report, &err));
    assert_false(infer_proof_hold(&q, NULL, same_p, &report, &err));
    same_p[0] = p[0];
    same_p[3] = NAN;            /* on one side alone */
    assert_false(infer_proof_hold(&q, NULL, same_p, &report, &err));
    str_release(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_of_writing_answers_as_the_model),
        cmocka_unit_test(a_wrong_weight_is_found),
        cmocka_unit_test(a_graph_without_room_for_its_answer_is_refused),
        cmocka_unit_test(options_that_contradict_are_refused),
        cmocka_unit_test(calibration_is_in_the_file),
        cmocka_unit_test(a_card_tells_what_is_known_and_nothing_else),
        cmocka_unit_test(names_are_free),
        cmocka_unit_test(a_proof_holds_to_its_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
