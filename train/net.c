/*
 * net -- see net.h
 *
 * The training copy of the graph has the model's nodes first, under the same ids, and then the
 * target and the loss: they have no parameters, so the two graphs' parameters lie in memory alike.
 */
#include "train/net.h"

#include "nn/exec.h"
#include "nn/op/input.h"
#include "nn/op/xent.h"
#include "train/update.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is said to diverge even though it is finite: squares of anything larger soon overflow. */
#define LARGEST 1e15

/* Two batch sizes: nearly every step, and the odd one where a file could not be read. */
enum { SIZES = 2 };

struct sized {
    int n;
    struct nn_plan *plan;
    struct nn_exec *exec;
};

struct train_net {
    struct train_net_options opt;
    struct nn_graph *graph;
    struct nn_params *params;
    struct train_update *update;
    int64_t updates;           /* made */
    struct sized sized[SIZES]; /* [0] is the first that was prepared */
};

/* The loss over the graph's logits, as output "loss". */
static bool add_loss(struct nn_graph *g, const struct train_net_options *opt, struct err *err)
{
    int logits = nn_graph_find_output(g, "logits"), target, loss;
    const struct nn_type *t;

    if (logits < 0)
        return err_set(err, ERR_INPUT, "the graph has no output \"logits\"");
    t = &g->node[logits].type;
    target = nn_graph_add(g, &nn_op_input, "target", &(struct nn_input){ .shape = { t->dim[1].n } },
                          0, NULL, err);
    if (target < 0)
        return false;
    if (opt->task == DATA_SINGLE)
        loss = nn_graph_add(g, &nn_op_xent, "loss", &(struct nn_xent){ .smooth = opt->smooth }, 2,
                            (int[]){ logits, target }, err);
    else
        loss = nn_graph_add(g, &nn_op_bce, "loss", NULL, 2, (int[]){ logits, target }, err);
    return loss >= 0 && nn_graph_output(g, "loss", loss, err) && nn_graph_check(g, err);
}

struct train_net *train_net_new(const struct nn_graph *g, const struct train_net_options *opt,
                                struct err *err)
{
    struct train_net *t = calloc(1, sizeof *t);

    if (!t) {
        err_set(err, ERR_MEMORY, "no memory to train with");
        return NULL;
    }
    t->opt = *opt;
    t->graph = nn_graph_copy(g, err);
    if (!t->graph || !add_loss(t->graph, opt, err))
        goto fail;
    t->params = nn_params_new(t->graph, true, err);
    if (!t->params)
        goto fail;
    t->update = train_update_new(t->graph, t->params, &(struct train_update_options){
        .optim = opt->optim, .kernels = opt->kernels, .pool = opt->pool,
        .momentum = opt->momentum, .beta2 = opt->beta2, .decay = opt->decay }, err);
    if (!t->update)
        goto fail;
    nn_params_init(t->params, t->graph, opt->seed);
    return t;
fail:
    train_net_free(t);
    return NULL;
}

static void sized_release(struct sized *s)
{
    nn_exec_free(s->exec);
    nn_plan_free(s->plan);
    *s = (struct sized){ 0 };
}

void train_net_free(struct train_net *t)
{
    if (!t)
        return;
    for (int i = 0; i < SIZES; i++)
        sized_release(&t->sized[i]);
    train_update_free(t->update);
    nn_params_free(t->params);
    nn_graph_free(t->graph);
    free(t);
}

static struct sized *find_sized(struct train_net *t, int n)
{
    for (int i = 0; i < SIZES; i++)
        if (t->sized[i].n == n)
            return &t->sized[i];
    return NULL;
}

bool train_net_prepare(struct train_net *t, int n, struct err *err)
{
    struct nn_plan_options opt = {
        .mode = NN_TRAIN,
        .batch = n,
        .threads = pool_threads(t->opt.pool),
        .kernels = t->opt.kernels,
    };
    struct sized *s = &t->sized[t->sized[0].n != 0];

    if (find_sized(t, n))
        return true;
    sized_release(s);
    s->plan = nn_plan_new(t->graph, &opt, err);
    if (s->plan)
        s->exec = nn_exec_new(s->plan, t->params, t->opt.pool, err);
    if (!s->exec) {
        sized_release(s);
        return false;
    }
    s->n = n;
    return true;
}

/* Copies into an input of the network. */
static void fill(struct nn_exec *e, const char *name, const float *from)
{
    struct tensor t = nn_exec_input(e, name);
    int64_t n = shape_count(&t.shape);
    real *to = t.data;

    for (int64_t i = 0; i < n; i++)
        to[i] = from[i];
}

static bool all_below(const real *x, int64_t n, double limit)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)x[i]) <= limit))
            return false;
    return true;
}

bool train_net_step(struct train_net *t, int n, const float *image, const float *target,
                    double rate, uint64_t step, double *loss, struct err *err)
{
    struct nn_params *p = t->params;
    struct sized *s;

    if (!train_net_prepare(t, n, err))
        return false;
    s = find_sized(t, n);
    assert(s);
    fill(s->exec, "image", image);
    fill(s->exec, "target", target);
    nn_exec_seed(s->exec, t->opt.seed, step);
    nn_exec_forward(s->exec);
    *loss = *(const real *)nn_exec_output(s->exec, "loss").data;
    if (!isfinite(*loss))
        return err_set(err, ERR_DIVERGED, "the loss is no finite number");
    memset(p->grad, 0, (size_t)p->total * sizeof *p->grad);
    nn_exec_backward(s->exec);
    if (!all_below(p->grad, p->total, FLT_MAX))
        return err_set(err, ERR_DIVERGED, "a gradient is no finite number");
    train_update_run(t->update, p, rate, ++t->updates);
    return true;
}

bool train_net_sound(const struct train_net *t)
{
    return all_below(t->params->value, t->params->total, LARGEST);
}

void train_net_values(const struct train_net *t, struct nn_params *p)
{
    assert(p->total == t->params->total && p->n == t->params->n);
    memcpy(p->value, t->params->value, (size_t)p->total * sizeof *p->value);
}

int64_t train_net_trained(const struct train_net *t)
{
    return nn_params_trained(t->params);
}

int64_t train_net_flops(const struct train_net *t)
{
    return t->sized[0].n ? t->sized[0].plan->flops / t->sized[0].n : 0;
}
