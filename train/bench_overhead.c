/*
 * bench, overhead -- what an answer takes beside its arithmetic
 *
 * A network of ten labels at 32 pixels, so small that its arithmetic takes microseconds, answers
 * one prepared picture on the road that libdiscern takes.  Its arithmetic is what its kernels take:
 * the same steps run once more over kernels that look at the clock, and over such that do nothing.
 */
#include "train/bench.h"

#include "infer/predict.h"
#include "nn/base/clock.h"
#include "nn/exec.h"
#include "nn/kernel/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Three stages of one block, as of a ResNet. */
static const char network[] =
    "image = input shape=32x32x3\n"
    "c0 = conv2d image channels=8 size=3 stride=2 pad=1 bias=true\n"
    "r0 = relu c0\n"
    "c1 = conv2d r0 channels=8 size=3 pad=1 bias=true\n"
    "r1 = relu c1\n"
    "c2 = conv2d r1 channels=8 size=3 pad=1 bias=true\n"
    "a2 = add c2 r0\n"
    "r2 = relu a2\n"
    "s3 = conv2d r2 channels=16 stride=2 bias=true\n"
    "c3 = conv2d r2 channels=16 size=3 stride=2 pad=1 bias=true\n"
    "r3 = relu c3\n"
    "c4 = conv2d r3 channels=16 size=3 pad=1 bias=true\n"
    "a4 = add c4 s3\n"
    "r4 = relu a4\n"
    "s5 = conv2d r4 channels=32 stride=2 bias=true\n"
    "c5 = conv2d r4 channels=32 size=3 stride=2 pad=1 bias=true\n"
    "r5 = relu c5\n"
    "c6 = conv2d r5 channels=32 size=3 pad=1 bias=true\n"
    "a6 = add c6 s5\n"
    "r6 = relu a6\n"
    "mean = meanpool r6\n"
    "fc = linear mean width=10 bias=true\n"
    "output logits = fc\n";

enum { SIDE = 32, LABELS = 10, PICTURE = SIDE * SIDE * 3 };

/* ---- kernels that are watched ---------------------------------------------------------------- */

static const struct nn_kernels *watched;        /* NULL: they do nothing */
static double spent;

#define WATCHED(slot, args, names) \
    static void watched_##slot args \
    { \
        double start; \
\
        if (!watched) \
            return; \
        start = clock_now(); \
        watched->slot names; \
        spent += clock_now() - start; \
    }
WATCHED(conv_f32, (const struct nn_conv *job), (job))
WATCHED(winograd_f32, (const struct nn_conv *job, real *scratch), (job, scratch))
WATCHED(gemm_f32, (bool ta, bool tb, int m, int n, int k, const real *a, int lda, const real *b,
                   int ldb, bool acc, real *c, int ldc),
        (ta, tb, m, n, k, a, lda, b, ldb, acc, c, ldc))
WATCHED(avgpool_f32, (const struct nn_window *w, bool whole, const real *x, real *y),
        (w, whole, x, y))
WATCHED(softmax_f32, (int64_t rows, int n, const real *x, real *y), (rows, n, x, y))
#undef WATCHED

/* The table with those of the network's slots under watch. */
static struct nn_kernels watch(const struct nn_kernels *k)
{
    struct nn_kernels table = *k;

    table.conv_f32 = watched_conv_f32;
    table.winograd_f32 = watched_winograd_f32;
    table.gemm_f32 = watched_gemm_f32;
    table.avgpool_f32 = watched_avgpool_f32;
    table.softmax_f32 = watched_softmax_f32;
    return table;
}

static void run_steps(void *exec)
{
    nn_exec_forward(exec);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* What the clock takes itself, between two looks. */
static double clock_cost(void)
{
    double t[TRAIN_BENCH_ROUNDS];

    for (int i = 0; i < TRAIN_BENCH_ROUNDS; i++) {
        t[i] = clock_now();
        t[i] = clock_now() - t[i];
    }
    qsort(t, TRAIN_BENCH_ROUNDS, sizeof *t, by_value);
    return t[TRAIN_BENCH_ROUNDS / 2];
}

/* The kernels' own time of a forward, and how often one was called. */
static double watch_kernels(struct nn_exec *e, int steps)
{
    double t[TRAIN_BENCH_ROUNDS], cost = clock_cost();

    for (int i = -10; i < TRAIN_BENCH_ROUNDS; i++) {
        spent = 0;
        nn_exec_forward(e);
        if (i >= 0)
            t[i] = spent - steps * cost;
    }
    qsort(t, TRAIN_BENCH_ROUNDS, sizeof *t, by_value);
    return t[TRAIN_BENCH_ROUNDS / 2];
}

/* Steps over watched kernels, and over such that do nothing. */
static bool measure_steps(const struct nn_graph *g, struct nn_params *p,
                          const struct nn_kernels *kernels, int rounds,
                          struct train_bench_overhead *out, struct err *err)
{
    struct nn_kernels table = watch(kernels);
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = 1, .kernels = &table };
    struct nn_plan *plan = nn_plan_new(g, &opt, err);
    struct nn_exec *e = plan ? nn_exec_new(plan, p, NULL, err) : NULL;

    if (e) {
        watched = kernels;
        out->steps = plan->n_forward;
        out->flops = (double)plan->flops;
        out->kernels = watch_kernels(e, out->steps);
        watched = NULL;
        out->empty = train_bench_run(run_steps, e, rounds, 0.002);
    }
    nn_exec_free(e);
    nn_plan_free(plan);
    return e;
}

/* ---- the whole answer ------------------------------------------------------------------------ */

struct asking {
    struct infer_predictor *q;
    float image[PICTURE], probability[LABELS];
};

static void ask(void *ctx)
{
    struct asking *a = ctx;

    infer_predict(a->q, 1, a->image, a->probability);
}

static bool measure_answer(const struct nn_graph *g, struct nn_params *p, int threads,
                           const char *isa, int rounds, struct train_bench_overhead *out,
                           struct err *err)
{
    struct asking *a = calloc(1, sizeof *a);

    if (!a)
        return err_set(err, ERR_MEMORY, "no memory for a picture");
    for (int i = 0; i < PICTURE; i++)
        a->image[i] = rng_f32(1, rng_stream(RNG_TEST, 0), (uint64_t)i) * 4 - 2;
    a->q = infer_predictor_new(g, p, DATA_SINGLE, NULL, 1, threads, isa, err);
    if (a->q)
        out->answer = train_bench_run(ask, a, rounds, 0.002);
    infer_predictor_free(a->q);
    free(a);
    return out->answer.seconds > 0;
}

/* ---- threads --------------------------------------------------------------------------------- */

static void nothing(void *arg, int i, int worker)
{
    (void)arg, (void)i, (void)worker;
}

struct jobs {
    struct pool *pool;
    int pieces;
    atomic_int here;
};

static void empty_job(void *ctx)
{
    struct jobs *j = ctx;

    pool_for(j->pool, j->pieces, nothing, NULL);
}

/* Ends when every thread has come to its piece. */
static void meet(void *arg, int i, int worker)
{
    struct jobs *j = arg;

    (void)i, (void)worker;
    atomic_fetch_add(&j->here, 1);
    while (atomic_load(&j->here) < j->pieces)
        ;
}

/* Until all threads are at work, `rest` microseconds after the last job. */
static double meeting(struct jobs *j, int rest)
{
    double t[TRAIN_BENCH_ROUNDS];

    for (int i = -3; i < TRAIN_BENCH_ROUNDS; i++) {
        double start;

        if (rest)
            usleep((useconds_t)rest);
        atomic_store(&j->here, 0);
        start = clock_now();
        pool_for(j->pool, j->pieces, meet, j);
        if (i >= 0)
            t[i] = clock_now() - start;
    }
    qsort(t, TRAIN_BENCH_ROUNDS, sizeof *t, by_value);
    return t[TRAIN_BENCH_ROUNDS / 2];
}

bool train_bench_overhead(const char *isa, struct pool *pool, int rounds,
                          struct train_bench_overhead *out, struct err *err)
{
    const struct nn_kernels *kernels = nn_kernels_get(isa, err);
    struct nn_graph *g = NULL, *answer = NULL;
    struct nn_params *p = NULL, *values = NULL;
    struct jobs j = { .pool = pool, .pieces = pool_threads(pool) };
    bool ok;

    *out = (struct train_bench_overhead){ .steps = 0 };
    g = kernels ? nn_graph_read(network, sizeof network - 1, 0, NULL, err) : NULL;
    p = g ? nn_params_new(g, false, err) : NULL;
    if (p)
        nn_params_init(p, g, 1);
    ok = p && infer_answer_graph(g, p, DATA_SINGLE, NULL, &answer, &values, err) &&
         measure_answer(g, p, pool_threads(pool), isa, rounds, out, err) &&
         measure_steps(answer, values, kernels, rounds, out, err);
    if (ok) {
        out->job = train_bench_run(empty_job, &j, rounds, 0.002);
        out->awake = meeting(&j, 0);
        out->asleep = meeting(&j, 2000);
    }
    nn_params_free(values);
    nn_graph_free(answer);
    nn_params_free(p);
    nn_graph_free(g);
    return ok;
}
