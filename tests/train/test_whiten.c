/*
 * whiten: eigenvectors are what they are, and filters answer patches without correlation
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/rng.h"
#include "nn/graph.h"
#include "train/whiten.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double drawn(int stream, int i)
{
    return rng_normal(3, rng_stream(RNG_TEST, (uint32_t)stream), (uint64_t)i);
}

/* a = B B^T of n columns. */
static void eigenvectors_make_the_matrix(void **state)
{
    static double a[30 * 30], b[30 * 30], value[30], vector[30 * 30];

    (void)state;
    for (int n = 1; n <= 30; n += n < 5 ? 1 : 5) {
        for (int i = 0; i < n * n; i++)
            b[i] = drawn(1, i);
        for (int i = 0; i < n * n; i++) {
            a[i] = 0;
            for (int k = 0; k < n; k++)
                a[i] += b[i / n * n + k] * b[i % n * n + k];
        }
        memcpy(b, a, sizeof b);
        train_eigen(n, a, value, vector);
        for (int i = 0; i < n * n; i++) {
            double sum = 0, dot = 0;

            for (int k = 0; k < n; k++) {
                sum += value[k] * vector[k * n + i / n] * vector[k * n + i % n];
                dot += vector[i / n * n + k] * vector[i % n * n + k];
            }
            assert_float_equal(sum, b[i], 1e-9 * n);
            assert_float_equal(dot, (i / n == i % n), 1e-10);
        }
        for (int k = 1; k < n; k++)
            assert_true(value[k] <= value[k - 1]);
    }
}

static struct nn_graph *graph_of(const char *text)
{
    struct err err;
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);

    if (!g)
        fail_msg("%s", err.msg);
    return g;
}

/* Pictures whose neighbours and channels are alike. */
enum { N = 40, SIDE = 12 };

static void draw(float *image)
{
    for (int i = 0; i < N * SIDE * SIDE * 3; i++) {
        int n = i / (SIDE * SIDE * 3), y = i / (SIDE * 3) % SIDE, x = i / 3 % SIDE;

        image[i] = (float)(drawn(2, n * 100 + y / 4 * 10 + x / 4) + 0.4 * drawn(4, i / 3) +
                           0.1 * drawn(5, i));
    }
}

static void answers_are_uncorrelated_and_of_deviation_1(void **state)
{
    static const char text[] = "image = input shape=12x12x3\n"
                               "c = conv2d image channels=54 size=3x3\n"
                               "output logits = c\n";
    static float image[N * SIDE * SIDE * 3];
    static double cov[27 * 27];
    struct nn_graph *g = graph_of(text);
    struct err err;
    struct nn_params *p = nn_params_new(g, false, &err);
    int node = train_whiten_find(g, &err), patches = 0;
    const real *w = p->value;

    (void)state;
    draw(image);
    assert_true(node >= 0 && !strcmp(g->node[node].name, "c"));
    assert_int_equal(train_whiten(p, g, node, N, image, &err), 27);
    for (int i = 0; i < N; i++)
        for (int place = 0; place < 100; place++, patches++) {
            const float *row = image + ((i * SIDE + place / 10) * SIDE + place % 10) * 3;
            double y[27] = { 0 };

            for (int r = 0; r < 3; r++)
                for (int s = 0; s < 9; s++)
                    for (int d = 0; d < 27; d++)
                        y[d] += (double)(w[(r * 9 + s) * 54 + 2 * d] * row[3 * SIDE * r + s]);
            for (int d = 0; d < 27 * 27; d++)
                cov[d] += y[d / 27] * y[d % 27];
        }
    for (int d = 0; d < 27 * 27; d++)
        assert_float_equal(cov[d] / patches, (d / 27 == d % 27), 0.06); /* small ones: damped */
    for (int i = 0; i < 27 * 54; i += 2)
        assert_true(w[i] == -w[i + 1]);
    nn_params_free(p);
    nn_graph_free(g);
}

static void a_small_bank_gets_what_varies_most(void **state)
{
    static const char text[] = "image = input shape=12x12x3\n"
                               "c = conv2d image channels=9 size=3x3\n"
                               "output logits = c\n";
    static float image[N * SIDE * SIDE * 3];
    struct nn_graph *g = graph_of(text);
    struct err err;
    struct nn_params *p = nn_params_new(g, false, &err);

    (void)state;
    draw(image);
    nn_params_init(p, g, 1);
    assert_int_equal(train_whiten(p, g, train_whiten_find(g, &err), N, image, &err), 4);
    for (int i = 0; i < 27; i++) /* brightness first: all of one sign */
        assert_true(p->value[9 * i] > 0 && p->value[9 * i + 1] == -p->value[9 * i]);
    assert_true(p->value[8] != 0); /* an odd one stays as it was drawn */
    nn_params_free(p);
    nn_graph_free(g);
}

static void other_networks_are_refused(void **state)
{
    static const char *const text[] = {
        "image = input shape=12x12x3\nf = flatten image\nc = linear f width=3\noutput logits = c\n",
        "image = input shape=12x12x4\nc = conv2d image channels=4 size=3x3 groups=2\n"
        "output logits = c\n",
        "image = input shape=12x12x3\nc = conv2d image channels=4 size=11x11\noutput logits = c\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct nn_graph *g = graph_of(text[i]);
        struct err err;

        assert_int_equal(train_whiten_find(g, &err), -1);
        assert_int_equal(err.kind, ERR_UNSUPPORTED);
        nn_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvectors_make_the_matrix),
        cmocka_unit_test(answers_are_uncorrelated_and_of_deviation_1),
        cmocka_unit_test(a_small_bank_gets_what_varies_most),
        cmocka_unit_test(other_networks_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
