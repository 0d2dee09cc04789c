/*
 * test_golden -- every operator against PyTorch, forward and backward
 *
 * tests/golden/ops.py wrote tests/golden/ops.safetensors and says what lies in it.  No operator is
 * named here: a case is a graph of one, as text, and its numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/graph.h"
#include "nn/io/safetensors.h"
#include "nn/kernel/cpu.h"
#include "nn/params.h"
#include "nn/variant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char path[] = "tests/golden/ops.safetensors";
static const double BOUND = 2e-6; /* of the largest number of a tensor; 6e-7 was seen */

struct fixture {
    const struct st_file *file;
    const char *name; /* of the case */
    struct nn_graph *g;
    const struct nn_node *node;
    struct nn_call call;
};

/* Tensor CASE:PREFIXNODE, or NULL. */
static const struct st_entry *find(const struct fixture *f, const char *prefix, const char *node)
{
    char name[256];

    snprintf(name, sizeof name, "%s:%s%s", f->name, prefix, node);
    return st_find(f->file, name);
}

static const struct nn_node *input(const struct fixture *f, int k)
{
    return &f->g->node[f->node->in[k]];
}

static bool is_param(const struct nn_node *node)
{
    return node->op == &nn_op_param || node->op == &nn_op_const;
}

static bool is_buffer(const struct nn_node *node)
{
    return node->op == &nn_op_param && ((const struct nn_param *)node->attr)->buffer;
}

/* What the file has for a node whose value is *s here, in the order of memory; the caller frees. */
static real *golden(const struct fixture *f, const char *prefix, const struct nn_node *node,
                    const struct shape *s)
{
    int id = (int)(node - f->g->node);
    const struct st_entry *e = find(f, prefix, node->name);
    struct shape want = is_param(node) ? nn_params_file_shape(f->g, id) : *s;
    size_t bytes = (size_t)shape_count(s) * sizeof(real);
    real *from_file = malloc(bytes), *x = malloc(bytes);
    struct err err = { 0 };

    _Static_assert(sizeof(real) == sizeof(float), "golden numbers are floats");
    if (!e || !shape_equal(&e->tensor.shape, &want) || !st_floats(e, from_file, &err))
        fail_msg("%s: no %s%s of the right shape %s", f->name, prefix, node->name, err.msg);
    if (is_param(node))
        nn_params_from_file(f->g, id, from_file, x);
    else
        memcpy(x, from_file, bytes);
    free(from_file);
    return x;
}

/* A block for what is to be written: NaN all over. */
static void *unwritten(size_t bytes)
{
    void *p = bytes ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;

    assert_true(p || !bytes);
    return p ? memset(p, 0xff, bytes) : NULL;
}

static struct fixture make(const struct st_file *file, const struct st_meta *meta,
                           enum nn_mode mode, const char *isa)
{
    struct fixture f = { .file = file, .name = meta->key };
    struct nn_call *c = &f.call;
    size_t stash = 0, scratch = 0;
    struct err err = { 0 };
    int64_t batch;

    f.g = nn_graph_read(meta->value, strlen(meta->value), 0, NULL, &err);
    if (!f.g)
        fail_msg("%s: %s", f.name, err.msg);
    f.node = &f.g->node[nn_graph_find_output(f.g, "y")];
    *c = (struct nn_call){ .attr = f.node->attr,
                           .mode = mode,
                           .n_in = f.node->n_in,
                           .threads = 1,
                           .k = nn_kernels_get(isa, &err) };
    assert_non_null(find(&f, "", input(&f, 0)->name));
    batch = find(&f, "", input(&f, 0)->name)->tensor.shape.dim[0];
    for (int k = 0; k < c->n_in; k++) {
        assert_true(nn_type_shape(&input(&f, k)->type, batch, &c->x[k].shape));
        c->x[k].data = golden(&f, "", input(&f, k), &c->x[k].shape);
    }
    assert_true(nn_type_shape(&f.node->type, batch, &c->y.shape));
    c->y.data = unwritten((size_t)shape_count(&c->y.shape) * sizeof(real));
    assert_true(nn_variants_choose(NULL, f.node->op, c, &err));
    if (f.node->op->space)
        f.node->op->space(c, &stash, &scratch);
    c->packed = f.node->op->pack ? unwritten(f.node->op->packed(c)) : NULL;
    c->stash = unwritten(stash);
    c->scratch = unwritten(scratch);
    return f;
}

static void drop(struct fixture *f)
{
    for (int k = 0; k < f->call.n_in; k++) {
        free(f->call.x[k].data);
        free(f->call.dx[k].data);
    }
    free(f->call.y.data);
    free(f->call.dy.data);
    free(f->call.packed);
    free(f->call.stash);
    free(f->call.scratch);
    nn_graph_free(f->g);
}

static void check(const struct fixture *f, const char *prefix, const struct nn_node *node,
                  const struct tensor *ours)
{
    real *theirs = golden(f, prefix, node, &ours->shape);
    int64_t n = shape_count(&ours->shape);
    double largest = 1e-30;

    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)theirs[i]));
    for (int64_t i = 0; i < n; i++) {
        double x = (double)((const real *)ours->data)[i], y = (double)theirs[i];

        if (!(fabs(x - y) <= BOUND * largest))
            fail_msg("%s: %s%s[%lld] is %.9g, PyTorch has %.9g", f->name, prefix, node->name,
                     (long long)i, x, y);
    }
    free(theirs);
}

/* Gradients of everything that has one, and nothing is left out of the file. */
static void check_backward(struct fixture *f)
{
    struct nn_call *c = &f->call;

    c->dy.shape = c->y.shape;
    c->dy.data = golden(f, "grad.", f->node, &c->y.shape);
    for (int k = 0; k < c->n_in; k++) {
        c->dx[k].shape = c->x[k].shape;
        if (f->node->op->no_grad >> k & 1)
            continue;
        c->dx[k].data = calloc((size_t)shape_count(&c->x[k].shape), sizeof(real));
        assert_non_null(c->dx[k].data);
    }
    f->node->op->backward(c);
    for (int k = 0; k < c->n_in; k++)
        if (c->dx[k].data)
            check(f, "grad.", input(f, k), &c->dx[k]);
}

static void run_case(const struct st_file *file, const struct st_meta *meta, enum nn_mode mode,
                     const char *isa)
{
    struct fixture f = make(file, meta, mode, isa);
    bool has_gradients = find(&f, "grad.", f.node->name), has_buffers = false;

    for (int k = 0; k < f.call.n_in; k++)
        has_buffers |= is_buffer(input(&f, k));
    /* What has buffers answers differently in the two modes; the case is for one of them. */
    if (mode == NN_TRAIN ? has_gradients : !has_gradients || !has_buffers) {
        nn_op_forward(f.node->op, &f.call);
        check(&f, "", f.node, &f.call.y);
        for (int k = 0; k < f.call.n_in; k++)
            if (is_buffer(input(&f, k)))
                check(&f, mode == NN_TRAIN ? "after." : "", input(&f, k), &f.call.x[k]);
        if (mode == NN_TRAIN)
            check_backward(&f);
    }
    drop(&f);
}

static void operators_equal_pytorch(void **state)
{
    static const char *const isa[] = { "ref", "auto" };
    struct err err = { 0 };
    struct st_file *file = st_open(path, &err);

    (void)state;
    if (!file)
        fail_msg("%s", err.msg);
    assert_true(file->n_meta > 60);
    for (int i = 0; i < file->n_meta; i++)
        for (int mode = NN_INFER; mode <= NN_TRAIN; mode++)
            for (int k = 0; k < 2; k++)
                run_case(file, &file->meta[i], mode, isa[k]);
    st_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_equal_pytorch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
