/*
 * test_ops -- what every operator must keep, from its own table of cases
 *
 * Generic over ops.def x cases x variants: no operator is named here.  Compiled twice: with real =
 * float, and in a second tree with real = double, where gradients are held against central
 * differences.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/graph.h"
#include "nn/kernel/cpu.h"
#include "nn/variant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 16 };            /* canary numbers after every array */
static const real CANARY = (real)12345.678;

/* One operator with one case: types, arrays, a call. */
struct fixture {
    const struct nn_op *op;
    const struct nn_case *c;
    struct nn_graph *g;
    int node;
    int64_t batch;              /* as the case says */
    struct nn_call call;
    bool parameter[NN_MAX_IN];  /* input i is no activation: it has no batch */
    struct pool *pool;
};

/* 0: each choice of an operator as its rule has it; else its variant way - 1 where the call can
 * take that. */
static int way;

static void choose(struct fixture *f)
{
    struct err err = { 0 };
    const struct nn_choice *choice = f->op->choices;

    assert_true(nn_variants_choose(NULL, f->op, &f->call, &err));
    for (int k = 0; way && choice && choice[k].name; k++) {
        int n = 0;

        while (choice[k].variant[n])
            n++;
        if (way <= n && choice[k].can(&f->call, way - 1))
            f->call.variant[k] = (unsigned char)(way - 1);
    }
}

/* The case's graph: an input node each, `const` for a shape after '=', then the operator. */
static void make_graph(struct fixture *f)
{
    struct err err = { 0 };
    char shapes[256], *save = NULL;
    struct str text = { 0 };
    int n = 0;

    snprintf(shapes, sizeof shapes, "%s", f->c->in);
    for (char *w = strtok_r(shapes, " ", &save); w; w = strtok_r(NULL, " ", &save), n++) {
        bool constant = *w == '=';
        char *dims = constant ? w + 1 : strchr(w, 'x') + 1;

        if (!constant)
            f->batch = strtol(w, NULL, 10);
        f->parameter[n] = constant;
        str_printf(&text, "x%d = %s shape=%s\n", n, constant ? "const" : "input", dims);
    }
    str_printf(&text, "y = %s", f->op->name);
    for (int i = 0; i < n; i++)
        str_printf(&text, " x%d", i);
    str_printf(&text, " %s\noutput y = y\n", f->c->attr);
    f->g = nn_graph_read(str_text(&text), text.len, 0, NULL, &err);
    if (!f->g)
        fail_msg("%s {%s} %s: %s", f->op->name, f->c->attr, f->c->in, err.msg);
    str_release(&text);
    f->node = nn_graph_find(f->g, "y");
    for (int k = n; k < f->g->node[f->node].n_in; k++)
        f->parameter[k] = true;
}

static void *new_array(const struct shape *s)
{
    int64_t n = shape_count(s);
    real *x = malloc((size_t)(n + GUARD) * sizeof *x);

    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (real)NAN;
    for (int i = 0; i < GUARD; i++)
        x[n + i] = CANARY;
    return x;
}

static void check_guard(const struct tensor *t)
{
    int64_t n = shape_count(&t->shape);

    for (int i = 0; t->data && i < GUARD; i++)
        assert_true(((real *)t->data)[n + i] == CANARY);
}

/* A shuffled, zero-free, evenly spaced grid: no kink and no tie closer
 * than a step of the differences. */
static void fill_grid(real *x, int64_t n, uint64_t stream)
{
    uint32_t *order = malloc((size_t)n * sizeof *order);

    assert_non_null(order);
    rng_shuffle(1, rng_stream(RNG_TEST, (uint32_t)stream), (uint32_t)n, order);
    for (int64_t i = 0; i < n; i++)
        x[i] = (real)((order[i] + 0.5 - n / 2.0) * (n < 60 ? 0.1 : 6.0 / (double)n));
    free(order);
}

static void fill(struct fixture *f, int i)
{
    struct tensor *t = &f->call.x[i];
    int64_t n = shape_count(&t->shape), width = t->shape.rank ? t->shape.dim[t->shape.rank - 1] : 1;
    char how = f->c->fill && (int)strlen(f->c->fill) > i ? f->c->fill[i] : 'g';
    const struct nn_node *node = &f->g->node[f->g->node[f->node].in[i]];
    real *x = t->data;
    uint64_t stream = rng_stream(RNG_TEST, 100 + (uint32_t)i);

    if (node->op == &nn_op_param && ((const struct nn_param *)node->attr)->buffer)
        how = 'v';
    if (how == 'g')
        fill_grid(x, n, 7 + (uint64_t)i);
    for (int64_t k = 0; k < n && how != 'g'; k++) {
        double u = rng_f64(2, stream, (uint64_t)k);

        x[k] = (real)(how == 't' ? (u > 0.5) : how == 'u' ? (int)(3 * u) - 1 : 0.25 + u);
    }
    for (int64_t r = 0; how == 'p' && r < n / width; r++) {
        double sum = 0;

        for (int64_t k = 0; k < width; k++)
            sum += (double)x[r * width + k];
        for (int64_t k = 0; k < width; k++)
            x[r * width + k] /= (real)sum;
    }
}

/* The call without arrays. */
static void begin_call(struct fixture *f, enum nn_mode mode, int threads, const char *isa)
{
    const struct nn_node *node = &f->g->node[f->node];
    struct err err = { 0 };

    f->call = (struct nn_call){
        .attr = node->attr, .mode = mode, .n_in = node->n_in, .threads = threads,
        .k = nn_kernels_get(isa, &err), .seed = 5, .stream = rng_stream(RNG_DROPOUT, 3) };
    assert_non_null(f->call.k);
    for (int i = 0; i < node->n_in; i++)
        assert_true(nn_type_shape(&f->g->node[node->in[i]].type, f->batch, &f->call.x[i].shape));
    assert_true(nn_type_shape(&node->type, f->batch, &f->call.y.shape));
}

/* Whether that way is another one than the rules' for the call, in real or with pictures in
 * bf16. */
static bool differs(struct fixture *f)
{
    bool any = false;

    for (int half = 0; half < 2; half++) {
        unsigned char there[NN_CHOICES];

        choose(f);
        memcpy(there, f->call.variant, sizeof there);
        for (int k = 0; f->op->choices[k].name; k++)
            any |= there[k] != f->op->choices[k].rule(&f->call);
        f->call.x[0].dtype = f->call.y.dtype = DTYPE_BF16;
    }
    return any;
}

/* The next way to compute the case; -1: none. */
static int way_behind(const struct nn_op *op, const struct nn_case *c, int last)
{
    struct fixture f = { .op = op, .c = c };
    bool found = false;

    if (!op->choices)
        return -1;
    make_graph(&f);
    begin_call(&f, NN_TRAIN, 1, "auto");
    for (way = last + 1; !found && way <= NN_VARIANTS; way++)
        found = differs(&f);
    nn_graph_free(f.g);
    return found ? way - 1 : -1;
}

/* Arrays for `batch` pictures; inputs filled. */
static struct fixture make(const struct nn_op *op, const struct nn_case *c, enum nn_mode mode,
                           int threads, const char *isa, int64_t batch)
{
    struct fixture f = { .op = op, .c = c };
    struct err err = { 0 };
    size_t stash = 0, scratch = 0;
    const struct nn_node *node;

    make_graph(&f);
    if (batch)
        f.batch = batch;
    node = &f.g->node[f.node];
    f.pool = pool_new(threads, &err);
    assert_non_null(f.pool);
    begin_call(&f, mode, threads, isa);
    choose(&f);
    if (op->space)
        op->space(&f.call, &stash, &scratch);
    if (op->pack)
        f.call.packed = aligned_alloc(64, (op->packed(&f.call) + 63) / 64 * 64);
    f.call.pool = f.pool;
    f.call.stash = stash ? aligned_alloc(64, (stash + 63) / 64 * 64) : NULL;
    f.call.scratch = scratch ? aligned_alloc(64, (scratch + 63) / 64 * 64) : NULL;
    for (int i = 0; i < node->n_in; i++) {
        f.call.x[i].data = new_array(&f.call.x[i].shape);
        fill(&f, i);
        f.call.dx[i].shape = f.call.x[i].shape;
    }
    f.call.y.data = new_array(&f.call.y.shape);
    f.call.dy.shape = f.call.y.shape;
    return f;
}

/* Gradients wanted of all inputs that have one, 0 so far; dy a fixed pattern. */
static void want_gradients(struct fixture *f)
{
    int64_t n = shape_count(&f->call.y.shape);
    real *dy = f->call.dy.data = new_array(&f->call.dy.shape);

    for (int64_t i = 0; i < n; i++)
        dy[i] = (real)(rng_f64(3, rng_stream(RNG_TEST, 50), (uint64_t)i) - 0.4);
    for (int i = 0; i < f->call.n_in; i++)
        if (!(f->op->no_grad >> i & 1)) {
            real *dx = f->call.dx[i].data = new_array(&f->call.dx[i].shape);

            for (int64_t k = 0; k < shape_count(&f->call.dx[i].shape); k++)
                dx[k] = 0;
        }
}

static void drop(struct fixture *f)
{
    check_guard(&f->call.y);
    check_guard(&f->call.dy);
    free(f->call.y.data);
    free(f->call.dy.data);
    for (int i = 0; i < f->call.n_in; i++) {
        check_guard(&f->call.x[i]);
        check_guard(&f->call.dx[i]);
        free(f->call.x[i].data);
        free(f->call.dx[i].data);
    }
    free(f->call.packed);
    free(f->call.stash);
    free(f->call.scratch);
    pool_free(f->pool);
    nn_graph_free(f->g);
}

static bool same_bits(const struct tensor *a, const struct tensor *b)
{
    return !a->data == !b->data &&
           (!a->data || !memcmp(a->data, b->data, (size_t)shape_count(&a->shape) * sizeof(real)));
}

static double largest(const struct tensor *t)
{
    double max = 0;

    for (int64_t i = 0; i < shape_count(&t->shape); i++)
        max = fmax(max, fabs((double)((real *)t->data)[i]));
    return max;
}

/* |a - b| <= bound * (largest of a, at least 1e-3), everywhere; NaN is no match. */
static void assert_close(const struct fixture *f, const struct tensor *a, const struct tensor *b,
                         double bound)
{
    double scale = fmax(largest(a), 1e-3);

    for (int64_t i = 0; i < shape_count(&a->shape); i++) {
        double x = (double)((real *)a->data)[i], y = (double)((real *)b->data)[i];

        if (!(fabs(x - y) <= bound * scale))
            fail_msg("%s {%s} %s: number %lld is %.9g and %.9g", f->op->name, f->c->attr, f->c->in,
                     (long long)i, x, y);
    }
}

#define EACH_CASE(op, c) \
    for (int op##_i = 0; op##_i < nn_op_count(); op##_i++) \
        for (const struct nn_op *op = nn_op_at(op##_i); op; op = NULL) \
            for (const struct nn_case *c = op->flags & NN_OP_LEAF ? NULL : op->cases; \
                 c && c->attr; c++) \
                for (way = 0; way >= 0; way = way_behind(op, c, way))

static void every_op_has_cases(void **state)
{
    (void)state;
    for (int i = 0; i < nn_op_count(); i++) {
        const struct nn_op *op = nn_op_at(i);

        assert_non_null(op->doc);
        assert_non_null(op->type);
        if (!(op->flags & NN_OP_LEAF) && (!op->cases || !op->cases[0].attr || !op->forward))
            fail_msg("%s has no cases or no forward", op->name);
    }
}

/* Some case, in real or with pictures in bf16, can be computed so. */
static bool has_case(const struct nn_op *op, const struct nn_choice *choice, int variant)
{
    bool found = false;

    for (const struct nn_case *c = op->cases; c->attr && !found; c++) {
        struct fixture f = { .op = op, .c = c };

        make_graph(&f);
        begin_call(&f, NN_TRAIN, 1, "auto");
        found = choice->can(&f.call, variant);
        f.call.x[0].dtype = f.call.y.dtype = DTYPE_BF16;
        found |= choice->can(&f.call, variant);
        nn_graph_free(f.g);
    }
    return found;
}

/* Kernels, and so some variants, are for float alone. */
static void every_variant_has_a_case(void **state)
{
    (void)state;
    if (sizeof(real) != sizeof(float))
        skip();
    for (int i = 0; i < nn_op_count(); i++) {
        const struct nn_op *op = nn_op_at(i);
        int n = 0;

        for (const struct nn_choice *k = op->choices; k && k->name; k++, n++) {
            int v = 0;

            for (; k->variant[v]; v++)
                if (!has_case(op, k, v))
                    fail_msg("%s: no case for %s=%s", op->name, k->name, k->variant[v]);
            assert_in_range(v, 2, NN_VARIANTS);
        }
        assert_in_range(n, 0, NN_CHOICES);
    }
}

static void forward_writes_what_type_says(void **state)
{
    (void)state;
    EACH_CASE(op, c)
        for (int mode = NN_INFER; mode <= NN_TRAIN; mode++) {
            struct fixture f = make(op, c, mode, 1, "auto", 0);

            nn_op_forward(op, &f.call);
            for (int64_t i = 0; i < shape_count(&f.call.y.shape); i++)
                if (isnan(((real *)f.call.y.data)[i]))
                    fail_msg("%s {%s} %s: number %lld was not written", op->name, c->attr, c->in,
                             (long long)i);
            drop(&f);
        }
}

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

static void text_round_trip(void **state)
{
    (void)state;
    EACH_CASE(op, c) {
        struct fixture f = { .op = op, .c = c };
        struct str text = { 0 }, again = { 0 };
        struct err err = { 0 };
        struct nn_graph *g;

        make_graph(&f);
        assert_true(nn_graph_write(f.g, &text));
        g = nn_graph_read(str_text(&text), text.len, 0, NULL, &err);
        if (!g)
            fail_msg("%s: %s\n%s", op->name, err.msg, str_text(&text));
        assert_true(nn_graph_equal(f.g, g));
        assert_true(nn_graph_write(g, &again));
        assert_string_equal(str_text(&text), str_text(&again));
        str_release(&text);
        str_release(&again);
        nn_graph_free(g);
        nn_graph_free(f.g);
    }
}

/* A value within the field's range, small ones preferred. */
static double draw_value(const struct field *f, uint64_t i)
{
    double u = rng_f64(9, rng_stream(RNG_TEST, 1), i), lo = f->min, hi = f->max;

    if (f->kind == FIELD_KIND_BOOL)
        return u > 0.5;
    if (f->kind == FIELD_KIND_ENUM) {
        int n = 0;

        while (f->names[n])
            n++;
        return (int)(u * n);
    }
    if (rng_u32(9, rng_stream(RNG_TEST, 2), i) % 4)
        hi = fmin(hi, lo + 6);
    return f->kind == FIELD_KIND_FLOAT || f->kind == FIELD_KIND_FLOATS
               ? lo + u * (hi - lo)
               : floor(lo + u * (hi - lo + 0.999));
}

/* Attributes within their ranges and inputs of any type: type() answers or refuses; what it accepts
 * and is small runs.  The sanitizers watch. */
static void random_attributes_never_crash(void **state)
{
    static const int dims[] = { 1, 1, 2, 3, 4, 5, 7, 8, 12, 33 };
    uint64_t draw = 0;

    (void)state;
    for (int o = 0; o < nn_op_count(); o++) {
        const struct nn_op *op = nn_op_at(o);
        int accepted = 0;

        for (int round = 0; round < 3000; round++) {
            struct nn_type in[NN_MAX_IN] = { 0 }, out = { 0 };
            _Alignas(16) char attr[512] = { 0 };
            struct err err = { 0 };
            int n_in = op->in_min + (int)(rng_u32(9, 3, draw++) %
                                          (uint32_t)(op->in_max - op->in_min + 1));

            assert_true(op->attr_size <= sizeof attr);
            for (const struct field *f = op->attrs; f && f->name; f++)
                for (int k = 0; k < f->count; k++) {
                    double v = draw_value(f, draw++);
                    char *at = field_at(f, attr);

                    if (f->kind == FIELD_KIND_BOOL)
                        *(bool *)at = v > 0;
                    else if (f->kind == FIELD_KIND_FLOAT || f->kind == FIELD_KIND_FLOATS)
                        ((double *)at)[k] = v;
                    else if (f->kind != FIELD_KIND_STRING)
                        ((int *)at)[k] = (int)v;
                }
            field_fill(op->attrs, attr);
            for (int i = 0; i < n_in; i++) {
                bool batch = rng_u32(9, 6, (uint64_t)round) % 8;

                in[i].dtype = DTYPE_F32;
                in[i].rank = round % 3 ? (i ? in[0].rank : 2 + 2 * (int)(draw % 2))
                                       : (int)(rng_u32(9, 4, draw++) % 9);
                for (int d = 0; d < in[i].rank; d++) {
                    int n = dims[rng_u32(9, 5, draw++) % 10];

                    in[i].dim[d] = (struct nn_dim){ d || !batch ? n : 1, d == 0 && batch };
                    if (i && round % 2)
                        in[i].dim[d] = in[0].dim[d];
                }
                if (i && op->param && n_in) {
                    struct nn_param p = { 0 };

                    if (op->param(attr, &in[0], i, &p))
                        in[i] = nn_type_of_param(&p);
                }
            }
            if (op->type(attr, n_in, in, &out, &err))
                accepted++;
            else
                assert_true(err.kind != ERR_NONE && err.msg[0]);
        }
        if (!accepted && !(op->flags & NN_OP_LEAF))
            fail_msg("%s: none of the random types was accepted", op->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_has_cases),
        cmocka_unit_test(every_variant_has_a_case),
        cmocka_unit_test(forward_writes_what_type_says),
        cmocka_unit_test(once_more_is_the_same),
        cmocka_unit_test(best_kernels_agree_with_reference),
        cmocka_unit_test(gradient_equals_central_differences),
        cmocka_unit_test(backward_reads_only_what_it_keeps),
        cmocka_unit_test(backward_adds_and_skips_what_is_not_wanted),
        cmocka_unit_test(backward_writes_what_is_fresh),
        cmocka_unit_test(half_pictures_give_the_same),
        cmocka_unit_test(what_follows_is_done_in_the_same_step),
        cmocka_unit_test(batch_equals_singles),
        cmocka_unit_test(large_batch_equals_singles),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(in_place_equals_out_of_place),
        cmocka_unit_test(text_round_trip),
        cmocka_unit_test(random_attributes_never_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
