/*
 * networks -- pictures per second of every architecture, training and inference
 */
#include "tests/bench/bench.h"

#include "nn/exec.h"
#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "nn/op/input.h"

#include <stdio.h>

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
        start = bench_now();
        if (backward)
            nn_op_at(op)->backward(&c);
        else
            nn_op_forward(nn_op_at(op), &c);
        seconds[backward][op] += bench_now() - start;
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
    double seconds[BENCH_ROUNDS];

    if (e) {
        nn_params_init(params, g, 1);
        for (int r = 0; r < BENCH_ROUNDS; r++) {
            struct tensor x = nn_exec_input(e, "image"), t = nn_exec_input(e, "target");
            double start;

            for (int64_t i = 0; i < shape_count(&x.shape); i++)
                ((float *)x.data)[i] = rng_f32(2, 0, (uint64_t)i) - 0.5f;
            for (int64_t i = 0; i < shape_count(&t.shape); i++)
                ((float *)t.data)[i] = i % 10 == i / 10 % 10;
            start = bench_now();
            nn_exec_forward(e);
            if (mode == NN_TRAIN)
                nn_exec_backward(e);
            seconds[r] = bench_now() - start;
        }
        double s = bench_median(seconds, BENCH_ROUNDS);
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

bool bench_networks(struct err *err)
{
    int threads = pool_cpus();

    printf("  %d threads; a training step counts as three forward runs\n", threads);
    for (int i = 0; i < nn_model_count(); i++) {
        const struct nn_model *model = nn_model_at(i);
        int batch = model->size <= 64 ? 64 : 8;

        if (!bench_model(model, model->size, batch, NN_TRAIN, threads, err) ||
            !bench_model(model, model->size, batch, NN_INFER, threads, err) ||
            !bench_model(model, model->size, 1, NN_INFER, threads, err))
            return err_in(err, "%s", model->name);
    }
    return true;
}
