/*
 * bench, operators -- one by one, each in a network of little else
 *
 * Inputs, each times a factor a channel (so that a gradient is wanted, and pictures are of the
 * precision that is asked for); the operator, times factors again; in TRAIN the mean over pixels, a
 * linear layer and a loss.  Nothing is fused and no two values of the plan share memory, so that
 * calls can be made again and again.
 */
#include "train/bench.h"

#include "nn/exec.h"
#include "nn/kernel/cpu.h"

#include <stdlib.h>
#include <string.h>

/* What moves numbers more than it multiplies has arrays that no cache holds. */
const struct train_bench_op_options train_bench_ops[] = {
    { "conv2d channels=64 size=7 stride=2 pad=3", "224x224x3", .batch = 16 },
    { "conv2d channels=64 size=3 pad=1", "56x56x64", .batch = 16 },
    { "conv2d channels=128 size=3 pad=1", "28x28x128", .batch = 16 },
    { "conv2d channels=256 size=3 stride=2 pad=1", "28x28x256", .batch = 16 },
    { "conv2d channels=256 size=1", "14x14x1024", .batch = 16 },
    { "conv2d channels=512 size=3 pad=1", "7x7x512", .batch = 16 },
    { "conv2d channels=96 size=3 stride=2 pad=1 groups=96", "112x112x96", .batch = 32 },
    { "conv2d channels=384 size=3 pad=1 groups=384", "14x14x384", .batch = 128 },
    { "linear width=3072", "768", .batch = 256 },
    { "batchnorm", "56x56x64", .batch = 64 },
    { "groupnorm groups=32", "56x56x64", .batch = 64 },
    { "layernorm", "14x14x384", .batch = 128 },
    { "relu", "56x56x64", .batch = 64 },
    { "relu6", "56x56x64", .batch = 64 },
    { "gelu", "14x14x1536", .batch = 32 },
    { "silu", "56x56x64", .batch = 64 },
    { "hardswish", "56x56x64", .batch = 64 },
    { "sigmoid", "56x56x64", .batch = 64 },
    { "add", "56x56x64", .inputs = 2, .batch = 64 },
    { "mul", "56x56x64", .inputs = 2, .batch = 64 },
    { "maxpool size=3 stride=2 pad=1", "112x112x64", .batch = 32 },
    { "avgpool size=2 stride=2", "56x56x256", .batch = 32 },
    { "meanpool", "7x7x2048", .batch = 128 },
    { "softmax", "1000", .batch = 16384 },
    { .op = NULL },
};

struct train_bench_op {
    struct nn_graph *graph;
    struct nn_plan *plan;
    struct nn_params *params;
    struct nn_exec *exec;
    const struct nn_op *op;
    struct nn_call call[2];     /* forward, backward */
};

static struct nn_graph *make_graph(const struct train_bench_op_options *how, struct err *err)
{
    struct str text = { 0 };
    struct nn_graph *g = NULL;
    int name = (int)strcspn(how->op, " "), inputs = how->inputs ? how->inputs : 1;
    bool train = how->mode == NN_TRAIN;

    for (int i = 0; i < inputs; i++)
        str_printf(&text, "x%d = input shape=%s\ns%d = scale x%d first=1\n", i, how->in, i, i);
    str_printf(&text, "y = %.*s", name, how->op);
    for (int i = 0; i < inputs; i++)
        str_printf(&text, " s%d", i);
    str_printf(&text, "%s\nend = scale y first=1\n", how->op + name);
    if (train) {
        bool pixels = strchr(how->in, 'x') && strncmp(how->op, "meanpool", 8);

        str_printf(&text, "%slast = linear %s width=10\ntarget = input shape=10\n"
                   "loss = xent last target\noutput loss = loss\n",
                   pixels ? "mean = meanpool end\n" : "", pixels ? "mean" : "end");
    } else {
        str_printf(&text, "output end = end\n");
    }
    if (text.failed)
        err_set(err, ERR_MEMORY, "no memory for a graph");
    else
        g = nn_graph_read(str_text(&text), text.len, 0, NULL, err);
    str_release(&text);
    return g;
}

/* Noise in (-1,1): the upper half of a float is a bf16. */
static void fill(const struct tensor *t)
{
    unsigned char *out = t->data;
    size_t size = dtype_size(t->dtype);

    for (int64_t i = 0; out && i < shape_count(&t->shape); i++) {
        float x = 2 * rng_f32(1, rng_stream(RNG_TEST, 0), (uint64_t)i) - 1;

        if (t->dtype == DTYPE_F32)
            ((real *)t->data)[i] = (real)x;
        else
            memcpy(out + (size_t)i * size, (const char *)&x + 4 - size, size);
    }
}

static void find_calls(struct train_bench_op *b)
{
    int node = nn_graph_find(b->graph, "y");

    b->op = b->graph->node[node].op;
    for (int t = 0; t < b->plan->n_step; t++)
        if (b->plan->step[t].node == node)
            nn_exec_call(b->exec, t, &b->call[b->plan->step[t].kind == NN_STEP_BACKWARD]);
    fill(&b->call[1].dy);
}

struct train_bench_op *train_bench_op_new(const struct train_bench_op_options *how,
                                          struct err *err)
{
    struct train_bench_op *b = calloc(1, sizeof *b);
    struct nn_plan_options opt = { .mode = how->mode, .batch = how->batch, .apart = true,
                                   .single = true, .precision = how->precision,
                                   .threads = pool_threads(how->pool),
                                   .kernels = nn_kernels_get(how->isa, err) };

    if (!b || !opt.kernels) {
        if (opt.kernels)
            err_set(err, ERR_MEMORY, "no memory for an operator");
        free(b);
        return NULL;
    }
    b->graph = make_graph(how, err);
    b->plan = b->graph ? nn_plan_new(b->graph, &opt, err) : NULL;
    b->params = b->plan ? nn_params_new(b->graph, how->mode == NN_TRAIN, err) : NULL;
    if (b->params)
        nn_params_init(b->params, b->graph, 1);
    b->exec = b->params ? nn_exec_new(b->plan, b->params, how->pool, err) : NULL;
    if (!b->exec) {
        err_in(err, "%s", how->op);
        train_bench_op_free(b);
        return NULL;
    }
    for (int i = 0; i < b->graph->n; i++)
        if (b->graph->node[i].op == &nn_op_input) {
            struct tensor t = nn_exec_input(b->exec, b->graph->node[i].name);

            fill(&t);
        }
    nn_exec_forward(b->exec);
    if (how->mode == NN_TRAIN)
        nn_exec_backward(b->exec);
    find_calls(b);
    return b;
}

void train_bench_op_free(struct train_bench_op *b)
{
    if (!b)
        return;
    nn_exec_free(b->exec);
    nn_params_free(b->params);
    nn_plan_free(b->plan);
    nn_graph_free(b->graph);
    free(b);
}

void train_bench_op_forward(void *ctx)
{
    struct train_bench_op *b = ctx;

    b->op->forward(&b->call[0]);
}

void train_bench_op_backward(void *ctx)
{
    struct train_bench_op *b = ctx;

    b->op->backward(&b->call[1]);
}

struct nn_call *train_bench_op_call(struct train_bench_op *b, bool backward)
{
    return &b->call[backward];
}

const struct nn_op *train_bench_op_what(const struct train_bench_op *b)
{
    return b->op;
}

/* ---- one of the table ------------------------------------------------------------------------ */

static double bytes_of(const struct tensor *t)
{
    return t->data ? (double)shape_count(&t->shape) * (double)dtype_size(t->dtype) : 0;
}

/* Of all that a call must read or write. */
static double bytes_of_call(const struct nn_op *op, const struct nn_call *c, bool backward)
{
    double sum = backward ? bytes_of(&c->dy) : 0;

    if (!backward || op->keep & NN_KEEP_Y)
        sum += bytes_of(&c->y);
    for (int i = 0; i < c->n_in; i++) {
        if (!backward || op->keep & NN_KEEP_X)
            sum += bytes_of(&c->x[i]);
        if (backward)
            sum += bytes_of(&c->dx[i]);
    }
    return sum;
}

bool train_bench_op(const struct train_bench_op_options *how, int rounds,
                    struct train_bench_op_result *out, struct err *err)
{
    struct train_bench_op *b = train_bench_op_new(how, err);
    bool products;

    memset(out, 0, sizeof *out);
    if (!b)
        return false;
    products = b->op == &nn_op_linear ||
               (b->op == &nn_op_conv2d && !strstr(how->op, "groups"));
    for (int k = 0; k < 2; k++) {
        if (k == 1 && (how->mode != NN_TRAIN || !b->op->backward))
            break;
        out->time[k] = train_bench_run(k ? train_bench_op_backward : train_bench_op_forward, b,
                                       rounds, 0.01);
        out->bytes[k] = bytes_of_call(b->op, &b->call[k], k);
        if (products)
            out->flops[k] = (double)nn_op_flops(b->op, &b->call[0]) * (k ? 2 : 1);
    }
    train_bench_op_free(b);
    return true;
}
