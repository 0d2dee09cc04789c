/*
 * test_ops_backward -- gradients of every operator, in every case with every variant
 *
 * With real = double they are held against central differences.
 */
#include "tests/nn/op_case.h"

/* sum(dy * y), the function whose gradient backward computes */
static double objective(struct fixture *f)
{
    double sum = 0;

    nn_op_forward(f->op, &f->call);
    for (int64_t i = 0; i < shape_count(&f->call.y.shape); i++)
        sum += (double)((real *)f->call.dy.data)[i] * (double)((real *)f->call.y.data)[i];
    return sum;
}

static void gradient_equals_central_differences(void **state)
{
    const double h = 1e-5;

    (void)state;
    if (sizeof(real) != sizeof(double))
        skip();
    EACH_CASE(op, c) {
        struct fixture f = make(op, c, NN_TRAIN, 1, "auto", 0);

        want_gradients(&f);
        nn_op_forward(op, &f.call);
        if (op->backward)
            op->backward(&f.call);
        for (int i = 0; i < f.call.n_in && op->backward; i++) {
            int64_t n = shape_count(&f.call.x[i].shape), step = n > 300 ? n / (way ? 20 : 150) : 1;
            real *x = f.call.x[i].data;
            double scale;

            if (!f.call.dx[i].data)
                continue;
            scale = fmax(largest(&f.call.dx[i]), 1e-3);
            for (int64_t k = 0; k < n; k += step) {
                real keep = x[k];
                double up, down, numeric, ours = (double)((real *)f.call.dx[i].data)[k];

                x[k] = (real)((double)keep + h);
                up = objective(&f);
                x[k] = (real)((double)keep - h);
                down = objective(&f);
                x[k] = keep;
                numeric = (up - down) / (2 * h);
                if (!(fabs(ours - numeric) <= 1e-6 * scale))
                    fail_msg("%s {%s} %s: d input %d [%lld] is %.12g, differences say %.12g",
                             op->name, c->attr, c->in, i, (long long)k, ours, numeric);
            }
        }
        drop(&f);
    }
}

static void poison(struct tensor *t)
{
    for (int64_t i = 0; i < shape_count(&t->shape); i++)
        ((real *)t->data)[i] = (real)NAN;
}

/* NaN in everything that keep does not claim changes no gradient. */
static void backward_reads_only_what_it_keeps(void **state)
{
    (void)state;
    EACH_CASE(op, c) {
        struct fixture f = make(op, c, NN_TRAIN, 1, "auto", 0),
                       g = make(op, c, NN_TRAIN, 1, "auto", 0);
        size_t stash = 0, scratch = 0;

        if (op->backward) {
            want_gradients(&f);
            want_gradients(&g);
            nn_op_forward(op, &f.call);
            nn_op_forward(op, &g.call);
            if (op->space)
                op->space(&g.call, &stash, &scratch);
            if (g.call.scratch)
                memset(g.call.scratch, 0xff, scratch);
            if (g.call.stash && !(op->keep & NN_KEEP_STASH))
                memset(g.call.stash, 0xff, stash);
            if (!(op->keep & NN_KEEP_Y))
                poison(&g.call.y);
            for (int i = 0; i < g.call.n_in; i++)
                if (!(op->keep & NN_KEEP_X) && !g.parameter[i])
                    poison(&g.call.x[i]);
            op->backward(&f.call);
            op->backward(&g.call);
            for (int i = 0; i < f.call.n_in; i++)
                if (!same_bits(&f.call.dx[i], &g.call.dx[i]))
                    fail_msg("%s {%s} %s: d input %d reads what .keep does not claim", op->name,
                             c->attr, c->in, i);
        }
        drop(&f);
        drop(&g);
    }
}

static void backward_adds_and_skips_what_is_not_wanted(void **state)
{
    (void)state;
    EACH_CASE(op, c)
        for (int left_out = -1; op->backward && left_out < NN_MAX_IN; left_out++) {
            struct fixture f = make(op, c, NN_TRAIN, 1, "auto", 0),
                           g = make(op, c, NN_TRAIN, 1, "auto", 0);

            want_gradients(&f);
            want_gradients(&g);
            for (int i = 0; i < g.call.n_in; i++)
                for (int64_t k = 0; g.call.dx[i].data && k < shape_count(&g.call.dx[i].shape); k++)
                    ((real *)g.call.dx[i].data)[k] = 2;
            if (left_out >= 0 && left_out < g.call.n_in) {
                free(g.call.dx[left_out].data);
                g.call.dx[left_out].data = NULL;
            }
            nn_op_forward(op, &f.call);
            nn_op_forward(op, &g.call);
            op->backward(&f.call);
            op->backward(&g.call);
            for (int i = 0; i < g.call.n_in; i++)
                if (g.call.dx[i].data) {
                    for (int64_t k = 0; k < shape_count(&g.call.dx[i].shape); k++)
                        ((real *)f.call.dx[i].data)[k] += 2;
                    assert_close(&f, &f.call.dx[i], &g.call.dx[i], 1e-5);
                }
            drop(&f);
            drop(&g);
            if (left_out + 1 >= g.call.n_in)
                break;
        }
}

/* A gradient that holds nothing yet is written: as if it had been 0. */
static void backward_writes_what_is_fresh(void **state)
{
    (void)state;
    EACH_CASE(op, c) {
        struct fixture f = make(op, c, NN_TRAIN, 1, "auto", 0),
                       g = make(op, c, NN_TRAIN, 1, "auto", 0);

        want_gradients(&f);
        want_gradients(&g);
        for (int i = 0; i < g.call.n_in; i++)
            if (op->fresh >> i & 1) {
                g.call.fresh |= 1u << i;
                poison(&g.call.dx[i]);
            }
        nn_op_forward(op, &f.call);
        nn_op_forward(op, &g.call);
        if (op->backward) {
            op->backward(&f.call);
            op->backward(&g.call);
        }
        for (int i = 0; i < g.call.n_in; i++)
            if (g.call.dx[i].data)
                assert_close(&f, &f.call.dx[i], &g.call.dx[i], 0);
        drop(&f);
        drop(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_equals_central_differences),
        cmocka_unit_test(backward_reads_only_what_it_keeps),
        cmocka_unit_test(backward_adds_and_skips_what_is_not_wanted),
        cmocka_unit_test(backward_writes_what_is_fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
