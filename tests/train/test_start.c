/*
 * start: what a model has is taken over by name and shape, its labels by name, and what is not is
 * told; residual branches that begin at 0
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/model/model.h"
#include "train/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void listen(void *ctx, const char *text)
{
    snprintf(ctx, 400, "%s", text);
}

static struct nn_graph *graph(const struct nn_model *m, int channels, int labels)
{
    struct nn_model_args args = { m->least, m->least, channels, labels, 0, 0 };
    struct err err;
    struct nn_graph *g = nn_model_build(m, &args, &err);

    assert_non_null(g);
    return g;
}

static struct nn_params *params(const struct nn_graph *g, uint64_t seed)
{
    struct err err;
    struct nn_params *p = nn_params_new(g, false, &err);

    assert_non_null(p);
    nn_params_init(p, g, seed);
    return p;
}

static struct infer_model *model(const struct nn_model *m, int labels, const char *const *label)
{
    struct data_prep prep = { .size = { m->least, m->least }, .crop = 0.875, .resize = DATA_SQUASH,
                              .mean = { 0.1, 0.2, 0.3 }, .std = { 0.4, 0.5, 0.6 } };
    struct nn_graph *g = graph(m, 3, labels);
    struct err err;
    struct infer_model *model = infer_model_new(g, params(g, 9), &prep, DATA_SINGLE, labels, label,
                                                m->name, &err);

    if (!model)
        fail_msg("%s", err.msg);
    return model;
}

static const real *of(const struct nn_params *p, const struct nn_graph *g, const char *name)
{
    int node = nn_graph_find(g, name);

    assert_true(node >= 0);
    return p->value + p->offset[p->entry[node]];
}

static void the_same_network_begins_as_the_model(void **state)
{
    const char *label[] = { "ant", "bee", "cat" };
    struct infer_model *m = model(nn_family_resnet_small, 3, label);
    struct nn_graph *g = graph(nn_family_resnet_small, 3, 3);
    struct nn_params *p = params(g, 1);
    char note[400] = "";
    struct err err;

    (void)state;
    assert_true(train_start_take(p, g, 3, label, m, "a/b", listen, note, &err));
    assert_memory_equal(p->value, m->params->value, (size_t)p->total * sizeof(real));
    assert_string_equal(note, "init a/b: 37 of 37 parameters taken");
    nn_params_free(p);
    nn_graph_free(g);
    infer_model_free(m);
}

static void labels_are_found_by_their_names(void **state)
{
    const char *old[] = { "ant", "bee", "cat" }, *new[] = { "cat", "dog", "ant", "eel" };
    struct infer_model *m = model(nn_family_resnet_small, 3, old);
    struct nn_graph *g = graph(nn_family_resnet_small, 3, 4);
    struct nn_params *p = params(g, 1), *fresh = params(g, 1);
    const int from[] = { 2, -1, 0, -1 };
    char note[400] = "";
    struct err err;

    (void)state;
    m->params->value[m->params->offset[m->params->n - 1]] = 7; /* bias of "ant" */
    assert_true(train_start_take(p, g, 4, new, m, "m", listen, note, &err));
    for (int i = 0; i < 192; i++)
        for (int l = 0; l < 4; l++)
            assert_true(of(p, g, "fc.weight")[4 * i + l] ==
                        (from[l] < 0 ? of(fresh, g, "fc.weight")[4 * i + l]
                                     : of(m->params, m->graph, "fc.weight")[3 * i + from[l]]));
    assert_true(of(p, g, "fc.bias")[2] == 7);
    assert_true(of(p, g, "fc.bias")[1] == 0);
    assert_string_equal(note, "init m: 37 of 37 parameters taken; it does not know the "
                                         "labels \"dog\", \"eel\"");
    nn_params_free(p);
    nn_params_free(fresh);
    nn_graph_free(g);
    infer_model_free(m);
}

static void what_does_not_fit_is_named(void **state)
{
    const char *old[] = { "ant", "bee" }, *new[] = { "cat", "dog" };
    struct infer_model *m = model(nn_family_resnet_small, 2, old);
    struct nn_graph *g = graph(nn_family_resnet_small, 1, 2);
    struct nn_params *p = params(g, 1), *fresh = params(g, 1);
    char note[400] = "";
    struct err err;

    (void)state;
    assert_true(train_start_take(p, g, 2, new, m, "m", listen, note, &err));
    assert_string_equal(note, "init m: 34 of 37 parameters taken; not in it, or of "
                                         "another shape or other labels: stem.conv, fc");
    assert_memory_equal(of(p, g, "fc.weight"), of(fresh, g, "fc.weight"),
                        192 * 2 * sizeof(real));
    assert_memory_equal(of(p, g, "stem.conv.weight"), of(fresh, g, "stem.conv.weight"),
                        32 * 9 * sizeof(real));
    nn_params_free(p);
    nn_params_free(fresh);
    nn_graph_free(g);
    infer_model_free(m);
}

static void another_network_is_refused(void **state)
{
    const char *label[] = { "ant", "bee" };
    struct infer_model *m = model(nn_family_mobilenet_v2, 2, label);
    struct nn_graph *g = graph(nn_family_resnet_small, 3, 2);
    struct nn_params *p = params(g, 1);
    char note[400] = "";
    struct err err;

    (void)state;
    assert_false(train_start_take(p, g, 2, label, m, "some/model", listen, note, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "some/model: none of its weights fits: it is a mobilenet_v2"));
    nn_params_free(p);
    nn_graph_free(g);
    infer_model_free(m);
}

static void pictures_are_seen_as_the_model_saw_them(void **state)
{
    const char *label[] = { "ant", "bee" };
    struct infer_model *m = model(nn_family_resnet_small, 2, label);
    struct data_prep prep = { .size = { 64, 64 }, .crop = 1, .mean = { 0.5, 0.5, 0.5 },
                              .std = { 1, 1, 1 } };
    struct train_cfg cfg = { .size = 0, .resize = TRAIN_LETTERBOX };

    (void)state;
    train_start_cfg(m, &cfg);
    assert_true(train_start_prep(m, &prep));
    assert_int_equal(cfg.size, 16);
    assert_int_equal(cfg.channels, TRAIN_RGB);
    assert_int_equal(cfg.resize, TRAIN_LETTERBOX); /* was said */
    assert_float_equal(prep.crop, 0.875, 0);
    assert_memory_equal(prep.mean, m->prep.mean, sizeof prep.mean);
    assert_memory_equal(prep.std, m->prep.std, sizeof prep.std);
    infer_model_free(m);
}

static void last_norms_of_branches_begin_at_0(void **state)
{
    static const struct {
        const struct nn_model *m;
        const char *branches;
        const char *closed, *open;
    } of_model[] = {
        { nn_family_resnet, "8 residual branches begin at 0", "layer2.0.bn2.weight",
          "layer2.0.downsample.1.weight" },
        { nn_family_mobilenet_v2, "10 residual branches begin at 0", "blocks.1.1.bn3.weight",
          "blocks.1.0.bn3.weight" },
        { nn_family_resnet_small, "no residual branch", NULL,
          "stage1.residual.bn.weight" }, /* a relu behind it */
    };

    (void)state;
    for (size_t k = 0; k < 2 * sizeof of_model / sizeof *of_model; k++) {
        size_t i = k / 2;
        struct nn_model_args args = { 32, 32, 3, 2, 0, k % 2 ? 0.3 : 0 };
        char note[400];
        struct err err;
        struct nn_graph *g = nn_model_build(of_model[i].m, &args, &err);
        struct nn_params *p = g ? nn_params_new(g, false, &err) : NULL;

        assert_non_null(p);
        for (int64_t v = 0; v < p->total; v++)
            p->value[v] = 1;
        assert_true(train_start_zero_gamma(p, g, listen, note, &err));
        assert_non_null(strstr(note, of_model[i].branches));
        assert_true(of(p, g, of_model[i].open)[0] == 1);
        if (of_model[i].closed)
            assert_true(of(p, g, of_model[i].closed)[0] == 0);
        nn_params_free(p);
        nn_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_network_begins_as_the_model),
        cmocka_unit_test(labels_are_found_by_their_names),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(another_network_is_refused),
        cmocka_unit_test(pictures_are_seen_as_the_model_saw_them),
        cmocka_unit_test(last_norms_of_branches_begin_at_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
