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
                          "c = param shape=5 init=constant value=0.25\n"
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
    assert_int_equal(nn_params_trained(p),
                     3 * 3 * 20 * 30 + 2 * 60 * 90 + 7 + 1 + 5 + 40 * 3 + 3 + 3);
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
        { "c", INFINITY, 0.25 },
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

/* A normal number that is within two deviations has 0.774 of the variance. */
static void truncated_values_stay_within_two_deviations(void **state)
{
    struct nn_graph *g = read_net(net);
    struct nn_params *p = new_params(g, false);
    int l = entry_of(g, p, "l"), bias = entry_of(g, p, "bn.weight");
    double mean, deviation, n = (double)p->count[l];

    (void)state;
    nn_params_init_by(p, g, 3, NN_INIT_TRUNC);
    measure(p, l, &mean, &deviation);
    assert_true(fabs(mean) < 4 * 0.02 / sqrt(n));
    assert_true(fabs(deviation - 0.02 * sqrt(0.77374)) < 4 * 0.02 / sqrt(2 * n));
    for (int64_t i = 0; i < p->count[l]; i++)
        assert_true(fabs((double)p->value[p->offset[l] + i]) <= 0.04);
    assert_true(p->value[p->offset[bias]] == 1);        /* a rule is for matrices and filters */
    nn_params_free(p);
    nn_graph_free(g);
}

static const char filters[] = "image = input shape=7x7x8\n"
                              "wide = conv2d image channels=20 size=3 pad=1\n"
                              "narrow = conv2d image channels=5 size=1x5\n"
                              "groups = conv2d image channels=12 size=3 groups=4\n"
                              "depth = conv2d image channels=8 size=5 groups=8\n"
                              "f = meanpool wide\n"
                              "up = linear f width=64\n"
                              "down = linear up width=16\n"
                              "output y = down\n";

/* The middle of filter k sees channel k of its group alone, for as many as there are. */
static void dirac_filters_pass_channels_on(void **state)
{
    static const struct {
        const char *name;
        int taps, channels, filters, groups;
    } convs[] = { { "wide.weight", 9, 8, 20, 1 }, { "narrow.weight", 5, 8, 5, 1 },
                  { "groups.weight", 9, 2, 12, 4 }, { "depth.weight", 25, 1, 8, 8 } };
    struct nn_graph *g = read_net(filters);
    struct nn_params *p = new_params(g, false), *he = new_params(g, false);
    int up = entry_of(g, p, "up.weight");

    (void)state;
    nn_params_init_by(p, g, 3, NN_INIT_DIRAC);
    nn_params_init_by(he, g, 3, NN_INIT_HE);
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++) {
        int e = entry_of(g, p, convs[i].name), n = convs[i].filters, c = convs[i].channels;
        const real *w = p->value + p->offset[e], *other = he->value + he->offset[e];

        assert_int_equal(p->count[e], convs[i].taps * c * n);
        for (int64_t at = 0; at < p->count[e]; at++) {
            int k = (int)(at % n) % (n / convs[i].groups), channel = (int)(at / n % c);
            int tap = (int)(at / n / c);

            assert_true(w[at] == (k >= c ? other[at] : tap == convs[i].taps / 2 && channel == k));
        }
    }
    assert_memory_equal(p->value + p->offset[up], he->value + he->offset[up],
                        (size_t)p->count[up] * sizeof(real));
    nn_params_free(p);
    nn_params_free(he);
    nn_graph_free(g);
}

/* Columns [first, first + n) of a matrix [rows, ld], or its rows, against each other. */
static void assert_orthonormal(const real *w, int rows, int ld, int first, int n)
{
    bool columns = n <= rows;
    int vectors = columns ? n : rows, length = columns ? rows : n;

    for (int a = 0; a < vectors; a++)
        for (int b = 0; b <= a; b++) {
            double dot = 0;

            for (int i = 0; i < length; i++)
                dot += columns ? (double)w[i * ld + first + a] * (double)w[i * ld + first + b]
                               : (double)w[a * ld + first + i] * (double)w[b * ld + first + i];
            assert_true(fabs(dot - (a == b)) < 1e-4);
        }
}

static void orthogonal_matrices_are(void **state)
{
    struct nn_graph *g = read_net(filters);
    struct nn_params *p = new_params(g, false);

    (void)state;
    nn_params_init_by(p, g, 3, NN_INIT_ORTHOGONAL);
    assert_orthonormal(p->value + p->offset[entry_of(g, p, "wide.weight")], 72, 20, 0, 20);
    assert_orthonormal(p->value + p->offset[entry_of(g, p, "up.weight")], 20, 64, 0, 64);
    assert_orthonormal(p->value + p->offset[entry_of(g, p, "down.weight")], 64, 16, 0, 16);
    for (int k = 0; k < 4; k++)
        assert_orthonormal(p->value + p->offset[entry_of(g, p, "groups.weight")], 18, 12, 3 * k, 3);
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
        cmocka_unit_test(truncated_values_stay_within_two_deviations),
        cmocka_unit_test(dirac_filters_pass_channels_on),
        cmocka_unit_test(orthogonal_matrices_are),
        cmocka_unit_test(first_values_follow_from_the_seed),
        cmocka_unit_test(files_have_their_own_order),
        cmocka_unit_test(copies_what_has_one_name_and_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
