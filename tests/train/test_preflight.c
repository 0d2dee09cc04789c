/*
 * preflight: healthy networks are let pass in silence, and each kind of illness is named with the
 * layer that it begins in
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "nn/op/input.h"
#include "nn/op/xent.h"
#include "train/preflight.h"
#include "train/start.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 8, LABELS = 5 };

struct made {
    struct nn_graph *g;
    struct nn_params *p;
    float *image, target[N * LABELS];
    int64_t numbers;
    bool ok;
    struct err err;
    int lines;
    char told[4000];
};

static struct nn_graph *with_loss(struct nn_graph *g, bool several)
{
    struct err err;
    int logits = nn_graph_find_output(g, "logits"), target, loss;

    target = nn_graph_add(g, &nn_op_input, "target", &(struct nn_input){ .shape = { LABELS } }, 0,
                          NULL, &err);
    assert_true(logits >= 0 && target >= 0);
    loss = nn_graph_add(g, several ? &nn_op_bce : &nn_op_xent, "loss", NULL, 2,
                        (int[]){ logits, target }, &err);
    assert_true(loss >= 0 && nn_graph_output(g, "loss", loss, &err));
    return g;
}

/* Takes g.  Pictures as like each other as drawn ones are: patches of light and some grain. */
static struct made make(struct nn_graph *g, uint64_t seed)
{
    struct made s = { .g = g };
    int image = nn_graph_find_input(g, "image");
    const struct nn_type *t = &g->node[image].type;
    int h = t->dim[1].n, w = t->dim[2].n, c = t->dim[3].n;

    s.p = nn_params_new(g, false, &s.err);
    assert_non_null(s.p);
    nn_params_init(s.p, g, seed);
    s.numbers = (int64_t)N * h * w * c;
    s.image = malloc((size_t)s.numbers * sizeof *s.image);
    assert_non_null(s.image);
    for (int64_t i = 0; i < s.numbers; i++) {
        uint64_t n = (uint64_t)(i / (h * w * c)), at = n << 20 | (uint64_t)(i / c % w / 8) << 10 |
                                                       (uint64_t)(i / (w * c) % h / 8);

        s.image[i] = (float)(rng_normal(7, rng_stream(RNG_TEST, 1), at) +
                             0.3 * rng_normal(7, rng_stream(RNG_TEST, 2), (uint64_t)i));
    }
    for (int i = 0; i < N * LABELS; i++)
        s.target[i] = i % LABELS == i / LABELS % LABELS;
    return s;
}

static struct made model(const struct nn_model *m, int side, bool several, uint64_t seed)
{
    struct nn_model_args args = { side, side, 3, LABELS, 0, 0 };
    struct err err;

    return make(with_loss(nn_model_build(m, &args, &err), several), seed);
}

static void release(struct made *s)
{
    nn_params_free(s->p);
    nn_graph_free(s->g);
    free(s->image);
}

static void listen(void *ctx, const char *text)
{
    struct made *s = ctx;
    size_t n = strlen(s->told);

    s->lines++;
    snprintf(s->told + n, sizeof s->told - n, "%s\n", text);
}

static void look(struct made *s)
{
    struct train_preflight_options opt = { .graph = s->g, .values = s->p, .seed = 1,
                                           .kernels = nn_kernels_get("auto", &s->err) };

    s->lines = 0;
    s->told[0] = 0;
    s->ok = train_preflight(&opt, N, s->image, s->target, listen, s, &s->err);
}

static void must_be_silent(struct made *s, const char *what)
{
    look(s);
    if (!s->ok || s->lines)
        fail_msg("%s: %s", what, s->ok ? s->told : s->err.msg);
}

static void must_say(struct made *s, const char *what)
{
    look(s);
    if (!s->ok || !strstr(s->told, what))
        fail_msg("no \"%s\" in: %s", what, s->ok ? s->told : s->err.msg);
}

static real *values(struct made *s, const char *name, int64_t *n)
{
    int node = nn_graph_find(s->g, name);

    assert_true(node >= 0);
    *n = s->p->count[s->p->entry[node]];
    return s->p->value + s->p->offset[s->p->entry[node]];
}

static void fill(struct made *s, const char *name, double value)
{
    int64_t n;
    real *v = values(s, name, &n);

    for (int64_t i = 0; i < n; i++)
        v[i] = (real)value;
}

/* All weights, which is not norms and biases, times `by`. */
static void scale_weights(struct made *s, double by)
{
    for (int e = 0; e < s->p->n; e++)
        for (int64_t i = 0; s->g->node[s->p->node[e]].type.rank > 1 && i < s->p->count[e]; i++)
            s->p->value[s->p->offset[e] + i] *= (real)by;
}

/* ---- healthy --------------------------------------------------------------------------------- */

/* With whole branches that begin at 0 too. */
static void architectures_pass_in_silence(void **state)
{
    (void)state;
    for (int i = 0; i < nn_model_count(); i++)
        for (int several = 0; several < 2 && nn_model_at(i)->sample; several++) {
            struct made s = model(nn_model_at(i), nn_model_at(i)->least << several, several,
                                  (uint64_t)several);

            must_be_silent(&s, nn_model_at(i)->name);
            assert_true(train_start_zero_gamma(s.p, s.g, listen, &s, &s.err));
            must_be_silent(&s, nn_model_at(i)->name);
            release(&s);
        }
}

static void all_rules_of_weights_pass_in_silence(void **state)
{
    (void)state;
    for (int rule = TRAIN_WEIGHTS_HE; train_weights_names[rule]; rule++) {
        struct train_cfg cfg = { .weights = rule, .seed = 3 };
        struct made s = model(nn_family_mobilenet_v2, nn_family_mobilenet_v2->least, false, 1),
                    r = model(nn_family_resnet_small, 32, false, 1);

        train_start_draw(s.p, s.g, &cfg);
        must_be_silent(&s, train_weights_names[rule]);
        train_start_draw(r.p, r.g, &cfg);
        must_be_silent(&r, train_weights_names[rule]);
        release(&s);
        release(&r);
    }
}

static void a_last_layer_of_zeros_is_no_illness(void **state)
{
    struct made s = model(nn_family_resnet_small, 16, false, 1);

    (void)state;
    fill(&s, "fc.weight", 0);
    must_be_silent(&s, "fc 0");
    release(&s);
}

static void pictures_without_labels_are_no_illness(void **state)
{
    struct made s = model(nn_family_resnet_small, 16, true, 1);

    (void)state;
    for (int i = 0; i < N * LABELS; i++)
        s.target[i] = -1;
    must_be_silent(&s, "unknown");
    release(&s);
}

/* ---- ill ------------------------------------------------------------------------------------- */

static void pictures_past_all_measure_are_named(void **state)
{
    struct made s = model(nn_family_resnet_small, 16, false, 1);

    (void)state;
    for (int64_t i = 0; i < s.numbers; i++)
        s.image[i] *= 1e6F;
    must_say(&s, "the pictures' numbers reach");
    must_say(&s, "stem.conv: numbers of deviation");
    for (int64_t i = 0; i < s.numbers; i++)
        s.image[i] = 0.5F;
    must_say(&s, "all pixels of 8 pictures are the same");
    release(&s);
}

static void weights_of_zeros_are_named(void **state)
{
    struct made s = model(nn_family_resnet_small, 16, false, 1);

    (void)state;
    scale_weights(&s, 0);
    must_say(&s, "stem.conv (and");
    must_say(&s, "numbers of deviation 0");
    must_say(&s, "no gradient arrives");
    release(&s);
}

static void weights_too_large_are_named(void **state)
{
    struct made s = model(nn_family_mobilenet_v2, nn_family_mobilenet_v2->least, false, 1);

    (void)state;
    scale_weights(&s, 1e4);
    must_say(&s, "numbers of deviation");
    must_say(&s, "answering every label alike has 1.609");
    release(&s);
}

static void a_dead_layer_is_named(void **state)
{
    struct made s = model(nn_family_resnet_small, 16, false, 1);

    (void)state;
    fill(&s, "stage2.widen.bn.bias", -1e3);
    must_say(&s, "relu after stage2.widen.bn");
    must_say(&s, "no gradient arrives");
    release(&s);
}

static void numbers_that_are_not_finite_are_an_error_and_nothing_else(void **state)
{
    struct made s = model(nn_family_resnet_small, 16, false, 1);

    (void)state;
    s.image[3] = NAN;
    look(&s);
    assert_false(s.ok);
    assert_int_equal(s.err.kind, ERR_DIVERGED);
    assert_int_equal(s.lines, 0);
    release(&s);
}

/* A chain of convolutions without norms: numbers shrink or grow from layer to layer. */
static struct made chain(int layers, double by)
{
    struct str text = { 0 };
    struct err err = { 0 };
    struct nn_graph *g;
    struct made s;

    str_add(&text, "image = input shape=8x8x3\n");
    for (int i = 0; i < layers; i++) {
        str_printf(&text, "c%d = conv2d %s%.0d channels=16 size=3x3 pad=1x1x1x1\n", i,
                   i ? "r" : "image", i);
        str_printf(&text, "r%d = relu c%d\n", i + 1, i);
    }
    str_printf(&text, "pool = meanpool r%d\nfc = linear pool width=%d\noutput logits = fc\n",
               layers, LABELS);
    g = nn_graph_read(str_text(&text), text.len, 0, NULL, &err);
    if (!g)
        fail_msg("%s: %s", err.msg, str_text(&text));
    str_release(&text);
    s = make(with_loss(g, false), 1);
    scale_weights(&s, by);
    return s;
}

static void a_chain_without_norms_passes_drawn_as_it_should_be(void **state)
{
    struct made s = chain(30, 1);

    (void)state;
    must_be_silent(&s, "chain");
    release(&s);
    s = chain(30, 0.6);
    must_say(&s, "hardly anything passes");
    release(&s);
    s = chain(30, 2);
    must_say(&s, "healthy networks");
    release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(architectures_pass_in_silence),
        cmocka_unit_test(all_rules_of_weights_pass_in_silence),
        cmocka_unit_test(a_last_layer_of_zeros_is_no_illness),
        cmocka_unit_test(pictures_without_labels_are_no_illness),
        cmocka_unit_test(pictures_past_all_measure_are_named),
        cmocka_unit_test(weights_of_zeros_are_named),
        cmocka_unit_test(weights_too_large_are_named),
        cmocka_unit_test(a_dead_layer_is_named),
        cmocka_unit_test(numbers_that_are_not_finite_are_an_error_and_nothing_else),
        cmocka_unit_test(a_chain_without_norms_passes_drawn_as_it_should_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
