/* few: the head is what pictures that were held out say is best, and a network's own afterwards */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/embed/few.h"
#include "infer/predict.h"
#include "nn/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 12, LABELS = 3, EACH = 6, N = LABELS * EACH, SIDE = 4 };

#define IMAGE "image = input shape=4x4x3\n" \
    "c = conv2d image channels=12 size=3 pad=1 bias=true\nr = relu c\nm = meanpool r\n"

struct made {
    float row[N * WIDTH], target[N * LABELS];
    struct infer_probe_data d;
};

static void make(struct made *m, enum data_task task, double clear)
{
    *m = (struct made){ .d = { .task = task, .n = N, .width = WIDTH, .n_labels = LABELS,
                               .row = m->row, .target = m->target } };
    for (int i = 0; i < N; i++) {
        m->target[i * LABELS + i % LABELS] = 1;
        for (int k = 0; k < WIDTH; k++)
            m->row[i * WIDTH + k] =
                (float)(fabs(rng_normal(1, rng_stream(RNG_TEST, 0), (uint64_t)(i * WIDTH + k))) +
                        clear * (k % LABELS == i % LABELS));
    }
}

static struct infer_few fitted(const struct infer_probe_data *d)
{
    struct infer_few f;
    struct err err = { 0 };

    if (!infer_few_fit(d, &(struct infer_probe_options){ .seed = 2 }, &f, &err))
        fail_msg("%s", err.msg);
    return f;
}

/* That of even rows, or what is better. */
static void rows_are_tried_even_and_as_they_are(void **state)
{
    struct made m;
    struct infer_few f;

    (void)state;
    make(&m, DATA_SINGLE, 2);
    f = fitted(&m.d);
    assert_int_equal(f.n_tried, 2);
    assert_int_equal(f.n, N);
    assert_int_equal(f.folds, EACH);
    assert_true(f.tried[0].norm && !f.tried[1].norm);
    for (int i = 0; i < f.n_tried; i++)
        assert_true(f.tried[i].log_loss < log(LABELS) && f.tried[i].right > 60);
    assert_true(f.tried[0].log_loss >= f.tried[f.best].log_loss);
    assert_true(f.tried[f.best].norm == f.norm);
    infer_few_release(&f);
    make(&m, DATA_MULTI, 2);
    f = fitted(&m.d);
    assert_int_equal(f.n_tried, 2);
    infer_few_release(&f);
}

/* Two labels far apart in size alone, which even rows do not show. */
static void another_head_is_taken_where_it_is_clearly_better(void **state)
{
    struct made m;
    struct infer_few f;

    (void)state;
    make(&m, DATA_SINGLE, 0);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < WIDTH; k++)
            m.row[i * WIDTH + k] *= (float)(1 + 20 * (i % LABELS));
    f = fitted(&m.d);
    assert_true(!f.norm && f.best > 0);
    assert_true(f.tried[f.best].right > f.tried[0].right);
    infer_few_release(&f);
}

/* Also where pictures of one label alone are there. */
static void one_picture_of_each_label_is_enough(void **state)
{
    struct made m;
    struct infer_few f;
    bool use[N] = { true, true, true }, of_one[N] = { true };

    (void)state;
    make(&m, DATA_SINGLE, 2);
    m.d.use = use;
    f = fitted(&m.d);
    assert_true(f.n == LABELS && f.folds == 0 && f.n_tried == 1 && f.norm);
    infer_few_release(&f);
    of_one[LABELS] = of_one[2 * LABELS] = true;
    m.d.use = of_one;
    f = fitted(&m.d);
    assert_true(f.n == 3 && f.folds == 0);
    infer_few_release(&f);
}

/* Row i of m, of mean 0 and deviation 1. */
static void even(const struct made *m, int i, double z[WIDTH])
{
    double mean = 0, square = 0;

    for (int k = 0; k < WIDTH; k++)
        mean += (double)m->row[i * WIDTH + k] / WIDTH;
    for (int k = 0; k < WIDTH; k++) {
        z[k] = (double)m->row[i * WIDTH + k] - mean;
        square += z[k] * z[k] / WIDTH;
    }
    for (int k = 0; k < WIDTH; k++)
        z[k] /= sqrt(square + 1e-5);
}

/* Of two pictures the nearer one is the answer: a scale for each number would make those in which
 * they hardly differ count as much as the others. */
static void one_picture_each_is_its_labels_mean(void **state)
{
    struct made m;
    struct infer_few f;
    bool use[N] = { true, true };
    double z[2][WIDTH], dot = 0, far = 0, along = 0;

    (void)state;
    make(&m, DATA_SINGLE, 2);
    m.d.use = use;
    f = fitted(&m.d);
    assert_true(f.n == 2 && f.together && f.norm);
    even(&m, 0, z[0]);
    even(&m, 1, z[1]);
    for (int k = 0; k < WIDTH; k++) {
        double d = z[1][k] - z[0][k], w = (double)f.weight[WIDTH + k] - (double)f.weight[k];

        dot += d * w;
        far += d * d;
        along += w * w;
    }
    assert_true(dot / sqrt(far * along) > 0.9999);
    infer_few_release(&f);
    make(&m, DATA_SINGLE, 2);
    f = fitted(&m.d);
    assert_false(f.together);
    infer_few_release(&f);
}

/* ---- as a network ---------------------------------------------------------------------------- */

/* The features of pictures of lots, and what the network answers: p[N,LABELS]. */
static void ask(const struct nn_graph *g, const struct nn_params *params, float *row, float *p)
{
    struct infer_network_options how = { .precision = NN_PRECISION_FP32, .features = row };
    struct err err = { 0 };
    struct infer_network *n = infer_network_of(g, params, &how, &err);
    struct infer_predictor *q = n ? infer_predictor_of(n, N, 1, &err) : NULL;
    float image[N * SIDE * SIDE * 3];

    if (!q)
        fail_msg("%s", err.msg);
    for (uint64_t i = 0; i < sizeof image / sizeof *image; i++)
        image[i] = rng_f32(5, rng_stream(RNG_TEST, 0), i);
    infer_predict(q, N, image, p);
    if (row)
        infer_predictor_features(q, N, row);
    infer_predictor_free(q);
    infer_network_free(n);
}

/* The head by hand. */
static void answer(const struct infer_few *f, const float *x, double *u)
{
    double mean = 0, square = 0, all = 0;

    for (int k = 0; k < WIDTH; k++)
        mean += (double)x[k] / WIDTH;
    for (int k = 0; k < WIDTH; k++)
        square += ((double)x[k] - mean) * ((double)x[k] - mean) / WIDTH;
    for (int l = 0; l < LABELS; l++) {
        u[l] = (double)f->bias[l];
        for (int k = 0; k < WIDTH; k++)
            u[l] += (double)f->weight[l * WIDTH + k] *
                    (f->norm ? ((double)x[k] - mean) / sqrt(square + 1e-5) : (double)x[k]);
        all += u[l] = exp(u[l]);
    }
    for (int l = 0; l < LABELS; l++)
        u[l] /= all;
}

static void the_head_becomes_the_networks(void **state)
{
    static const char *const ends[] = {
        IMAGE "fc = linear m width=3 bias=true\noutput logits = fc\n",
        IMAGE "fc = linear m width=3\nx = relu fc\noutput logits = x\n",
    };
    struct made m;

    (void)state;
    for (size_t e = 0; e < sizeof ends / sizeof *ends; e++)
        for (int norm = 0; norm < 2; norm++) {
            struct err err = { 0 };
            struct nn_graph *g = nn_graph_read(ends[e], strlen(ends[e]), 0, NULL, &err), *g2;
            struct nn_params *p = g ? nn_params_new(g, false, &err) : NULL, *p2;
            struct infer_few f;
            float said[N * LABELS], weight[LABELS * WIDTH], bias[LABELS];

            if (!p)
                fail_msg("%s", err.msg);
            nn_params_init(p, g, 3);
            make(&m, DATA_SINGLE, 1);
            ask(g, p, m.row, said);
            for (uint64_t i = 0; i < LABELS * WIDTH; i++)
                weight[i] = 2 * rng_f32(6, rng_stream(RNG_TEST, 0), i) - 1;
            for (uint64_t i = 0; i < LABELS; i++)
                bias[i] = rng_f32(7, rng_stream(RNG_TEST, 0), i);
            f = (struct infer_few){ .norm = norm, .width = WIDTH, .n_labels = LABELS,
                                    .weight = weight, .bias = bias };
            if (!infer_few_graph(&f, g, p, &g2, &p2, &err))
                fail_msg("%s", err.msg);
            assert_int_equal(nn_graph_equal(g, g2), e == 0 && !norm);
            ask(g2, p2, NULL, said);
            for (int i = 0; i < N; i++) {
                double u[LABELS];

                answer(&f, m.row + i * WIDTH, u);
                for (int l = 0; l < LABELS; l++)
                    if (!(fabs(u[l] - (double)said[i * LABELS + l]) < 1e-5))
                        fail_msg("norm %d: %g, not %g", norm, (double)said[i * LABELS + l], u[l]);
            }
            nn_params_free(p);
            nn_params_free(p2);
            nn_graph_free(g);
            nn_graph_free(g2);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_tried_even_and_as_they_are),
        cmocka_unit_test(another_head_is_taken_where_it_is_clearly_better),
        cmocka_unit_test(one_picture_of_each_label_is_enough),
        cmocka_unit_test(one_picture_each_is_its_labels_mean),
        cmocka_unit_test(the_head_becomes_the_networks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
