/*
 * op_case -- one operator with one case of its table: types, arrays, a call
 *
 * No operator is named here.  Tests that stand on it are compiled twice: with real = float, and in
 * a second tree with real = double.
 */
#ifndef TESTS_NN_OP_CASE_H
#define TESTS_NN_OP_CASE_H

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

static inline void choose(struct fixture *f)
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
static inline void make_graph(struct fixture *f)
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

static inline void *new_array(const struct shape *s)
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

static inline void check_guard(const struct tensor *t)
{
    int64_t n = shape_count(&t->shape);

    for (int i = 0; t->data && i < GUARD; i++)
        assert_true(((real *)t->data)[n + i] == CANARY);
}

/* A shuffled, zero-free, evenly spaced grid: no kink and no tie closer
 * than a step of the differences. */
static inline void fill_grid(real *x, int64_t n, uint64_t stream)
{
    uint32_t *order = malloc((size_t)n * sizeof *order);

    assert_non_null(order);
    rng_shuffle(1, rng_stream(RNG_TEST, (uint32_t)stream), (uint32_t)n, order);
    for (int64_t i = 0; i < n; i++)
        x[i] = (real)((order[i] + 0.5 - n / 2.0) * (n < 60 ? 0.1 : 6.0 / (double)n));
    free(order);
}

static inline void fill(struct fixture *f, int i)
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
static inline void begin_call(struct fixture *f, enum nn_mode mode, int threads, const char *isa)
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
static inline bool differs(struct fixture *f)
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
static inline int way_behind(const struct nn_op *op, const struct nn_case *c, int last)
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
static inline struct fixture make(const struct nn_op *op, const struct nn_case *c,
                                  enum nn_mode mode, int threads, const char *isa, int64_t batch)
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
static inline void want_gradients(struct fixture *f)
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

static inline void drop(struct fixture *f)
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

static inline bool same_bits(const struct tensor *a, const struct tensor *b)
{
    return !a->data == !b->data &&
           (!a->data || !memcmp(a->data, b->data, (size_t)shape_count(&a->shape) * sizeof(real)));
}

static inline double largest(const struct tensor *t)
{
    double max = 0;

    for (int64_t i = 0; i < shape_count(&t->shape); i++)
        max = fmax(max, fabs((double)((real *)t->data)[i]));
    return max;
}

/* |a - b| <= bound * (largest of a, at least 1e-3), everywhere; NaN is no match. */
static inline void assert_close(const struct fixture *f, const struct tensor *a,
                                const struct tensor *b, double bound)
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

#endif
