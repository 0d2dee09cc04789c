/*
 * test_golden_models -- whole networks against PyTorch: two steps of training
 *
 * tests/golden/models.py wrote tests/golden/models.safetensors and says what lies in it, which
 * formulas weights and pictures follow, and how steps are taken.  Compiled twice, as test_ops: with
 * real = double, all agrees to the last digits of the file's floats.  With real = float, a ReLU's
 * input now and then rounds to the other side of a kink and moves the gradients of the layers
 * before it, by up to 2e-2 where pictures have shrunk to few pixels; so that losses and logits must
 * be near, and gradients not far.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/exec.h"
#include "nn/io/safetensors.h"
#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "nn/op/input.h"
#include "nn/op/xent.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4, LABELS = 10, STEPS = 2, SEED = 1 };

static const char path[] = "tests/golden/models.safetensors";
static const double RATE = 0.02, MOMENTUM = 0.9, DECAY = 5e-4, SMOOTH = 0.1;
#define IN_FLOAT (sizeof(real) == sizeof(float))
static const double NEAR = IN_FLOAT ? 1e-4 : 2e-6, FAR = IN_FLOAT ? 0.1 : 2e-6;

struct run {
    const char *name;
    const struct st_file *file;
    struct nn_graph *g;
    struct nn_params *params;
    struct nn_plan *plan;
    struct pool *pool;
    struct nn_exec *e;
    int *sorted;                     /* entries of params, by the names of their nodes */
    real *before, *moment, *scratch; /* [params->total] */
    float *in_file;                  /* [params->total], a tensor in the order of files */
    int n_near, n_all;               /* sketches */
};

/* Numbers by a formula: number i of a name. */
static double uniform(const char *name, int64_t i)
{
    uint32_t hash = 0x811c9dc5;

    for (const char *p = name; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 0x01000193;
    return (double)rng_f32(SEED, hash, (uint64_t)i);
}

static const char *name_of(const struct run *r, int entry)
{
    return r->g->node[r->params->node[entry]].name;
}

/* A parameter's first values, in the order of files. */
static void start_values(const struct run *r, int entry, float *x)
{
    struct shape s = nn_params_file_shape(r->g, r->params->node[entry]);
    double bound = sqrt(6 / (double)(shape_count(&s) / s.dim[0]));

    for (int64_t i = 0; i < r->params->count[entry]; i++) {
        double u = uniform(name_of(r, entry), i);

        x[i] = (float)(s.rank == 1 ? 0.5 + u : (2 * u - 1) * bound);
    }
}

static int by_name(const void *a, const void *b, void *run)
{
    return strcmp(name_of(run, *(const int *)a), name_of(run, *(const int *)b));
}

static void add_loss(struct nn_graph *g)
{
    struct nn_input shape = { .shape = { LABELS } };
    struct nn_xent attr = { .smooth = SMOOTH };
    struct err err = { 0 };
    int in[2] = { nn_graph_find_output(g, "logits") };

    in[1] = nn_graph_add(g, &nn_op_input, "target", &shape, 0, NULL, &err);
    assert_true(
        nn_graph_output(g, "loss", nn_graph_add(g, &nn_op_xent, "loss", &attr, 2, in, &err), &err));
}

static struct run begin(const struct st_file *file, const struct st_meta *meta)
{
    struct run r = { .name = meta->key, .file = file };
    struct nn_model_args args = { .channels = 3, .labels = LABELS };
    struct nn_plan_options opt = { .mode = NN_TRAIN, .batch = BATCH, .threads = 2,
                                   .precision = NN_PRECISION_FP32, .poison = true };
    struct err err = { 0 };

    assert_int_equal(sscanf(meta->value, "%d %d", &args.height, &args.width), 2);
    r.g = nn_model_build(nn_model_find(r.name, &err), &args, &err);
    assert_non_null(r.g);
    add_loss(r.g);
    opt.kernels = nn_kernels_get("auto", &err);
    r.plan = nn_plan_new(r.g, &opt, &err);
    r.params = nn_params_new(r.g, true, &err);
    r.pool = pool_new(opt.threads, &err);
    r.e = nn_exec_new(r.plan, r.params, r.pool, &err);
    assert_non_null(r.e);
    r.sorted = calloc((size_t)r.params->n, sizeof *r.sorted);
    r.before = calloc((size_t)r.params->total, sizeof *r.before);
    r.moment = calloc((size_t)r.params->total, sizeof *r.moment);
    r.scratch = calloc((size_t)r.params->total, sizeof *r.scratch);
    r.in_file = calloc((size_t)r.params->total, sizeof *r.in_file);
    assert_true(r.sorted && r.before && r.moment && r.scratch && r.in_file);
    for (int i = 0; i < r.params->n; i++)
        r.sorted[i] = i;
    qsort_r(r.sorted, (size_t)r.params->n, sizeof *r.sorted, by_name, &r);
    for (int i = 0; i < r.params->n; i++) {
        start_values(&r, i, r.in_file);
        nn_params_from_file(r.g, r.params->node[i], r.in_file,
                            r.params->value + r.params->offset[i]);
    }
    memcpy(r.before, r.params->value, (size_t)r.params->total * sizeof *r.before);
    return r;
}

static void end(struct run *r)
{
    free(r->sorted);
    free(r->before);
    free(r->moment);
    free(r->scratch);
    free(r->in_file);
    nn_exec_free(r->e);
    nn_plan_free(r->plan);
    nn_params_free(r->params);
    pool_free(r->pool);
    nn_graph_free(r->g);
}

/* The file's numbers; the caller frees. */
static float *golden(const struct run *r, const char *what, struct shape want)
{
    struct err err = { 0 };
    float *x = malloc((size_t)shape_count(&want) * sizeof *x);
    const struct st_entry *e;
    char name[64];

    snprintf(name, sizeof name, "%s:%s", r->name, what);
    e = st_find(r->file, name);
    assert_non_null(x);
    if (!e || !shape_equal(&e->tensor.shape, &want) || !st_floats(e, x, &err))
        fail_msg("%s: no %s of the right shape %s", path, name, err.msg);
    return x;
}

/* How far ours is from theirs, which must be at most `limit`, in parts of scale. */
static double compare(const struct run *r, const char *what, const char *name, int step,
                      double ours, double theirs, double scale, double limit)
{
    double off = fabs(ours - theirs) / fmax(scale, 1e-30);

    if (!(off <= limit))
        fail_msg("%s, step %d: %s %s is %.9g, PyTorch has %.9g", r->name, step, what, name, ours,
                 theirs);
    return off;
}

/* Norm and projection of a tensor, against the file's: in parts of the norm, or of `scale` where
 * that is larger. */
static void check_sketch(struct run *r, const char *what, int entry, int step, const real *x,
                         const float *theirs, double scale)
{
    const char *name = name_of(r, entry);
    double square = 0, onto = 0, off;

    nn_params_to_file(r->g, r->params->node[entry], x, r->in_file);
    for (int64_t i = 0; i < r->params->count[entry]; i++) {
        square += (double)r->in_file[i] * (double)r->in_file[i];
        onto += (double)r->in_file[i] * ((uint32_t)i * 0x9e3779b1 * 0x1p-31 - 1);
    }
    scale = fmax(scale, (double)theirs[0]);
    off = compare(r, what, name, step, sqrt(square), (double)theirs[0], scale, FAR);
    off = fmax(off, compare(r, what, name, step, onto, (double)theirs[1], scale, FAR));
    r->n_near += off <= NEAR;
    r->n_all++;
}

static void feed(struct run *r)
{
    struct tensor image = nn_exec_input(r->e, "image"), target = nn_exec_input(r->e, "target");

    for (int64_t i = 0; i < shape_count(&image.shape); i++)
        ((real *)image.data)[i] = (real)(2 * uniform("image", i) - 1);
    for (int i = 0; i < BATCH * LABELS; i++)
        ((real *)target.data)[i] = i % LABELS == i / LABELS * 3 % LABELS;
}

static void check_outputs(struct run *r, int step)
{
    const struct shape per_step = { 1, { STEPS } }, all = { 3, { STEPS, BATCH, LABELS } };
    float *loss = golden(r, "loss", per_step), *logits = golden(r, "logits", all);
    const float *theirs = logits + (ptrdiff_t)step * BATCH * LABELS;
    const real *y = nn_exec_output(r->e, "logits").data;
    double scale = 0;

    compare(r, "the", "loss", step, (double)*(real *)nn_exec_output(r->e, "loss").data,
            (double)loss[step], (double)loss[step], NEAR);
    for (int i = 0; i < BATCH * LABELS; i++)
        scale = fmax(scale, fabs((double)theirs[i]));
    for (int i = 0; i < BATCH * LABELS; i++)
        compare(r, "one of the", "logits", step, (double)y[i], (double)theirs[i], scale, NEAR);
    free(loss);
    free(logits);
}

/* A bias in front of another batch-norm has no gradient but for rounding, hence the scale. */
static void check_gradients(struct run *r, int step)
{
    const struct nn_params *p = r->params;
    struct shape shape = { 3, { 0, STEPS, 2 } };
    double square = 0;
    float *theirs;

    for (int i = 0; i < p->n; i++)
        shape.dim[0] += p->trained[i];
    theirs = golden(r, "grad", shape);
    for (int64_t i = 0; i < shape.dim[0]; i++)
        square += pow((double)theirs[2 * (STEPS * i + step)], 2);
    for (int i = 0, k = step; i < p->n; i++) {
        int entry = r->sorted[i];

        if (!p->trained[entry])
            continue;
        check_sketch(r, "gradient of", entry, step, p->grad + p->offset[entry],
                     theirs + 2 * (ptrdiff_t)k, 0.01 * sqrt(square));
        k += STEPS;
    }
    free(theirs);
}

static void update(struct run *r)
{
    struct nn_params *p = r->params;

    for (int i = 0; i < p->n; i++)
        if (p->trained[i])
            r->plan->opt.kernels->sgd_f32(p->count[i], (real)RATE, (real)MOMENTUM, (real)DECAY,
                                          true, p->grad + p->offset[i], p->value + p->offset[i],
                                          r->moment + p->offset[i]);
}

/* What both steps did to parameters and running statistics.  Floats of values round, hence the
 * scale. */
static void check_change(struct run *r)
{
    const struct nn_params *p = r->params;
    float *theirs = golden(r, "change", (struct shape){ 2, { p->n, 2 } });

    for (int i = 0; i < p->n; i++) {
        int entry = r->sorted[i];
        double square = 0;

        for (int64_t k = p->offset[entry]; k < p->offset[entry] + p->count[entry]; k++) {
            r->scratch[k] = p->value[k] - r->before[k];
            square += (double)r->before[k] * (double)r->before[k];
        }
        check_sketch(r, "change of", entry, STEPS, r->scratch + p->offset[entry],
                     theirs + 2 * (ptrdiff_t)i, IN_FLOAT ? 0.002 * sqrt(square) : 0);
    }
    free(theirs);
}

static void training_equals_pytorch(void **state)
{
    struct err err = { 0 };
    struct st_file *file = st_open(path, &err);

    (void)state;
    if (!file)
        fail_msg("%s", err.msg);
    assert_true(file->n_meta >= 3);
    for (int i = 0; i < file->n_meta; i++) {
        struct run r = begin(file, &file->meta[i]);

        for (int step = 0; step < STEPS; step++) {
            feed(&r);
            nn_exec_forward(r.e);
            check_outputs(&r, step);
            memset(r.params->grad, 0, (size_t)r.params->total * sizeof *r.params->grad);
            nn_exec_backward(r.e);
            check_gradients(&r, step);
            update(&r);
        }
        check_change(&r);
        print_message("%s: %d of %d tensors within %g\n", r.name, r.n_near, r.n_all, NEAR);
        end(&r);
    }
    st_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_equals_pytorch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
