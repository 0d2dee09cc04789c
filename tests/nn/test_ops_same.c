/*
 * test_ops_same -- what may change no answer of an operator, in every case with every variant
 *
 * Made once more, by other kernels, with pictures in bf16, with what follows done in the same step,
 * in a batch, by several threads, in place.
 */
#include "tests/nn/op_case.h"

/* What backward finds no more is made again, and nothing else moves: no statistic, no stash. */
static void once_more_is_the_same(void **state)
{
    (void)state;
    EACH_CASE(op, c) {
        struct fixture f = make(op, c, NN_TRAIN, 1, "auto", 0);
        struct nn_call first = f.call;
        size_t stash = 0, scratch = 0;
        void *left;

        if (op->space)
            op->space(&f.call, &stash, &scratch);
        left = malloc(stash + 1);
        assert_non_null(left);
        if (stash)
            memset(f.call.stash, 0, stash);
        nn_op_forward(op, &f.call);
        memcpy(left, f.call.stash ? f.call.stash : left, stash);
        for (int i = 0; i < f.call.n_in; i++) {
            size_t bytes = (size_t)shape_count(&first.x[i].shape) * sizeof(real);

            first.x[i].data = malloc(bytes + 1);
            assert_non_null(first.x[i].data);
            memcpy(first.x[i].data, f.call.x[i].data, bytes);
        }
        f.call.y.data = new_array(&f.call.y.shape);
        f.call.again = true;
        nn_op_forward(op, &f.call);
        if (!same_bits(&first.y, &f.call.y))
            fail_msg("%s {%s} %s: y is not the same", op->name, c->attr, c->in);
        if (stash && memcmp(left, f.call.stash, stash))
            fail_msg("%s {%s} %s: the stash is not the same", op->name, c->attr, c->in);
        for (int i = 0; i < f.call.n_in; i++) {
            if (!same_bits(&first.x[i], &f.call.x[i]))
                fail_msg("%s {%s} %s: input %d has changed", op->name, c->attr, c->in, i);
            free(first.x[i].data);
        }
        free(first.y.data);
        free(left);
        drop(&f);
    }
}

static void best_kernels_agree_with_reference(void **state)
{
    (void)state;
    EACH_CASE(op, c)
        for (int mode = NN_INFER; mode <= NN_TRAIN; mode++) {
            struct fixture f = make(op, c, mode, 1, "auto", 0), g = make(op, c, mode, 1, "ref", 0);

            nn_op_forward(op, &f.call);
            nn_op_forward(op, &g.call);
            assert_close(&f, &g.call.y, &f.call.y, 1e-5);
            if (mode == NN_TRAIN && op->backward) {
                want_gradients(&f);
                want_gradients(&g);
                op->backward(&f.call);
                op->backward(&g.call);
                for (int i = 0; i < f.call.n_in; i++)
                    if (f.call.dx[i].data)
                        assert_close(&f, &g.call.dx[i], &f.call.dx[i], 2e-5);
            }
            drop(&f);
            drop(&g);
        }
}

/* ---- bf16, and what is done after ------------------------------------------------------------ */

/* Pictures among a call's tensors to what bf16 can hold. */
static void round_to_half(struct tensor *t)
{
    for (int64_t i = 0; t->data && t->shape.rank == 4 && i < shape_count(&t->shape); i++)
        ((real *)t->data)[i] = (real)bf16_float(bf16_of((float)((real *)t->data)[i]));
}

/* The same as an array of bf16. */
static void halve(struct tensor *t)
{
    int64_t n = shape_count(&t->shape);
    bf16 *half;

    if (!t->data || t->shape.rank != 4)
        return;
    half = malloc((size_t)n * sizeof *half);
    assert_non_null(half);
    for (int64_t i = 0; i < n; i++)
        half[i] = bf16_of((float)((real *)t->data)[i]);
    free(t->data);
    t->data = half;
    t->dtype = DTYPE_BF16;
}

static void double_again(struct tensor *t)
{
    real *x;

    if (t->dtype != DTYPE_BF16)
        return;
    x = new_array(&t->shape);
    for (int64_t i = 0; i < shape_count(&t->shape); i++)
        x[i] = tensor_number(t, i);
    free(t->data);
    t->data = x;
    t->dtype = DTYPE_F32;
}

static void halve_gradients(struct fixture *f)
{
    for (int i = 0; i < f->call.n_in; i++)
        if (f->call.x[i].dtype == DTYPE_BF16)
            halve(&f->call.dx[i]);
    halve(&f->call.dy);
}

static void each_picture(struct fixture *f, void (*change)(struct tensor *))
{
    for (int i = 0; i < f->call.n_in; i++)
        if (!f->parameter[i]) {
            change(&f->call.x[i]);
            change(&f->call.dx[i]);
        }
    change(&f->call.y);
    change(&f->call.dy);
}

/* Variants, scratch and packed weights depend on the dtypes. */
static void make_space(struct fixture *f)
{
    size_t stash = 0, scratch = 0;

    free(f->call.packed);
    free(f->call.stash);
    free(f->call.scratch);
    choose(f);
    if (f->op->space)
        f->op->space(&f->call, &stash, &scratch);
    f->call.stash = aligned_alloc(64, (stash + 127) / 64 * 64);
    f->call.scratch = aligned_alloc(64, (scratch + 127) / 64 * 64);
    f->call.packed = f->op->pack
                         ? aligned_alloc(64, (f->op->packed(&f->call) + 63) / 64 * 64) : NULL;
}

/* Pictures in bf16: what real makes of the same numbers, to a few units of bf16. */
static void half_pictures_give_the_same(void **state)
{
    (void)state;
    EACH_CASE(op, c) {
        struct fixture f, g;

        if (!(op->flags & NN_OP_HALF))
            continue;
        f = make(op, c, NN_TRAIN, 1, "auto", 0);
        g = make(op, c, NN_TRAIN, 2, "auto", 0);
        each_picture(&f, round_to_half);
        each_picture(&g, halve);
        make_space(&g);
        nn_op_forward(op, &f.call);
        nn_op_forward(op, &g.call);
        want_gradients(&f);
        want_gradients(&g);
        round_to_half(&f.call.dy);
        halve_gradients(&g);
        op->backward(&f.call);
        op->backward(&g.call);
        each_picture(&g, double_again);
        assert_close(&f, &f.call.y, &g.call.y, 0.02);
        for (int i = 0; i < f.call.n_in; i++)
            if (f.call.dx[i].data)
                assert_close(&f, &f.call.dx[i], &g.call.dx[i], 0.02);
        drop(&f);
        drop(&g);
    }
}

/* y = cut(y + residual), or (not adds) cut(y), and backward through both. */
static void check_after(const struct nn_op *op, const struct nn_case *c, enum nn_mode mode,
                        bool fresh, bool adds)
{
    struct fixture f = make(op, c, mode, 1, "auto", 0), g = make(op, c, mode, 1, "auto", 0);
    int64_t n = shape_count(&f.call.y.shape);
    real *rest = new_array(&f.call.y.shape), *drest = new_array(&f.call.y.shape);
    const real lo = (real)-0.4, hi = (real)0.7;

    for (int64_t i = 0; i < n; i++) {
        rest[i] = adds ? (real)(rng_f64(3, rng_stream(RNG_TEST, 51), (uint64_t)i) - 0.5) : 0;
        drest[i] = fresh ? (real)NAN : 2;
    }
    g.call.after = (struct nn_after){ .adds = adds, .cuts = true, .lo = lo, .hi = hi,
                                      .fresh = fresh };
    g.call.after.residual = g.call.y;
    g.call.after.residual.data = adds ? rest : NULL;
    nn_op_forward(op, &f.call);
    nn_op_forward(op, &g.call);
    want_gradients(&f);
    want_gradients(&g);
    for (int64_t i = 0; i < n; i++) {
        real *y = (real *)f.call.y.data + i, *dy = (real *)f.call.dy.data + i;

        *y += rest[i];
        *y = *y < lo ? lo : *y > hi ? hi : *y;
        *dy = *y > lo && *y < hi ? *dy : 0;
    }
    assert_close(&f, &f.call.y, &g.call.y, 1e-5);
    if (mode == NN_TRAIN) {
        g.call.after.residual.data = NULL;
        g.call.after.dresidual = g.call.y;
        g.call.after.dresidual.data = adds ? drest : NULL;
        for (int64_t i = 0; i < n && !adds && op->flags & NN_OP_CUT_FROM_X; i++)
            ((real *)g.call.y.data)[i] = (real)NAN;
        op->backward(&f.call);
        op->backward(&g.call);
        for (int i = 0; i < f.call.n_in; i++)
            if (f.call.dx[i].data)
                assert_close(&f, &f.call.dx[i], &g.call.dx[i], 2e-5);
        for (int64_t i = 0; i < n && adds; i++)
            assert_true(drest[i] == ((real *)f.call.dy.data)[i] + (fresh ? 0 : 2));
    }
    free(rest);
    free(drest);
    drop(&f);
    drop(&g);
}

static void what_follows_is_done_in_the_same_step(void **state)
{
    (void)state;
    EACH_CASE(op, c) {
        if (op->flags & NN_OP_AFTER)
            check_after(op, c, NN_INFER, false, true);
        if (op->flags & NN_OP_AFTER_TRAIN) {
            check_after(op, c, NN_TRAIN, false, true);
            check_after(op, c, NN_TRAIN, true, true);
            check_after(op, c, NN_TRAIN, false, false);
        }
    }
}

/* ---- batches, threads, in place ------------------------------------------------------------- */

/* INFER: bit for bit.  Losses answer for the batch as a whole. */
static void batch_equals_singles(void **state)
{
    (void)state;
    EACH_CASE(op, c) {
        struct fixture f = make(op, c, NN_INFER, 2, "auto", 0);

        nn_op_forward(op, &f.call);
        for (int64_t n = 0; n < f.batch && !(op->flags & NN_OP_LOSS); n++) {
            struct fixture g = make(op, c, NN_INFER, 1, "auto", 1);
            int64_t out = shape_count(&g.call.y.shape);

            for (int i = 0; i < f.call.n_in; i++) {
                int64_t count = shape_count(&g.call.x[i].shape);

                memcpy(g.call.x[i].data,
                       (real *)f.call.x[i].data + (f.parameter[i] ? 0 : n * count),
                       (size_t)count * sizeof(real));
            }
            nn_op_forward(op, &g.call);
            if (memcmp(g.call.y.data, (real *)f.call.y.data + n * out, (size_t)out * sizeof(real)))
                fail_msg("%s {%s} %s: picture %lld depends on its neighbours", op->name, c->attr,
                         c->in, (long long)n);
            drop(&g);
        }
        drop(&f);
    }
}

/* Picture p of a batch, in place. */
static struct tensor picture_of(const struct tensor *batch, const struct shape *one, int64_t p)
{
    return (struct tensor){ batch->dtype, *one, (real *)batch->data + p * shape_count(one) };
}

static void copy(struct tensor *to, struct tensor from)
{
    memcpy(to->data, from.data, (size_t)shape_count(&to->shape) * sizeof(real));
}

/* Picture p of a batch that ran, against itself alone. */
static void check_picture(const struct fixture *f, int64_t p)
{
    struct fixture g = make(f->op, f->c, f->call.mode, 1, "auto", 1);
    const struct shape *y = &g.call.y.shape;
    struct tensor ours;

    want_gradients(&g);
    for (int i = 0; i < g.call.n_in; i++)
        copy(&g.call.x[i],
             picture_of(&f->call.x[i], &g.call.x[i].shape, f->parameter[i] ? 0 : p));
    copy(&g.call.dy, picture_of(&f->call.dy, y, p));
    nn_op_forward(f->op, &g.call);
    ours = picture_of(&f->call.y, y, p);
    assert_close(&g, &g.call.y, &ours, 1e-5);
    if (f->call.mode == NN_TRAIN)
        f->op->backward(&g.call);
    for (int i = 0; i < g.call.n_in; i++)
        if (g.call.dx[i].data && !f->parameter[i]) {
            ours = picture_of(&f->call.dx[i], &g.call.x[i].shape, p);
            assert_close(&g, &g.call.dx[i], &ours, 1e-5);
        }
    drop(&g);
}

/* So many pictures that work comes in several pieces: each has its own values and gradients. */
static void large_batch_equals_singles(void **state)
{
    (void)state;
    EACH_CASE(op, c)
        for (int mode = NN_INFER; mode <= NN_TRAIN; mode++) {
            int mixing = mode == NN_TRAIN ? NN_OP_ACROSS_BATCH | NN_OP_RANDOM : NN_OP_LOSS;
            struct fixture f;
            int64_t n;

            if (op->flags & mixing || *c->in == '=')    /* of parameters: there is no batch */
                continue;
            f = make(op, c, mode, 1, "auto", 1);
            n = 3 + 40000 / shape_count(&f.call.x[0].shape);
            drop(&f);
            f = make(op, c, mode, 2, "auto", n);
            want_gradients(&f);
            nn_op_forward(op, &f.call);
            if (mode == NN_TRAIN)
                op->backward(&f.call);
            check_picture(&f, 0);
            check_picture(&f, n / 2);
            check_picture(&f, n - 1);
            drop(&f);
        }
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    EACH_CASE(op, c)
        for (int mode = NN_INFER; mode <= NN_TRAIN; mode++) {
            struct fixture one = make(op, c, mode, 1, "auto", 0);

            nn_op_forward(op, &one.call);
            if (mode == NN_TRAIN && op->backward) {
                want_gradients(&one);
                op->backward(&one.call);
            }
            for (int threads = 2; threads <= 8; threads += threads < 3 ? 1 : 5) {
                struct fixture many = make(op, c, mode, threads, "auto", 0);

                nn_op_forward(op, &many.call);
                assert_true(same_bits(&one.call.y, &many.call.y));
                if (mode == NN_TRAIN && op->backward) {
                    want_gradients(&many);
                    op->backward(&many.call);
                    for (int i = 0; i < one.call.n_in; i++)
                        if (!same_bits(&one.call.dx[i], &many.call.dx[i]))
                            fail_msg("%s {%s} %s: d input %d differs with %d threads", op->name,
                                     c->attr, c->in, i, threads);
                }
                drop(&many);
            }
            drop(&one);
        }
}

static void in_place_equals_out_of_place(void **state)
{
    (void)state;
    EACH_CASE(op, c)
        for (int mode = NN_INFER; (op->flags & NN_OP_INPLACE) && mode <= NN_TRAIN; mode++) {
            struct fixture f = make(op, c, mode, 1, "auto", 0), g = make(op, c, mode, 1, "auto", 0);
            void *own = g.call.y.data;

            g.call.y.data = g.call.x[0].data;
            nn_op_forward(op, &f.call);
            nn_op_forward(op, &g.call);
            assert_true(same_bits(&f.call.y, &g.call.y));
            g.call.y.data = own;
            drop(&f);
            drop(&g);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_more_is_the_same),
        cmocka_unit_test(best_kernels_agree_with_reference),
        cmocka_unit_test(half_pictures_give_the_same),
        cmocka_unit_test(what_follows_is_done_in_the_same_step),
        cmocka_unit_test(batch_equals_singles),
        cmocka_unit_test(large_batch_equals_singles),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(in_place_equals_out_of_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
