/*
 * test_params -- the blocks of values: where entries lie, first values, the order of files
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char net[] = "image = input shape=40\n"
                          "k = const shape=3x5\n"
                          "h = param shape=3x3x20x30 perm=3x2x0x1 init=he\n"
                          "g = param shape=60x90 init=glorot\n"
                          "l = param shape=60x90 init=lecun\n"
                          "o = param shape=7 init=ones\n"
                          "z = param shape=1 init=zeros\n"
                          "fc = linear image width=3\n"
                          "bn = batchnorm fc\n"
                          "output y = bn\n";

static struct nn_graph *read_net(const char *text)
{
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);

    if (!g)
        fail_msg("%s", err.msg);
    return g;
}

static struct nn_params *new_params(const struct nn_graph *g, bool with_grad)
{
    struct err err = { 0 };
    struct nn_params *p = nn_params_new(g, with_grad, &err);

    assert_non_null(p);
    return p;
}

static int entry_of(const struct nn_graph *g, const struct nn_params *p, const char *name)
{
    int node = nn_graph_find(g, name);

    assert_true(node >= 0 && p->entry[node] >= 0);
    assert_int_equal(p->node[p->entry[node]], node);
    return p->entry[node];
}

static void entries_are_aligned_and_apart(void **state)
{
    struct nn_graph *g = read_net(net);
    struct nn_params *p = new_params(g, true);
    int64_t end = 0;

    (void)state;
    assert_int_equal((uintptr_t)p->value % 64, 0);
    assert_int_equal((uintptr_t)p->grad % 64, 0);
    for (int e = 0; e < p->n; e++) {
        assert_int_equal(p->offset[e] % 16, 0);
        assert_true(p->offset[e] >= end);
        end = p->offset[e] + p->count[e];
    }
    assert_true(p->total >= end);
    for (int i = 0; i < g->n; i++)
        assert_int_equal(p->entry[i] >= 0,
                         g->node[i].op == &nn_op_param || g->node[i].op == &nn_op_const);
    nn_params_free(p);
    nn_graph_free(g);
}

static void buffers_and_constants_are_not_trained(void **state)
{
    struct nn_graph *g = read_net(net);
    struct nn_params *p = new_params(g, false);

    (void)state;
    assert_null(p->grad);
    assert_false(p->trained[entry_of(g, p, "k")]);
    assert_false(p->trained[entry_of(g, p, "bn.running_mean")]);
    assert_false(p->trained[entry_of(g, p, "bn.running_var")]);
    assert_true(p->trained[entry_of(g, p, "bn.weight")]);
    assert_int_equal(nn_params_trained(p), 3 * 3 * 20 * 30 + 2 * 60 * 90 + 7 + 1 + 40 * 3 + 3 + 3);
    nn_params_free(p);
    nn_graph_free(g);
}

/* Mean and deviation of an entry. */
static void measure(const struct nn_params *p, int e, double *mean, double *deviation)
{
    const real *x = p->value + p->offset[e];
    double sum = 0, square = 0, n = (double)p->count[e];

    for (int64_t i = 0; i < p->count[e]; i++) {
        sum += (double)x[i];
        square += (double)x[i] * (double)x[i];
    }
    *mean = sum / n;
    *deviation = sqrt(square / n - *mean * *mean);
}

static void first_values_have_their_rules_deviation(void **state)
{
    static const struct {
        const char *name;
        double fans, mean; /* variance 2 / fans */
    } rules[] = {
        { "h", 3 * 3 * 20, 0 },
        { "g", 60 + 90, 0 },
        { "l", 2 * 60, 0 },
        { "fc.weight", 2 * 40, 0 },
        { "o", INFINITY, 1 },
        { "z", INFINITY, 0 },
        { "bn.weight", INFINITY, 1 },
        { "bn.bias", INFINITY, 0 },
        { "bn.running_mean", INFINITY, 0 },
        { "bn.running_var", INFINITY, 1 },
    };
    struct nn_graph *g = read_net(net);
    struct nn_params *p = new_params(g, false);
    int k = entry_of(g, p, "k");

    (void)state;
    for (int i = 0; i < 15; i++)
        p->value[p->offset[k] + i] = 5;
    nn_params_init(p, g, 3);
    for (int i = 0; i < 15; i++)
        assert_true(p->value[p->offset[k] + i] == 5);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        int e = entry_of(g, p, rules[i].name);
        double want = sqrt(2 / rules[i].fans), n = (double)p->count[e], mean, deviation;

        measure(p, e, &mean, &deviation); /* within 4 deviations of what they would be */
        if (!(fabs(mean - rules[i].mean) <= 4 * want / sqrt(n)) ||
            !(fabs(deviation - want) <= 4 * want / sqrt(2 * n)))
            fail_msg("%s: mean %g, deviation %g, expected %g, %g", rules[i].name, mean, deviation,
                     rules[i].mean, want);
    }
    nn_params_free(p);
    nn_graph_free(g);
}

static void first_values_follow_from_the_seed(void **state)
{
    struct nn_graph *g = read_net(net);
    struct nn_params *a = new_params(g, false), *b = new_params(g, false);
    size_t bytes = (size_t)a->total * sizeof *a->value;
    int gl = entry_of(g, a, "g"), l = entry_of(g, a, "l");

    (void)state;
    nn_params_init(a, g, 3);
    nn_params_init(b, g, 3);
    assert_memory_equal(a->value, b->value, bytes);
    nn_params_init(b, g, 4);
    assert_memory_not_equal(a->value, b->value, bytes);
    /* two entries are not one up to scale */
    assert_true(fabs((double)(a->value[a->offset[gl]] / a->value[a->offset[l]] -
                              a->value[a->offset[gl] + 1] / a->value[a->offset[l] + 1])) > 1e-3);
    nn_params_free(a);
    nn_params_free(b);
    nn_graph_free(g);
}

/* h[r,s,c,k] in memory is h[k,c,r,s] in files. */
static void files_have_their_own_order(void **state)
{
    enum { R = 3, S = 3, C = 20, K = 30, N = R * S * C * K };
    struct nn_graph *g = read_net(net);
    int h = nn_graph_find(g, "h"), l = nn_graph_find(g, "l");
    struct shape s = nn_params_file_shape(g, h), plain = nn_params_file_shape(g, l);
    static real memory[N], back[N];
    static float file[N];

    (void)state;
    assert_true(shape_equal(&s, &(struct shape){ 4, { K, C, R, S } }));
    assert_true(shape_equal(&plain, &(struct shape){ 2, { 60, 90 } }));
    for (int i = 0; i < N; i++)
        memory[i] = (real)i;
    nn_params_to_file(g, h, memory, file);
    for (int i = 0; i < N; i++) {
        int k = i / (C * R * S), c = i / (R * S) % C, at = (i % (R * S) * C + c) * K + k;

        assert_true((double)file[i] == at);
    }
    nn_params_from_file(g, h, file, back);
    assert_memory_equal(memory, back, sizeof memory);
    nn_params_to_file(g, l, memory, file);
    for (int i = 0; i < 60 * 90; i++)
        assert_true((double)file[i] == i);
    nn_graph_free(g);
}

static void copies_what_has_one_name_and_shape(void **state)
{
    struct nn_graph *g = read_net(net);
    struct nn_graph *other = read_net("image = input shape=40\nl = param shape=60x90\n"
                                      "o = param shape=8\nfc = linear image width=3\n"
                                      "new = param shape=2\noutput y = fc\n");
    struct nn_params *from = new_params(g, false), *to = new_params(other, false);
    int a, b;

    (void)state;
    nn_params_init(from, g, 5);
    assert_int_equal(nn_params_copy(to, other, from, g), 2);
    a = entry_of(other, to, "fc.weight");
    b = entry_of(g, from, "fc.weight");
    assert_memory_equal(to->value + to->offset[a], from->value + from->offset[b],
                        40 * 3 * sizeof(real));
    assert_true(to->value[to->offset[entry_of(other, to, "o")]] == 0);
    nn_params_free(from);
    nn_params_free(to);
    nn_graph_free(g);
    nn_graph_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_aligned_and_apart),
        cmocka_unit_test(buffers_and_constants_are_not_trained),
        cmocka_unit_test(first_values_have_their_rules_deviation),
        cmocka_unit_test(first_values_follow_from_the_seed),
        cmocka_unit_test(files_have_their_own_order),
        cmocka_unit_test(copies_what_has_one_name_and_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
