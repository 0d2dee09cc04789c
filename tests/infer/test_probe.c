/* probe: scikit-learn's logistic regression; what is held out was not seen; any threads */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/embed/minimize.h"
#include "infer/embed/probe.h"
#include "nn/base/file.h"
#include "nn/base/record.h"
#include "nn/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double number(const json_t *one, const char *key)
{
    return json_number_value(json_object_get(one, key));
}

static float *floats(const json_t *list)
{
    float *x = calloc(json_array_size(list) + 1, sizeof *x);

    assert_non_null(x);
    for (size_t i = 0; i < json_array_size(list); i++)
        x[i] = (float)json_number_value(json_array_get(list, i));
    return x;
}

static struct infer_probe fitted(const struct infer_probe_data *d,
                                 const struct infer_probe_options *o)
{
    struct infer_probe p;
    struct err err = { 0 };

    if (!infer_probe_fit(d, o, &p, &err))
        fail_msg("%s", err.msg);
    return p;
}

static void fits_are_scikit_learns(void **state)
{
    struct err err = { 0 };
    size_t size, k;
    uint8_t *text = file_read("tests/golden/probe.json", 1 << 20, &size, &err);
    json_t *cases, *one;

    (void)state;
    assert_non_null(text);
    cases = record_parse((const char *)text, size, &err);
    assert_int_equal(json_array_size(cases), 3);
    json_array_foreach(cases, k, one) {
        bool single = !strcmp(json_string_value(json_object_get(one, "task")), "single");
        float *row = floats(json_object_get(one, "row")),
              *target = floats(json_object_get(one, "target")),
              *weight = floats(json_object_get(one, "weight")),
              *bias = floats(json_object_get(one, "bias"));
        struct infer_probe_data d = { .task = single ? DATA_SINGLE : DATA_MULTI,
                                      .n = (int)number(one, "n"),
                                      .width = (int)number(one, "width"),
                                      .n_labels = (int)number(one, "labels"),
                                      .row = row, .target = target };
        struct infer_probe_options o = { .c = number(one, "c"), .folds = 1 };
        struct infer_probe p = fitted(&d, &o);

        assert_int_equal(p.folds, 0);
        assert_null(p.held_out);
        /* Of deviations as large as a thousand: the weight times what it meets. */
        for (int i = 0; i < d.n_labels * d.width; i++) {
            double by = i % d.width == 3 ? 1000 : 1;

            if (!(fabs((double)p.weight[i] - (double)weight[i]) * by < 1e-4))
                fail_msg("case %zu, weight %d: %g, not %g", k, i, (double)p.weight[i],
                         (double)weight[i]);
        }
        for (int l = 0; l < d.n_labels; l++)
            if (!(fabs((double)p.bias[l] - (double)bias[l]) < 1e-4))
                fail_msg("case %zu, bias %d: %g, not %g", k, l, (double)p.bias[l],
                         (double)bias[l]);
        infer_probe_release(&p);
        free(row);
        free(target);
        free(weight);
        free(bias);
    }
    json_decref(cases);
    free(text);
}

/* ---- made data ------------------------------------------------------------------------------- */

enum { N = 530, WIDTH = 300, LABELS = 4 };

struct made {
    float *row, *target;
    struct infer_probe_data d;
};

/* A label shows in the feature of its number, `clear` times the noise. */
static struct made made(enum data_task task, int n, int width, double clear)
{
    struct made m = { calloc((size_t)(n * width), sizeof *m.row),
                      calloc((size_t)(n * LABELS), sizeof *m.target), { 0 } };

    assert_true(m.row && m.target);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < width; k++)
            m.row[i * width + k] =
                (float)rng_normal(1, rng_stream(RNG_TEST, 0), (uint64_t)(i * width + k));
        for (int l = 0; l < LABELS; l++) {
            bool yes = task == DATA_SINGLE
                           ? i % LABELS == l
                           : rng_below(2, rng_stream(RNG_TEST, (uint32_t)l), (uint64_t)i, 3) == 0;

            m.target[i * LABELS + l] = yes;
            m.row[i * width + l] += (float)(clear * yes);
        }
    }
    m.d = (struct infer_probe_data){ .task = task, .n = n, .width = width, .n_labels = LABELS,
                                     .row = m.row, .target = m.target };
    return m;
}

static void made_free(struct made *m)
{
    free(m->row);
    free(m->target);
}

static void threads_change_no_bit(void **state)
{
    struct err err = { 0 };
    struct pool *pool = pool_new(3, &err);

    (void)state;
    for (int task = 0; task < 2; task++) {
        struct made m = made(task ? DATA_MULTI : DATA_SINGLE, N, WIDTH, 3);
        struct infer_probe one = fitted(&m.d, &(struct infer_probe_options){ .seed = 4, .c = 0.01,
                                                                             .folds = 2 }),
                           three = fitted(&m.d, &(struct infer_probe_options){
                               .seed = 4, .c = 0.01, .folds = 2, .pool = pool });

        assert_memory_equal(one.weight, three.weight, LABELS * WIDTH * sizeof *one.weight);
        assert_memory_equal(one.bias, three.bias, LABELS * sizeof *one.bias);
        assert_memory_equal(one.held_out, three.held_out, N * LABELS * sizeof *one.held_out);
        infer_probe_release(&one);
        infer_probe_release(&three);
        made_free(&m);
    }
    pool_free(pool);
}

static void what_is_held_out_was_not_seen(void **state)
{
    enum { FEW = 60, WIDE = 20, FOLDS = 3 };
    struct made m = made(DATA_SINGLE, FEW, WIDE, 2);
    struct infer_probe_options o = { .seed = 9, .c = 0.1, .folds = FOLDS }, alone = { .c = 0.1,
                                                                                      .folds = 1 };
    struct infer_probe all = fitted(&m.d, &o);
    int fold[FEW], kind[FEW];
    bool use[FEW];

    (void)state;
    for (int i = 0; i < FEW; i++)
        kind[i] = i % LABELS;
    assert_true(infer_probe_share_out(FEW, kind, NULL, FOLDS, 9, fold));
    m.d.use = use;
    for (int f = 0; f < FOLDS; f++) {
        struct infer_probe without;
        float p[LABELS];

        for (int i = 0; i < FEW; i++)
            use[i] = fold[i] != f;
        without = fitted(&m.d, &alone);
        for (int i = 0; i < FEW; i++) {
            infer_probe_ask(&without, 1, m.row + i * WIDE, p);
            for (int l = 0; fold[i] == f && l < LABELS; l++)
                assert_true(fabs((double)(p[l] - all.held_out[i * LABELS + l])) < 1e-4);
        }
        infer_probe_release(&without);
    }
    infer_probe_release(&all);
    made_free(&m);
}

/* With labels by lot whatever is learnt is wrong; where they show, little restraint is best. */
static void c_is_what_held_out_pictures_say(void **state)
{
    struct made noise = made(DATA_SINGLE, 200, 40, 0), clear = made(DATA_SINGLE, 200, 40, 4);
    struct infer_probe_options o = { .seed = 1 };
    struct infer_probe a = fitted(&noise.d, &o), b = fitted(&clear.d, &o);

    (void)state;
    assert_int_equal(a.folds, INFER_PROBE_FOLDS);
    assert_true(a.c < b.c);
    for (int i = 0; i < b.n_tried; i++)
        assert_true(b.tried[i].log_loss >= b.tried[b.best].log_loss);
    assert_true(b.c == b.tried[b.best].c && b.tried[b.best].right > 90);
    assert_true(fabs(a.tried[a.best].log_loss - log(LABELS)) < 0.1);
    infer_probe_release(&a);
    infer_probe_release(&b);
    made_free(&noise);
    made_free(&clear);
}

static void each_label_is_shared_out_evenly(void **state)
{
    enum { ALL = 103, FOLDS = 5, KINDS = 7 };
    int kind[ALL], fold[ALL], other[ALL], count[KINDS][FOLDS] = { { 0 } }, differ = 0;
    bool use[ALL];

    (void)state;
    for (int i = 0; i < ALL; i++) {
        kind[i] = i * i % KINDS;
        use[i] = i % 10 != 3;
    }
    assert_true(infer_probe_share_out(ALL, kind, use, FOLDS, 1, fold));
    assert_true(infer_probe_share_out(ALL, kind, use, FOLDS, 2, other));
    for (int i = 0; i < ALL; i++) {
        assert_int_equal(fold[i] < 0, !use[i]);
        differ += fold[i] != other[i];
        if (use[i])
            count[kind[i]][fold[i]]++;
    }
    assert_true(differ > 20);
    for (int k = 0; k < KINDS; k++)
        for (int f = 1; f < FOLDS; f++)
            assert_true(abs(count[k][f] - count[k][0]) <= 1);
}

static void few_or_bad_pictures(void **state)
{
    struct made m = made(DATA_SINGLE, 12, 5, 3);
    struct infer_probe_options o = { .folds = 1000 };
    struct infer_probe p = fitted(&m.d, &o);
    struct err err = { 0 };
    bool one[12] = { true }, of_a_label[12] = { true };

    (void)state;
    assert_int_equal(p.folds, 12);      /* each alone */
    infer_probe_release(&p);

    m.d.use = one;
    p = fitted(&m.d, &o);
    assert_true(p.folds == 0 && p.c == 1 && p.n == 1 && !p.held_out);
    infer_probe_release(&p);
    of_a_label[LABELS] = true;
    m.d.use = of_a_label;
    p = fitted(&m.d, &o);
    assert_true(p.folds == 0 && p.n == 2);
    infer_probe_release(&p);

    m.d.use = NULL;
    m.row[30] = NAN;
    assert_false(infer_probe_fit(&m.d, &o, &p, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    m.row[30] = 0;
    memset(m.target, 0, sizeof(float) * 12 * LABELS);
    assert_false(infer_probe_fit(&m.d, &o, &p, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    made_free(&m);
}

static bool now(void *ctx)
{
    return --*(int *)ctx < 0;
}

static void it_can_be_stopped(void **state)
{
    struct made m = made(DATA_SINGLE, 40, 5, 3);
    int left = 3;
    struct infer_probe_options o = { .stop = now, .stop_ctx = &left };
    struct infer_probe p;
    struct err err = { 0 };

    (void)state;
    assert_false(infer_probe_fit(&m.d, &o, &p, &err));
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_int_equal(left, -1);
    assert_null(p.weight);
    made_free(&m);
}

/* ---- minimize -------------------------------------------------------------------------------- */

/* Rosenbrock's valley, in pairs. */
static double valley(void *ctx, const double *x, double *g)
{
    double sum = 0;

    for (int i = 0; i < 20; i += 2) {
        double a = 1 - x[i], b = x[i + 1] - x[i] * x[i];

        sum += a * a + 100 * b * b;
        g[i] = -2 * a - 400 * x[i] * b;
        g[i + 1] = 200 * b;
    }
    ++*(int *)ctx;
    return sum;
}

static void the_end_of_a_valley_is_found(void **state)
{
    struct infer_minimum found;
    struct err err = { 0 };
    double x[20];
    int asked = 0;

    (void)state;
    for (int i = 0; i < 20; i++)
        x[i] = i % 2 ? 1 : -1.2 - i / 10.0;
    assert_true(infer_minimize(20, x, valley, &asked, &(struct infer_minimize_options){ 0 }, &found,
                               &err));
    for (int i = 0; i < 20; i++)
        assert_true(fabs(x[i] - 1) < 1e-7);
    assert_int_equal(found.asked, asked);
    if (!(found.slope <= 1e-8 && found.steps < 400))
        fail_msg("slope %g after %d steps", found.slope, found.steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits_are_scikit_learns),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(what_is_held_out_was_not_seen),
        cmocka_unit_test(c_is_what_held_out_pictures_say),
        cmocka_unit_test(each_label_is_shared_out_evenly),
        cmocka_unit_test(few_or_bad_pictures),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(the_end_of_a_valley_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
