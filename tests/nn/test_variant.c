/*
 * test_variant -- tables of variants: what is read, refused, left to the rule, and what plans take
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/exec.h"
#include "nn/kernel/cpu.h"
#include "nn/tune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CALL "conv2d channels=256 size=3 pad=1 of 4x14x14x32 f32 f32"

/* A network with a convolution that can be cut in several ways, twice. */
static struct nn_graph *new_graph(void)
{
    static const char text[] =
        "image = input shape=14x14x32\ns = scale image first=1\n"
        "a = conv2d s channels=256 size=3 pad=1\nb = conv2d a channels=32 size=1\n"
        "c = conv2d b channels=256 size=3 pad=1\nm = meanpool c\nlogits = linear m width=3\n"
        "target = input shape=3\nloss = xent logits target\noutput loss = loss\n";
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);

    if (!g)
        fail_msg("%s", err.msg);
    return g;
}

static struct nn_plan *new_plan(const struct nn_graph *g, const struct nn_variants *t)
{
    struct err err = { 0 };
    struct nn_plan *p = nn_plan_new(
        g,
        &(struct nn_plan_options){ .mode = NN_TRAIN, .batch = 4, .threads = 2, .variants = t,
                                   .precision = NN_PRECISION_FP32,
                                   .kernels = nn_kernels_get(NULL, &err) },
        &err);

    if (!p)
        fail_msg("%s", err.msg);
    return p;
}

static struct nn_variants *read(const char *text)
{
    struct err err = { 0 };
    struct nn_variants *t = nn_variants_read(text, &err);

    if (!t)
        fail_msg("%s: %s", text, err.msg);
    return t;
}

/* The name of the variant that a node's choice has. */
static const char *taken(const struct nn_plan *p, const char *name, int choice)
{
    int node = nn_graph_find(p->graph, name);
    const struct nn_choice *k = &p->graph->node[node].op->choices[choice];

    return k->variant[p->variant[node][choice]];
}

static void what_is_no_table_is_refused_in_words(void **state)
{
    static const char *const bad[] = {
        "conv2d of 1: forward=rows", "kernels avx2; ; x: a=b", "kernels avx2; conv2d of 1",
        "kernels avx2; : forward=rows", "kernels avx2; conv2d of 1:", "kernels avx2; x: forward",
        "kernels avx2; x: =rows", "kernels avx2; x: forward=", "kernels avx2; x: a=b=c",
        "kernels avx2; x: a=b; x: c=d", "kernels avx2; x: a=b a=b a=b a=b a=b",
        "kernel avx2; x: a=b", "\x01\x02",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = { 0 };
        struct nn_variants *t = nn_variants_read(bad[i], &err);

        if (t)
            fail_msg("\"%s\" was read", bad[i]);
        assert_int_equal(err.kind, ERR_INPUT);
        assert_non_null(strstr(err.msg, "table of variants"));
    }
}

static void too_many_entries_are_refused(void **state)
{
    struct str text = { 0 };
    struct err err = { 0 };

    (void)state;
    str_add(&text, "kernels ref");
    for (int i = 0; i < 5000; i++)
        str_printf(&text, "; x%d: a=b", i);
    assert_null(nn_variants_read(str_text(&text), &err));
    assert_int_equal(err.kind, ERR_INPUT);
    str_release(&text);
}

static void a_table_without_entries_says_nothing(void **state)
{
    struct nn_variants *t = read("");

    (void)state;
    assert_int_equal(nn_variants_count(t), 0);
    assert_string_equal(nn_variants_kernels(t), "");
    nn_variants_free(t);
    t = read("kernels avx2 amx");
    assert_int_equal(nn_variants_count(t), 0);
    assert_string_equal(nn_variants_kernels(t), "kernels avx2 amx");
    nn_variants_free(t);
}

/* Both convolutions of that shape, forward and towards their weights, and nothing else. */
static void a_plan_takes_what_the_table_says(void **state)
{
    struct nn_graph *g = new_graph();
    struct nn_variants *t = read("kernels ref;" CALL ": forward=filters weight=many");
    struct nn_plan *p = new_plan(g, t), *rule = new_plan(g, NULL);

    (void)state;
    nn_variants_free(t);
    assert_string_not_equal(taken(rule, "a", 0), "filters");
    for (int twice = 0; twice < 2; twice++) {
        assert_string_equal(taken(p, twice ? "c" : "a", 0), "filters");
        assert_string_equal(taken(p, twice ? "c" : "a", 1), taken(rule, "a", 1));
        assert_string_equal(taken(p, twice ? "c" : "a", 2), "many");
    }
    for (int k = 0; k < 3; k++)
        assert_string_equal(taken(p, "b", k), taken(rule, "b", k));
    nn_plan_free(p);
    nn_plan_free(rule);
    nn_graph_free(g);
}

/* Other operators, choices and variants, and those that the call cannot take: the rule's. */
static void what_nobody_knows_is_left_to_the_rule(void **state)
{
    static const char *const odd[] = {
        "kernels sve; fft of 1x2: forward=fast", "kernels sve; " CALL ": sideways=rows",
        "kernels sve; " CALL ": forward=fft",
        "kernels sve; conv2d channels=32 of 4x14x14x256 f32 f32: forward=filters",
    };
    struct nn_graph *g = new_graph();
    struct nn_plan *rule = new_plan(g, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct nn_variants *t = read(odd[i]);
        struct nn_plan *p = new_plan(g, t);

        for (int n = 0; n < g->n; n++)
            assert_memory_equal(p->variant[n], rule->variant[n], sizeof p->variant[n]);
        nn_plan_free(p);
        nn_variants_free(t);
    }
    nn_plan_free(rule);
    nn_graph_free(g);
}

/* ---- measured -------------------------------------------------------------------------------- */

struct heard {
    int choices, most;          /* most: after so many it says no; 0: never */
    struct str taken;           /* CALL/CHOICE=VARIANT, a line each that is not the rule's */
};

static bool hear(void *ctx, const struct nn_tuned *d)
{
    struct heard *h = ctx;

    h->choices++;
    assert_true(d->seconds[d->rule] > 0 && d->seconds[d->taken] > 0);
    assert_true(d->done < d->all);
    assert_int_equal(d->steps, strstr(d->call, "size=3") ? 2 : 1);
    if (d->taken != d->rule)
        str_printf(&h->taken, "%s/%s=%s\n", d->call, d->choice->name, d->choice->variant[d->taken]);
    return h->choices != h->most;
}

/* What was told as taken is what a plan with the table takes, of every node. */
static void the_table_is_what_was_measured(void **state)
{
    struct nn_graph *g = new_graph();
    struct nn_plan *rule = new_plan(g, NULL), *p;
    struct heard h = { 0 };
    struct str table = { 0 };
    struct err err = { 0 };
    struct pool *pool = pool_new(2, &err);
    struct nn_variants *t;

    (void)state;
    assert_true(nn_tune(rule, &(struct nn_tune_options){ pool, 5, hear, &h }, &table, &err));
    assert_true(h.choices >= 3);
    t = read(str_text(&table));
    p = new_plan(g, t);
    for (int i = 0; i < p->n_forward; i++) {
        int node = p->step[i].node;
        const struct nn_op *op = g->node[node].op;
        struct nn_call c = nn_plan_call(p, node);
        struct str line = { 0 };

        for (int k = 0; op->choices && op->choices[k].name; k++) {
            str_clear(&line);
            nn_variants_add_call(op, &c, &line);
            str_printf(&line, "/%s=%s\n", op->choices[k].name,
                       op->choices[k].variant[p->variant[node][k]]);
            assert_int_equal(p->variant[node][k] != rule->variant[node][k],
                             strstr(str_text(&h.taken), str_text(&line)) != NULL);
        }
        str_release(&line);
    }
    nn_variants_free(t);
    str_release(&table);
    str_release(&h.taken);
    nn_plan_free(p);
    nn_plan_free(rule);
    nn_graph_free(g);
    pool_free(pool);
}

static void who_hears_of_it_can_end_it(void **state)
{
    struct nn_graph *g = new_graph();
    struct nn_plan *rule = new_plan(g, NULL);
    struct heard h = { .most = 2 };
    struct str table = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_true(nn_tune(rule, &(struct nn_tune_options){ .seconds = 5, .tell = hear, .ctx = &h },
                        &table, &err));
    assert_int_equal(h.choices, 2);
    nn_variants_free(read(str_text(&table)));
    str_release(&table);
    str_release(&h.taken);
    nn_plan_free(rule);
    nn_graph_free(g);
}

static void without_time_all_is_left_to_the_rule(void **state)
{
    struct nn_graph *g = new_graph();
    struct nn_plan *rule = new_plan(g, NULL);
    struct str table = { 0 };
    struct err err = { 0 };
    struct nn_variants *t;

    (void)state;
    assert_true(nn_tune(rule, &(struct nn_tune_options){ .seconds = 0 }, &table, &err));
    t = read(str_text(&table));
    assert_int_equal(nn_variants_count(t), 0);
    assert_string_equal(nn_variants_kernels(t), str_text(&table));
    nn_variants_free(t);
    str_release(&table);
    nn_plan_free(rule);
    nn_graph_free(g);
}

/* Values and gradients of a step, with every variant in turn: those of the rule, but for last
 * bits. */
static void steps_of_every_variant_teach_the_same(void **state)
{
    static const char *const tables[] = {
        "", "kernels a; " CALL ": forward=filters input=filters weight=few",
        "kernels a; " CALL ": forward=rows-many input=rows-many weight=whole",
        "kernels a; " CALL ": forward=filters-many input=filters weight=many",
    };
    struct nn_graph *g = new_graph();
    struct err err = { 0 };
    double sum[sizeof tables / sizeof *tables], grad[sizeof tables / sizeof *tables];

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct nn_variants *t = read(tables[i]);
        struct nn_plan *p = new_plan(g, t);
        struct nn_params *params = nn_params_new(g, true, &err);
        struct nn_exec *e;
        struct tensor x, y;

        assert_non_null(params);
        nn_params_init(params, g, 1);
        e = nn_exec_new(p, params, NULL, &err);
        assert_non_null(e);
        x = nn_exec_input(e, "image");
        for (int64_t k = 0; k < shape_count(&x.shape); k++)
            ((real *)x.data)[k] = (real)(rng_f32(1, rng_stream(RNG_TEST, 1), (uint64_t)k) - 0.5f);
        y = nn_exec_input(e, "target");
        for (int64_t k = 0; k < shape_count(&y.shape); k++)
            ((real *)y.data)[k] = k % 3 == 0;
        nn_exec_forward(e);
        sum[i] = (double)*(real *)nn_exec_output(e, "loss").data;
        nn_exec_backward(e);
        grad[i] = 0;
        for (int64_t k = 0; k < params->total; k++)
            grad[i] += (double)params->grad[k] * (double)params->grad[k];
        assert_true(fabs(sum[i] - sum[0]) <= 1e-5 * fabs(sum[0]));
        assert_true(fabs(grad[i] - grad[0]) <= 1e-4 * grad[0]);
        nn_exec_free(e);
        nn_params_free(params);
        nn_plan_free(p);
        nn_variants_free(t);
    }
    nn_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_table_is_refused_in_words),
        cmocka_unit_test(too_many_entries_are_refused),
        cmocka_unit_test(a_table_without_entries_says_nothing),
        cmocka_unit_test(a_plan_takes_what_the_table_says),
        cmocka_unit_test(what_nobody_knows_is_left_to_the_rule),
        cmocka_unit_test(the_table_is_what_was_measured),
        cmocka_unit_test(who_hears_of_it_can_end_it),
        cmocka_unit_test(without_time_all_is_left_to_the_rule),
        cmocka_unit_test(steps_of_every_variant_teach_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
