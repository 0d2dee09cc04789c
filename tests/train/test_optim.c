/*
 * optim: every optimiser against PyTorch and its paper, the same for any stretches and threads, and
 * good for something
 *
 * tests/golden/optim.py wrote tests/golden/optim.safetensors and says what lies in it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/rng.h"
#include "nn/io/safetensors.h"
#include "nn/kernel/cpu.h"
#include "train/optim/optim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char path[] = "tests/golden/optim.safetensors";
enum { STEPS = 8, MOST = 70000 };

/* A parameter under an optimiser. */
struct made {
    const struct train_optim *optim;
    int rows, cols; /* cols 0: a bias of `rows` */
    int64_t n;
    struct pool *pool;
    struct train_optim_step step;
};

static real *numbers(int64_t n)
{
    real *x = calloc((size_t)n + 1, sizeof *x);

    assert_non_null(x);
    return x;
}

/* 3 (golden.uniform - 1/2) */
static double number(const char *name, int64_t i)
{
    uint32_t h = 0x811c9dc5;

    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * 0x01000193;
    return 3 * ((double)rng_f32(1, h, (uint64_t)i) - 0.5);
}

static struct made make(const struct train_optim *o, int rows, int cols, int threads)
{
    struct err err = { 0 };
    struct made m = { .optim = o, .rows = rows, .cols = cols, .n = cols ? rows * cols : rows,
                      .pool = pool_new(threads, &err) };

    m.step = (struct train_optim_step){
        .k = nn_kernels_get("auto", &err),
        .n = m.n,
        .rate = o->lr,
        .momentum = o->momentum,
        .beta2 = o->beta2,
        .decay = cols ? o->decay : 0,
        .grad = numbers(m.n),
        .value = numbers(m.n),
        .moment = { numbers(m.n), numbers(m.n) },
    };
    if (cols && o->matrix) {
        m.step.pool = m.pool;
        m.step.rows = rows;
        m.step.cols = cols;
        m.step.scratch = numbers(o->scratch ? o->scratch(rows, cols) : 0);
    }
    for (int64_t i = 0; i < m.n; i++)
        m.step.value[i] = (real)number("value", i);
    return m;
}

static void release(struct made *m)
{
    free(m->step.grad);
    free(m->step.value);
    free(m->step.moment[0]);
    free(m->step.moment[1]);
    free(m->step.scratch);
    pool_free(m->pool);
}

/* Step i, from 0, with the gradients as they are. */
static void update(struct made *m, int i)
{
    m->step.t = i + 1;
    if (m->cols && m->optim->matrix)
        m->optim->matrix(&m->step);
    else
        m->optim->step(&m->step);
}

static void golden_steps(struct made *m, double rate)
{
    for (int i = 0; i < STEPS; i++) {
        char name[16];

        snprintf(name, sizeof name, "grad%d", i);
        for (int64_t k = 0; k < m->n; k++)
            m->step.grad[k] = (real)number(name, k);
        m->step.rate = rate / (1 + i);
        update(m, i);
    }
}

/* Absolute, of values up to 1.5: 4e-7 was seen. */
static const double BOUND = 2e-6;

static void check_golden(const struct st_file *file, const struct train_optim *o, int rows,
                         int cols)
{
    struct made m = make(o, rows, cols, 1);
    char name[64];
    float hyper[4], *want = malloc((size_t)m.n * sizeof *want);
    struct err err = { 0 };
    double worst = 0;

    snprintf(name, sizeof name, "%s:hyper", o->name);
    assert_true(want && st_find(file, name) && st_floats(st_find(file, name), hyper, &err));
    snprintf(name, sizeof name, cols ? "%s:%dx%d" : "%s:%d", o->name, rows, cols);
    assert_true(st_find(file, name) && st_floats(st_find(file, name), want, &err));
    m.step.momentum = (double)hyper[1];
    m.step.beta2 = (double)hyper[2];
    m.step.decay = cols ? (double)hyper[3] : 0;
    golden_steps(&m, (double)hyper[0]);
    for (int64_t i = 0; i < m.n; i++)
        worst = fmax(worst, fabs((double)m.step.value[i] - (double)want[i]));
    if (!(worst <= BOUND))
        fail_msg("%s: %g off", name, worst);
    free(want);
    release(&m);
}

static void steps_are_those_of_pytorch_and_the_papers(void **state)
{
    struct err err = { 0 };
    struct st_file *file = st_open(path, &err);

    (void)state;
    if (!file)
        fail_msg("%s", err.msg);
    for (int i = 0; i < train_optim_count(); i++) {
        check_golden(file, train_optim_at(i), 12, 20);
        check_golden(file, train_optim_at(i), 33, 7);
        check_golden(file, train_optim_at(i), 19, 0);
    }
    st_close(file);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    for (int i = 0; i < train_optim_count(); i++) {
        const struct train_optim *o = train_optim_at(i);
        struct made a = make(o, 700, 100, 1), b = make(o, 700, 100, 3);

        golden_steps(&a, 0.01);
        golden_steps(&b, 0.01);
        assert_memory_equal(a.step.value, b.step.value, (size_t)a.n * sizeof(real));
        release(&a);
        release(&b);
    }
}

/* What lets a pool update a parameter in stretches. */
static void stretches_change_no_bit(void **state)
{
    (void)state;
    for (int i = 0; i < train_optim_count(); i++) {
        const struct train_optim *o = train_optim_at(i);
        struct made a = make(o, MOST, 0, 1), b = make(o, MOST, 0, 1);

        a.step.decay = b.step.decay = o->decay;
        for (int t = 0; t < 2; t++) {
            for (int64_t k = 0; k < MOST; k++)
                a.step.grad[k] = b.step.grad[k] = (real)number("grad", k + t);
            update(&a, t);
            b.step.t = t + 1;
            train_optim_each(&b.step, o->step);
        }
        assert_memory_equal(a.step.value, b.step.value, MOST * sizeof(real));
        release(&a);
        release(&b);
    }
}

/* Half the squared distance to a goal, some numbers five times as steep as others. */
static double quadratic(const struct made *m, bool gradient)
{
    double sum = 0;

    for (int64_t i = 0; i < m->n; i++) {
        double steep = 1 + (double)(i % 5), off = (double)m->step.value[i] - number("goal", i);

        sum += 0.5 * steep * off * off;
        if (gradient)
            m->step.grad[i] = (real)(steep * off);
    }
    return sum;
}

static void every_optimiser_lowers_a_quadratic(void **state)
{
    (void)state;
    for (int i = 0; i < train_optim_count(); i++)
        for (int cols = 0; cols < 20; cols += 10) {
            struct made m = make(train_optim_at(i), 16, cols, 1);
            double first = quadratic(&m, false);

            if (cols && m.optim == &train_optim_muon_sgd) {
                release(&m); /* keeps its length, whatever the goal's is */
                continue;
            }
            m.step.decay = 0;
            for (int t = 0; t < 400; t++) {
                quadratic(&m, true);
                m.step.rate = (m.optim == &train_optim_muon ? 0.1 : 0.02) * (1 - t / 400.0);
                update(&m, t);
            }
            if (!(quadratic(&m, false) < 0.01 * first))
                fail_msg("%s, %d columns: from %g to %g", m.optim->name, cols, first,
                         quadratic(&m, false));
            release(&m);
        }
}

static void muons_step_is_nearly_orthogonal(void **state)
{
    struct made m = make(&train_optim_muon, 24, 10, 1);
    double worst = 0, scale;

    (void)state;
    m.step.decay = 0;
    memset(m.step.value, 0, (size_t)m.n * sizeof(real));
    for (int64_t i = 0; i < m.n; i++)
        m.step.grad[i] = (real)number("grad", i);
    update(&m, 0);
    scale = m.step.rate * 0.2 * sqrt(24);
    for (int a = 0; a < 10; a++)
        for (int b = 0; b < 10; b++) {
            double dot = 0;

            for (int r = 0; r < 24; r++)
                dot += (double)m.step.value[10 * r + a] * (double)m.step.value[10 * r + b];
            worst = fmax(worst, fabs(dot / (scale * scale) - (a == b)));
        }
    assert_true(worst < 0.6); /* singular values of 0.7 to 1.2, which suffices */
    release(&m);
}

/* Of length sqrt(outputs) before each step, which turns it by no more than the rate says. */
static void muon_sgd_keeps_lengths(void **state)
{
    struct made m = make(&train_optim_muon_sgd, 24, 10, 1);

    (void)state;
    for (int t = 0; t < 20; t++) {
        double length;

        for (int64_t i = 0; i < m.n; i++)
            m.step.grad[i] = (real)number("grad", i + t);
        m.step.rate = 0.01;
        update(&m, t);
        length = sqrt(train_sumsq(m.step.k, NULL, m.n, m.step.value) / 10);
        assert_true(fabs(length - 1) < 0.0125); /* 0.01 times singular values of up to 1.2 */
    }
    release(&m);
}

static void sums_of_squares_see_what_is_no_number(void **state)
{
    struct err err = { 0 };
    const struct nn_kernels *k = nn_kernels_get("auto", &err);
    struct pool *pool = pool_new(3, &err);
    real *x = numbers(MOST);
    double one;

    (void)state;
    for (int i = 0; i < MOST; i++)
        x[i] = (real)number("x", i);
    one = train_sumsq(k, NULL, MOST, x);
    assert_true(one == train_sumsq(k, pool, MOST, x) && fabs(one / MOST - 0.75) < 0.01);
    x[MOST - 1] = (real)NAN;
    assert_false(isfinite(train_sumsq(k, pool, MOST, x)));
    assert_true(train_sumsq(k, pool, 0, x) == 0);
    free(x);
    pool_free(pool);
}

static void names_find_and_suggest(void **state)
{
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < train_optim_count(); i++)
        assert_ptr_equal(train_optim_find(train_optim_at(i)->name, &err), train_optim_at(i));
    assert_null(train_optim_find("adamv", &err));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.msg, "\"adamw\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_pytorch_and_the_papers),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(stretches_change_no_bit),
        cmocka_unit_test(every_optimiser_lowers_a_quadratic),
        cmocka_unit_test(muons_step_is_nearly_orthogonal),
        cmocka_unit_test(muon_sgd_keeps_lengths),
        cmocka_unit_test(sums_of_squares_see_what_is_no_number),
        cmocka_unit_test(names_find_and_suggest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
