/*
 * bench -- how fast kernels and networks are on this machine
 *
 * Generic over kernels.def (gemm) and models.def.  A figure is the median of several
 * rounds in which all contenders run in turn, so that a noisy machine disturbs all alike.
 * Run it when nothing else runs.
 */
#include "nn/exec.h"
#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "nn/op/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 7 };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    return x[n / 2];
}

static float *numbers(size_t n)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);

    for (size_t i = 0; x && i < n; i++)
        x[i] = rng_f32(1, rng_stream(RNG_TEST, 0), i) - 0.5f;
    return x;
}

/* The lines of kernels.def whose function is a gemm; NULL for the others. */
#define GEMM_OR_NULL(f) _Generic(&(f), nn_gemm_f32_fn *: &(f), default: NULL)

static const struct {
    const char *name;
    nn_gemm_f32_fn *fn;
} gemms[] = {
#define KERNEL(slot, isa) { #isa, GEMM_OR_NULL(nn_##slot##_##isa) },
#include "nn/kernel/kernels.def"
#undef KERNEL
};

static void bench_gemm(void)
{
    /* Rows, columns, depth: convolutions of small and large pictures. */
    static const int shape[][3] = {
        { 1024, 64, 576 }, { 256, 128, 1152 }, { 64, 256, 2304 },
        { 3136, 64, 147 }, { 784, 512, 128 },
    };
    enum { N = sizeof gemms / sizeof *gemms };

    printf("gemm_f32, GFLOP/s on one core (median of %d)\n", ROUNDS);
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
        int m = shape[s][0], n = shape[s][1], k = shape[s][2];
        float *a = numbers((size_t)m * k), *b = numbers((size_t)k * n), *c = numbers((size_t)m * n);
        double seconds[N][ROUNDS];

        for (int r = 0; r < ROUNDS; r++)
            for (int i = 0; i < N; i++) {
                double start = now();

                if (gemms[i].fn)
                    gemms[i].fn(false, false, m, n, k, a, k, b, n, false, c, n);
                seconds[i][r] = now() - start;
            }
        printf("  %5d x %4d x %4d", m, n, k);
        for (int i = 0; i < N; i++)
            if (gemms[i].fn)
                printf("   %s %7.1f", gemms[i].name, 2e-9 * m * n * k / median(seconds[i], ROUNDS));
        printf("\n");
        free(a);
        free(b);
        free(c);
    }
}

/* A classifier with a loss, as training appends it. */
static struct nn_graph *with_loss(const struct nn_model *model, int size, struct err *err)
{
    struct nn_model_args args = { .height = size, .width = size, .channels = 3, .labels = 10 };
    struct nn_graph *g = model->build(&args, err);
    int in[2];

    if (!g)
        return NULL;
    in[0] = nn_graph_find_output(g, "logits");
    in[1] = nn_graph_add(g, &nn_op_input, "target", &(struct nn_input){ .shape = { 10 } }, 0, NULL,
                         err);
    in[0] = nn_graph_add(g, &nn_op_xent, "loss", NULL, 2, in, err);
    if (in[0] < 0 || !nn_graph_output(g, "loss", in[0], err)) {
        nn_graph_free(g);
        return NULL;
    }
    return g;
}

/* Where the time of a training step goes: operators by their share, forward and backward. */
static void bench_steps(struct nn_exec *e, const struct nn_plan *plan)
{
    double seconds[2][64] = { { 0 } }, total = 0;

    for (int t = 0; t < plan->n_step; t++) {
        bool backward = plan->step[t].kind == NN_STEP_BACKWARD;
        struct nn_call c;
        double start;
        int op = 0;

        while (nn_op_at(op) != plan->graph->node[plan->step[t].node].op)
            op++;
        nn_exec_call(e, t, &c);
        start = now();
        (backward ? nn_op_at(op)->backward : nn_op_at(op)->forward)(&c);
        seconds[backward][op] += now() - start;
    }
    for (int op = 0; op < nn_op_count(); op++)
        total += seconds[0][op] + seconds[1][op];
    printf("   ");
    for (int op = 0; op < nn_op_count(); op++)
        if (seconds[0][op] + seconds[1][op] > 0.01 * total)
            printf(" %s %.0f+%.0f %%", nn_op_at(op)->name, 100 * seconds[0][op] / total,
                   100 * seconds[1][op] / total);
    printf("\n");
}

static bool bench_model(const struct nn_model *model, int size, int batch, enum nn_mode mode,
                        int threads, struct err *err)
{
    struct nn_plan_options opt = { .mode = mode, .batch = batch, .threads = threads,
                                   .kernels = nn_kernels_get("auto", err) };
    struct nn_graph *g = with_loss(model, size, err);
    struct nn_plan *plan = g ? nn_plan_new(g, &opt, err) : NULL;
    struct nn_params *params = plan ? nn_params_new(g, mode == NN_TRAIN, err) : NULL;
    struct pool *pool = params ? pool_new(threads, err) : NULL;
    struct nn_exec *e = pool ? nn_exec_new(plan, params, pool, err) : NULL;
    double seconds[ROUNDS];

    if (e) {
        nn_params_init(params, g, 1);
        for (int r = 0; r < ROUNDS; r++) {
            struct tensor x = nn_exec_input(e, "image"), t = nn_exec_input(e, "target");
            double start;

            for (int64_t i = 0; i < shape_count(&x.shape); i++)
                ((float *)x.data)[i] = rng_f32(2, 0, (uint64_t)i) - 0.5f;
            for (int64_t i = 0; i < shape_count(&t.shape); i++)
                ((float *)t.data)[i] = i % 10 == i / 10 % 10;
            start = now();
            nn_exec_forward(e);
            if (mode == NN_TRAIN)
                nn_exec_backward(e);
            seconds[r] = now() - start;
        }
        double s = median(seconds, ROUNDS);
        double flops = (double)plan->flops * (mode == NN_TRAIN ? 3 : 1);

        printf("  %-14s %3d px  batch %3d  %-5s  "
               "%8.1f ms  %8.0f pictures/s  %6.1f GFLOP/s  %6.0f MB\n",
               model->name, size, batch, mode == NN_TRAIN ? "train" : "infer",
               1e3 * s, batch / s, 1e-9 * flops / s, (double)plan->bytes / 1048576);
        if (mode == NN_TRAIN)
            bench_steps(e, plan);
    }
    nn_exec_free(e);
    pool_free(pool);
    nn_params_free(params);
    nn_plan_free(plan);
    nn_graph_free(g);
    return e;
}

int main(void)
{
    struct err err = { 0 };
    int threads = pool_cpus();

    bench_gemm();
    printf("networks, %d threads; a training step counts as three forward runs\n", threads);
    for (int i = 0; i < nn_model_count(); i++) {
        const struct nn_model *model = nn_model_at(i);
        bool small = model->size <= 64;

        if (!bench_model(model, model->size, small ? 64 : 8, NN_TRAIN, threads, &err) ||
            !bench_model(model, model->size, small ? 64 : 8, NN_INFER, threads, &err) ||
            !bench_model(model, model->size, 1, NN_INFER, threads, &err)) {
            fprintf(stderr, "bench: %s: %s\n", model->name, err.msg);
            return 1;
        }
    }
    return 0;
}
