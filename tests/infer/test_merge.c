/* merge: averages are of what is alike, and batch-norms know what they meet */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/eval/measure.h"
#include "infer/merge.h"
#include "tests/infer/tiny.h"

#include <math.h>

static void average_is_the_weighted_mean(void **state)
{
    struct infer_model *a = tiny_model(DATA_SINGLE, 1), *b = tiny_model(DATA_SINGLE, 2);
    struct infer_model *mean = tiny_model(DATA_SINGLE, 3);
    struct infer_mix x;
    struct err err = { 0 };

    (void)state;
    assert_true(infer_mix_init(&x, a->params->total, &err));
    assert_true(infer_mix_add(&x, a->params, 3, &err));
    memcpy(mean->params->value, b->params->value,
           (size_t)b->params->total * sizeof *b->params->value);
    infer_mix_into(&x, 1, mean->params);
    for (int e = 0; e < a->params->n; e++)
        for (int64_t i = a->params->offset[e]; i < a->params->offset[e] + a->params->count[e]; i++)
            assert_float_equal(mean->params->value[i],
                               0.75 * a->params->value[i] + 0.25 * b->params->value[i], 1e-6);
    a->params->value[0] = NAN;
    assert_false(infer_mix_add(&x, a->params, 1, &err));
    infer_mix_release(&x);
    infer_model_free(a);
    infer_model_free(b);
    infer_model_free(mean);
}

static void refused(const struct infer_model *a, const struct infer_model *b, const char *why)
{
    struct err err = { 0 };

    assert_false(infer_merge_match(a, "A", b, "B", &err));
    assert_int_equal(err.kind, ERR_INPUT);
    if (!strstr(err.msg, why) || !strstr(err.msg, "A") || !strstr(err.msg, "B"))
        fail_msg("%s", err.msg);
}

static void models_that_differ_are_refused_in_words(void **state)
{
    struct infer_model *a = tiny_model(DATA_SINGLE, 1), *b = tiny_model(DATA_SINGLE, 2);
    struct infer_model *many = tiny_model(DATA_MULTI, 2);
    struct err err = { 0 };
    const char *label;

    (void)state;
    assert_true(infer_merge_match(a, "A", b, "B", &err));
    refused(many, b, "any number of labels");
    label = a->label[0];
    a->label[0] = a->label[1];
    a->label[1] = label;
    refused(a, b, "another order");
    a->label[1] = "dog";
    refused(a, b, "averaged only");
    infer_model_free(a);
    a = tiny_model(DATA_SINGLE, 1);
    a->prep.resize = DATA_SQUASH;
    refused(a, b, "resize squash against crop");
    a->prep = b->prep;
    a->arch = "other";
    refused(a, b, "is a other");
    a->arch = b->arch;
    nn_graph_free(a->graph);
    a->graph = nn_graph_copy(b->graph, &err);
    a->graph->node[nn_graph_find(a->graph, "r1")].name = "s1";
    refused(a, b, "\"s1\"");
    infer_model_free(a);
    infer_model_free(b);
    infer_model_free(many);
}

/* A batch-norm that stands on the picture itself: what it meets can be reckoned by hand. */
static const char bare[] = "image = input shape=12x12x3\n"
                           "b = batchnorm image\n"
                           "d = dropout b rate=0.5\n"
                           "m = meanpool d\n"
                           "fc = linear m width=4 bias=true\n"
                           "output logits = fc\n";

enum { PICTURES = 5 };

static void statistics_are_those_of_the_pictures(void **state)
{
    struct made_folder f;
    struct data_prep prep = { .size = { 12, 12 }, .crop = 1, .background = { 255, 255, 255 },
                              .mean = { 0.5, 0.4, 0.3 }, .std = { 0.25, 0.5, 1 } };
    struct data_index x = { .n = PICTURES };
    struct data_sample sample[PICTURES];
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(bare, strlen(bare), 0, NULL, &err);
    struct nn_params *p = nn_params_new(g, false, &err), *q = nn_params_new(g, false, &err);
    int mean = p->entry[nn_graph_find(g, "b.running_mean")], pictures;
    int var = p->entry[nn_graph_find(g, "b.running_var")];
    double sum[3] = { 0 }, square[3] = { 0 };
    double n = PICTURES * 144.0;

    (void)state;
    made_open(&f);
    memset(sample, 0, sizeof sample);
    for (int i = 0; i < PICTURES; i++) {
        float pixel[12 * 12 * 3];
        struct data_image image;
        char name[16];

        snprintf(name, sizeof name, "%d.jpg", i);
        made_keep_jpeg(&f, name, made_scene(20 + i, 30 - i, (uint64_t)i), 90);
        sample[i].path = sample[i].name = strdup(made_path(&f, name));
        assert_true(data_sample_image(&sample[i], NULL, &image, &err));
        assert_true(data_prep_apply(&prep, &image, pixel, &err));
        for (int k = 0; k < 12 * 12 * 3; k++) {
            sum[k % 3] += (double)pixel[k];
            square[k % 3] += (double)pixel[k] * (double)pixel[k];
        }
        data_image_release(&image);
    }
    x.sample = sample;
    nn_params_init(p, g, 1);
    memcpy(q->value, p->value, (size_t)p->total * sizeof *p->value);
    assert_true(infer_measures(g));
    assert_true(infer_measure(g, p, &x, &prep, &(struct infer_evaluate_options){ .threads = 1 },
                              &pictures, &err));
    assert_int_equal(pictures, PICTURES);
    for (int c = 0; c < 3; c++) {
        double mu = sum[c] / n, spread = (square[c] - n * mu * mu) / (n - 1);

        assert_float_equal(p->value[p->offset[mean] + c], mu, 1e-5);
        assert_float_equal(p->value[p->offset[var] + c], spread, 1e-5);
    }
    assert_true(infer_measure(g, q, &x, &prep, &(struct infer_evaluate_options){ .threads = 3 },
                              &pictures, &err));
    assert_memory_equal(p->value, q->value, (size_t)p->total * sizeof *p->value);
    for (int i = 0; i < PICTURES; i++)
        free((char *)(uintptr_t)sample[i].path);
    nn_params_free(p);
    nn_params_free(q);
    nn_graph_free(g);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(average_is_the_weighted_mean),
        cmocka_unit_test(models_that_differ_are_refused_in_words),
        cmocka_unit_test(statistics_are_those_of_the_pictures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
