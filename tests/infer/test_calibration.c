/* calibration: what is stored is what was fitted, and what is applied is what is stored */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/model.h"
#include "infer/predict.h"
#include "nn/base/file.h"
#include "nn/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LABELS = 3, PICTURES = 4, PIXELS = 4 * 4 * 3 };

static const char dense[] = "image = input shape=4x4x3\n"
                            "f = flatten image\n"
                            "fc = linear f width=3 bias=true\n"
                            "output logits = fc\n";

static struct infer_model *make_model(const char *text, enum data_task task, int n_labels)
{
    static const char *const labels[] = { "ant", "bee", "cat" };
    const struct data_prep prep = {
        .size = { 4, 4 }, .crop = 1, .mean = { 0.5, 0.5, 0.5 }, .std = { 0.25, 0.25, 0.25 },
    };
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);
    struct nn_params *p = g ? nn_params_new(g, false, &err) : NULL;
    const char *label[PIXELS];
    char name[PIXELS][16];
    struct infer_model *m;

    assert_non_null(p);
    nn_params_init(p, g, 3);
    for (int l = 0; l < n_labels; l++) {
        snprintf(name[l], sizeof name[l], "l%d", l);
        label[l] = l < 3 ? labels[l] : name[l];
    }
    m = infer_model_new(g, p, &prep, task, n_labels, label, "tiny", &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static const double scale[] = { 0.75, 1.0 / 3, 2 }, shift[] = { -0.1, 0, 1e-3 },
                    threshold[] = { 0.5, 0.123456789, 1 };

static struct infer_calibration full(void)
{
    struct infer_calibration c = infer_calibration_none();

    c.temperature = 1.0 / 7;
    c.scale = scale;
    c.shift = shift;
    c.threshold = threshold;
    c.goal = INFER_GOAL_PRECISION;
    c.goal_at = 0.9;
    c.band[0] = 0.6;
    c.band[1] = 0.95;
    c.band_stated[0] = 0.8;
    c.band_stated[1] = 0.95;
    c.band_right[0] = 0.3;
    c.band_right[2] = 0.97;
    c.band_pictures[1] = 12;
    c.unknown = INFER_UNKNOWN_ENERGY;
    c.unknown_at = -3.25e-5;
    c.unknown_false = 0.05;
    c.unknown_foreign = 100;
    c.unknown_caught = 0.7;
    c.pictures = 580;
    c.log_loss[0] = 0.5287;
    c.ece[1] = 0.01;
    return c;
}

static const char *scratch(const char *name)
{
    static char path[96];

    snprintf(path, sizeof path, "/tmp/discern-test-calibration-%ld-%s", (long)getpid(), name);
    return path;
}

static void what_is_written_reads_back_bit_for_bit(void **state)
{
    struct infer_model *m = make_model(dense, DATA_SINGLE, LABELS), *again;
    const struct infer_calibration c = full(), *r;
    struct err err = { 0 };
    char *text, *text2;

    (void)state;
    assert_true(infer_model_calibrate(m, &c, &err));
    assert_true(infer_model_write(m, scratch("kept"), NULL, &err));
    again = infer_model_open(scratch("kept"), &err);
    if (!again)
        fail_msg("%s", err.msg);
    r = again->calibration;
    assert_non_null(r);
    assert_true(r->temperature == c.temperature && r->unknown_at == c.unknown_at);
    assert_memory_equal(r->scale, scale, sizeof scale);
    assert_memory_equal(r->shift, shift, sizeof shift);
    assert_memory_equal(r->threshold, threshold, sizeof threshold);
    text = infer_calibration_text(&c, LABELS);
    text2 = infer_calibration_text(r, LABELS);
    assert_string_equal(text, text2);           /* and all the rest */
    assert_non_null(strstr(text, "\"goal\":\"precision\""));
    assert_non_null(strstr(text, "\"unknown\":\"energy\""));
    free(text);
    free(text2);
    assert_true(infer_model_calibrate(again, NULL, &err));
    assert_null(again->calibration);
    infer_model_free(again);
    infer_model_free(m);
    unlink(scratch("kept"));
}

static void hostile_values_are_refused_in_words(void **state)
{
    static const struct {
        const char *json, *say;
    } bad[] = {
        { "[1]", "object" },
        { "{\"temperature\":1", "line 1" },
        { "{}", "temperature" },
        { "{\"temperature\":0}", "temperature" },
        { "{\"temperature\":-1}", "temperature" },
        { "{\"temperature\":1e999}", "line 1" },
        { "{\"temperature\":\"1\"}", "temperature" },
        { "{\"temperature\":1,\"temperature\":2}", "line 1" },
        { "{\"temperature\":1,\"temprature\":2}", "did you mean" },
        { "{\"temperature\":1,\"scale\":[1,1,1]}", "one of them" },
        { "{\"temperature\":1,\"scale\":[1,1],\"shift\":[0,0,0]}", "list of 3" },
        { "{\"temperature\":1,\"scale\":[1,0,1],\"shift\":[0,0,0]}", "label 1" },
        { "{\"temperature\":1,\"scale\":[1,1,1],\"shift\":[0,0,1e7]}", "label 2" },
        { "{\"temperature\":1,\"scale\":{},\"shift\":[0,0,0]}", "list of 3" },
        { "{\"temperature\":1,\"threshold\":[0.5,null,0.5]}", "label 1" },
        { "{\"temperature\":1,\"threshold\":[0.5,1.5,0.5]}", "label 1" },
        { "{\"temperature\":1,\"goal\":\"f1\"}", "threshold" },
        { "{\"temperature\":1,\"goal\":\"f2\",\"threshold\":[0,0,0]}", "goal" },
        { "{\"temperature\":1,\"band\":[0.9,0.5]}", "band" },
        { "{\"temperature\":1,\"band\":[0.9,0.95,1]}", "band" },
        { "{\"temperature\":1,\"unknown\":\"maybe\"}", "unknown" },
        { "{\"temperature\":1,\"unknown_at\":null}", "unknown_at" },
        { "{\"temperature\":1,\"ece\":[0,2]}", "ece" },
        { "{\"temperature\":1,\"pictures\":1.5}", "pictures" },
    };
    struct arena *mem = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = { 0 };

        if (infer_calibration_parse(bad[i].json, LABELS, mem, &err))
            fail_msg("%s was taken", bad[i].json);
        assert_int_equal(err.kind, ERR_INPUT);
        if (!strstr(err.msg, bad[i].say))
            fail_msg("%s: \"%s\" does not say \"%s\"", bad[i].json, err.msg, bad[i].say);
    }
    arena_free(mem);
}

/* A file with such a record names it and its path. */
static void a_damaged_record_names_the_file(void **state)
{
    struct infer_model *m = make_model(dense, DATA_SINGLE, LABELS);
    struct infer_calibration c = full();
    struct err err = { 0 };

    (void)state;
    c.temperature = NAN;                        /* written as null */
    assert_true(infer_model_calibrate(m, &c, &err));
    assert_true(infer_model_write(m, scratch("nan"), NULL, &err));
    assert_null(infer_model_open(scratch("nan"), &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, scratch("nan")));
    assert_non_null(strstr(err.msg, "discern.calibration: temperature"));
    infer_model_free(m);
    unlink(scratch("nan"));
}

/* Probabilities and logits of made-up pictures. */
static void ask(const struct infer_model *m, const struct infer_calibration *c, float *p, float *z)
{
    struct err err = { 0 };
    struct infer_predictor *q =
        infer_predictor_new(m->graph, m->params, m->task, c, PICTURES, 2, NULL, &err);
    float image[PICTURES * PIXELS];

    if (!q)
        fail_msg("%s", err.msg);
    for (uint64_t i = 0; i < PICTURES * PIXELS; i++)
        image[i] = 4 * rng_f32(5, rng_stream(RNG_TEST, 0), i) - 2;
    infer_predict(q, PICTURES, image, p);
    infer_predictor_logits(q, PICTURES, z);
    infer_predictor_free(q);
}

static double softmax_of(const double *u, int l)
{
    double sum = 0;

    for (int k = 0; k < LABELS; k++)
        sum += exp(u[k] - u[l]);
    return 1 / sum;
}

static void answers_are_of_the_calibrated_logits(void **state)
{
    float raw[PICTURES * LABELS], z[PICTURES * LABELS], p[PICTURES * LABELS],
        z2[PICTURES * LABELS];
    struct infer_calibration c = full();

    (void)state;
    for (int how = 0; how < 4; how++) {
        enum data_task task = how & 1 ? DATA_MULTI : DATA_SINGLE;
        struct infer_model *m = make_model(dense, task, LABELS);
        bool vector = how & 2;

        c.temperature = 2.5;
        c.scale = vector ? scale : NULL;
        c.shift = vector ? shift : NULL;
        ask(m, NULL, raw, z);
        ask(m, &c, p, z2);
        assert_memory_equal(z, z2, sizeof z);   /* these stay the network's */
        assert_true(memcmp(raw, p, sizeof p) != 0);
        for (int i = 0; i < PICTURES * LABELS; i++) {
            const float *row = z + i / LABELS * LABELS;
            double u[LABELS], want;

            for (int l = 0; l < LABELS; l++)
                u[l] = vector ? row[l] * scale[l] + shift[l] : row[l] / 2.5;
            want = task == DATA_MULTI ? 1 / (1 + exp(-u[i % LABELS])) : softmax_of(u, i % LABELS);
            assert_true(fabs(p[i] - want) < 1e-6);
        }
        infer_model_free(m);
    }
}

static void a_calibration_that_changes_nothing_changes_no_bit(void **state)
{
    static const double ones[] = { 1, 1, 1 }, zeros[] = { 0, 0, 0 };
    struct infer_model *m = make_model(dense, DATA_SINGLE, LABELS);
    float raw[PICTURES * LABELS], p[PICTURES * LABELS], z[PICTURES * LABELS];
    struct infer_calibration c = infer_calibration_none();

    (void)state;
    ask(m, NULL, raw, z);
    ask(m, &c, p, z);
    assert_memory_equal(raw, p, sizeof p);
    c.scale = ones;
    c.shift = zeros;
    ask(m, &c, p, z);
    assert_memory_equal(raw, p, sizeof p);
    infer_model_free(m);
}

/* The smallest graph there is: the pass needs more nodes than it has. */
static void a_graph_of_two_nodes_is_calibrated(void **state)
{
    struct infer_model *m = make_model("image = input shape=4x4x3\nf = flatten image\n"
                                       "output logits = f\n", DATA_MULTI, PIXELS);
    float p[PICTURES * PIXELS], z[PICTURES * PIXELS];
    double a[PIXELS], b[PIXELS];
    struct infer_calibration c = infer_calibration_none();

    (void)state;
    for (int l = 0; l < PIXELS; l++) {
        a[l] = 0.5;
        b[l] = l;
    }
    c.scale = a;
    c.shift = b;
    ask(m, &c, p, z);
    for (int i = 0; i < PICTURES * PIXELS; i++)
        assert_true(fabs(p[i] - 1 / (1 + exp(-(0.5 * z[i] + i % PIXELS)))) < 1e-6);
    infer_model_free(m);
}

static void what_is_told_follows_the_record(void **state)
{
    struct infer_calibration c = full();
    const float sure[] = { 0.97f, 0.02f, 0.01f }, z[] = { 1, -1, 0.5f };
    double single = log(exp(1) + exp(-1) + exp(0.5)),
           multi = log1p(exp(1)) + log1p(exp(-1)) + log1p(exp(0.5));

    (void)state;
    assert_true(infer_calibration_threshold(&c, DATA_SINGLE, 1) == (float)threshold[1]);
    assert_true(infer_calibration_threshold(NULL, DATA_SINGLE, 1) == 0);
    assert_true(infer_calibration_threshold(NULL, DATA_MULTI, 1) == 0.5);
    assert_int_equal(infer_calibration_band(&c, 0.95f), INFER_BAND_HI);
    assert_int_equal(infer_calibration_band(&c, 0.7f), INFER_BAND_MED);
    assert_int_equal(infer_calibration_band(&c, 0.1f), INFER_BAND_LOW);
    assert_int_equal(infer_calibration_band(NULL, 1), INFER_BAND_NONE);
    c.band[0] = c.band[1] = 2;
    assert_int_equal(infer_calibration_band(&c, 1), INFER_BAND_LOW);
    c.band[0] = c.band[1] = 0;
    assert_int_equal(infer_calibration_band(&c, 1), INFER_BAND_NONE);
    c.band[1] = 0.9;                    /* every answer is med at least */
    assert_int_equal(infer_calibration_band(&c, 0), INFER_BAND_MED);

    assert_true(fabs(infer_energy(DATA_SINGLE, 3, z) - single) < 1e-12);
    assert_true(fabs(infer_energy(DATA_MULTI, 3, z) - multi) < 1e-12);
    assert_true(isfinite(infer_energy(DATA_SINGLE, 2, (const float[]){ 1e30f, -1e30f })));
    c.unknown_at = single + 1e-9;
    assert_true(infer_calibration_unknown(&c, DATA_SINGLE, 3, sure, z));
    assert_true(infer_calibration_unknown(&c, DATA_SINGLE, 3, sure, (const float[]){ 1, NAN, 2 }));
    assert_false(infer_calibration_unknown(&c, DATA_SINGLE, 3, sure, NULL));
    c.unknown_at = single - 1e-9;
    assert_false(infer_calibration_unknown(&c, DATA_SINGLE, 3, sure, z));
    c.unknown = INFER_UNKNOWN_CONFIDENCE;
    c.unknown_at = 0.98;
    assert_true(infer_calibration_unknown(&c, DATA_SINGLE, 3, sure, NULL));
    c.unknown_at = 0.9;
    assert_false(infer_calibration_unknown(&c, DATA_SINGLE, 3, sure, NULL));
    assert_false(infer_calibration_unknown(NULL, DATA_SINGLE, 3, sure, z));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back_bit_for_bit),
        cmocka_unit_test(hostile_values_are_refused_in_words),
        cmocka_unit_test(a_damaged_record_names_the_file),
        cmocka_unit_test(answers_are_of_the_calibrated_logits),
        cmocka_unit_test(a_calibration_that_changes_nothing_changes_no_bit),
        cmocka_unit_test(a_graph_of_two_nodes_is_calibrated),
        cmocka_unit_test(what_is_told_follows_the_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
