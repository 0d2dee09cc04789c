/*
 * net -- see net.h
 *
 * The training copy of the graph has the model's nodes first, under the same ids, and then the
 * target and the loss: the model's parameters lie in memory as in the model itself, and what the
 * loss adds lies behind them.
 */
#include "train/net.h"

#include "nn/exec.h"
#include "nn/op/batchnorm.h"
#include "nn/op/xent.h"
#include "train/average.h"
#include "train/freeze.h"
#include "train/gradient.h"
#include "train/grow.h"
#include "train/update.h"

#include <assert.h>
#include <limits.h>
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

/* Numbers that a checkpoint holds. */
struct state {
    int updates; /* made */
};

const struct field train_net_fields[] = {
    FIELD_INT(struct state, updates, NULL, 0, 0, INT_MAX, "updates of the weights"),
    FIELDS_END
};

/* What was learnt since the last update: p->grad holds the sum of the batches' gradients, each
 * times its pictures, divided by the pictures of the last one. */
struct learnt {
    int pictures, right, last, batches;
    double loss; /* times pictures */
};

struct train_net {
    struct train_net_options opt;
    int labels;
    struct nn_graph *graph;
    struct nn_params *params;
    struct train_gradient gradient; /* where p->grad is trained */
    struct train_update *update;
    real *average, *slow;      /* [params->total]; NULL: not asked for */
    bool *running;             /* of every parameter: a statistic that forward writes */
    real *kept;                /* those statistics, as they were after the last update */
    struct state state;
    struct learnt learnt;
    struct sized sized[SIZES]; /* [0] is the first that was prepared */
};

/* ---- making ---------------------------------------------------------------------------------- */

/* A statistic that forward writes: a buffer of the model, which what is frozen is none of. */
static bool is_running(const struct nn_graph *model, int node)
{
    return node < model->n && model->node[node].op == &nn_op_param &&
           ((const struct nn_param *)model->node[node].attr)->buffer;
}

static struct nn_graph *training_copy(const struct nn_graph *g, const struct train_net_options *opt,
                                      struct err *err)
{
    struct nn_graph *copy = nn_graph_copy(g, err);

    if (copy && train_loss_add(copy, &opt->loss, err) && train_freeze(copy, opt->freeze, err) &&
        (!opt->keep_norms || train_keep_norms(copy, err)))
        return copy;
    nn_graph_free(copy);
    return NULL;
}

static real *new_block(const struct train_net *t, bool wanted, bool *ok)
{
    real *block = wanted && *ok ? calloc((size_t)t->params->total + 1, sizeof *block) : NULL;

    *ok &= block || !wanted;
    return block;
}

/* What is as large as the parameters, or of one of them each. */
static bool make_arrays(struct train_net *t, const struct nn_graph *g, struct err *err)
{
    const struct nn_params *p = t->params;
    int64_t running = 0;
    bool ok = true;

    t->running = calloc((size_t)p->n + 1, sizeof *t->running);
    for (int e = 0; e < p->n && t->running; e++) {
        t->running[e] = is_running(g, p->node[e]);
        running += t->running[e] ? p->count[e] : 0;
    }
    t->kept = calloc((size_t)running + 1, sizeof *t->kept);
    t->average = new_block(t, t->opt.ema > 0, &ok);
    t->slow = new_block(t, t->opt.lookahead > 0, &ok);
    return (ok && t->running && t->kept && train_gradient_find(&t->gradient, p)) ||
           err_set(err, ERR_MEMORY, "no memory for the averages of %lld parameters",
                   (long long)p->total);
}

static struct train_update_options update_options(const struct train_net_options *opt)
{
    return (struct train_update_options){
        .optim = opt->optim,
        .kernels = opt->kernels,
        .pool = opt->pool,
        .momentum = opt->momentum,
        .beta2 = opt->beta2,
        .decay = opt->decay,
        .bias_rate = opt->bias_lr > 0 ? opt->bias_lr : 1,
        .bias_decay = opt->bias_decay,
        .layer_rate = opt->layer_lr > 0 ? opt->layer_lr : 1,
    };
}

/* The followers of the values start where those do. */
static void follow(struct train_net *t)
{
    size_t bytes = (size_t)t->params->total * sizeof(real);

    if (t->average)
        memcpy(t->average, t->params->value, bytes);
    if (t->slow)
        memcpy(t->slow, t->params->value, bytes);
}

struct train_net *train_net_new(const struct nn_graph *g, const struct train_net_options *opt,
                                struct err *err)
{
    struct train_net *t = calloc(1, sizeof *t);
    struct train_update_options update = update_options(opt);

    if (!t) {
        err_set(err, ERR_MEMORY, "no memory to train with");
        return NULL;
    }
    t->opt = *opt;
    t->graph = training_copy(g, opt, err);
    t->params = t->graph ? nn_params_new(t->graph, true, err) : NULL;
    t->update = t->params ? train_update_new(g, t->params, &update, err) : NULL;
    if (!t->update || !make_arrays(t, g, err)) {
        train_net_free(t);
        return NULL;
    }
    t->labels = t->graph->node[nn_graph_find_output(t->graph, "logits")].type.dim[1].n;
    nn_params_init(t->params, t->graph, opt->seed);
    train_loss_fill(t->graph, t->params, &opt->loss);
    t->opt.loss.weight = NULL; /* lent to this call */
    t->opt.freeze = NULL;
    follow(t);
    return t;
}

void train_net_begin(struct train_net *t, const struct nn_graph *g, const struct nn_params *p)
{
    nn_params_copy(t->params, t->graph, p, g);
    follow(t);
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
    train_gradient_release(&t->gradient);
    free(t->average);
    free(t->slow);
    free(t->running);
    free(t->kept);
    nn_params_free(t->params);
    nn_graph_free(t->graph);
    free(t);
}

bool train_net_resize(struct train_net *t, int height, int width, struct err *err)
{
    struct nn_graph *g = train_grow_graph(t->graph, height, width, err);

    if (!g)
        return false;
    for (int i = 0; i < SIZES; i++)
        sized_release(&t->sized[i]);
    nn_graph_free(t->graph);
    t->graph = g;
    return true;
}

static struct sized *find_sized(struct train_net *t, int n)
{
    for (int i = 0; i < SIZES; i++)
        if (t->sized[i].n == n)
            return &t->sized[i];
    return NULL;
}

static struct nn_plan *new_plan(const struct nn_graph *g, const struct train_net_options *opt,
                                int n, int threads, struct err *err)
{
    struct nn_plan_options how = {
        .mode = NN_TRAIN,
        .batch = n,
        .threads = threads,
        .kernels = opt->kernels,
        .precision = opt->precision,
        .variants = opt->variants,
        .limit = (size_t)opt->limit,
    };

    return nn_plan_new(g, &how, err);
}

/* A plan for n pictures at a time, if there is none yet, in the place of none for `other`. */
static bool prepare(struct train_net *t, int n, int other, struct err *err)
{
    bool second = t->sized[0].n && t->sized[1].n != other;
    struct sized *s = &t->sized[second];

    if (!n || find_sized(t, n))
        return true;
    sized_release(s);
    s->plan = new_plan(t->graph, &t->opt, n, pool_threads(t->opt.pool), err);
    if (s->plan)
        s->exec = nn_exec_new(s->plan, t->params, t->opt.pool, err);
    if (!s->exec) {
        sized_release(s);
        return false;
    }
    s->n = n;
    return true;
}

/* Pictures of a batch of n that go through at a time. */
static int slice_of(const struct train_net_options *opt, int n)
{
    return opt->slice > 0 && opt->slice < n ? opt->slice : n;
}

bool train_net_prepare(struct train_net *t, int n, struct err *err)
{
    int slice = slice_of(&t->opt, n), rest = n % slice;

    for (int i = 0; i < SIZES && t->opt.limit; i++)     /* there is no room for more */
        if (t->sized[i].n != slice && t->sized[i].n != rest)
            sized_release(&t->sized[i]);
    return prepare(t, slice, rest, err) && prepare(t, rest, slice, err);
}

static bool add_bytes(const struct nn_graph *g, const struct train_net_options *opt, int n,
                      int threads, struct train_net_bytes *out, struct err *err)
{
    struct nn_plan *plan = n ? new_plan(g, opt, n, threads, err) : NULL;

    if (plan) {
        out->activations += (int64_t)plan->bytes;
        out->kept += (int64_t)plan->kept_bytes;
        out->again += (int64_t)plan->again_bytes;
    }
    nn_plan_free(plan);
    return plan || !n;
}

bool train_net_bytes(const struct nn_graph *g, const struct train_net_options *opt, int n,
                     int threads, struct train_net_bytes *out, struct err *err)
{
    struct nn_graph *copy = training_copy(g, opt, err);
    int64_t total = copy ? nn_params_numbers(copy) : 0;
    int64_t spans = copy ? train_gradient_numbers(copy) : 0;
    int slice = slice_of(opt, n);
    bool ok;

    *out = (struct train_net_bytes){
        .state = train_update_bytes(g, spans, opt->optim) +
                 ((1 + (opt->ema > 0) + (opt->lookahead > 0)) * total + spans) *
                     (int64_t)sizeof(real) };
    ok = copy && add_bytes(copy, opt, slice, threads, out, err) &&
         add_bytes(copy, opt, n % slice, threads, out, err);
    nn_graph_free(copy);
    return ok;
}

bool train_net_tune(const struct nn_graph *g, const struct train_net_options *opt, int n,
                    const struct nn_tune_options *how, struct str *table, struct err *err)
{
    struct nn_graph *copy = training_copy(g, opt, err);
    struct nn_plan *plan =
        copy ? new_plan(copy, opt, slice_of(opt, n), pool_threads(opt->pool), err) : NULL;
    bool ok = plan && nn_tune(plan, how, table, err);

    nn_plan_free(plan);
    nn_graph_free(copy);
    return ok;
}

const struct nn_plan *train_net_plan(const struct train_net *t)
{
    return t->sized[0].plan;
}

/* Weights and labels that are unknown make some pictures count more in a loss. */
static bool looks_across(const struct nn_node *node)
{
    if (node->op->flags & NN_OP_LOSS)
        return node->op != &nn_op_xent || node->n_in > 2;
    if (node->op == &nn_op_batchnorm)
        return !((const struct nn_bn *)node->attr)->frozen;
    return node->op->flags & NN_OP_ACROSS_BATCH;
}

bool train_net_slices(const struct nn_graph *g, const struct train_net_options *opt, bool *slices,
                      struct err *err)
{
    struct nn_graph *copy = training_copy(g, opt, err);

    *slices = copy;
    for (int i = 0; copy && i < copy->n; i++)
        *slices &= !looks_across(&copy->node[i]);
    nn_graph_free(copy);
    return copy;
}

/* ---- learning -------------------------------------------------------------------------------- */

/* The running statistics into t->kept, or back; all of them, in order. */
static void keep_running(struct train_net *t, bool back)
{
    const struct nn_params *p = t->params;
    real *kept = t->kept;

    for (int e = 0; e < p->n; e++) {
        size_t bytes = (size_t)p->count[e] * sizeof *kept;

        if (!t->running[e])
            continue;
        memcpy(back ? p->value + p->offset[e] : kept, back ? kept : p->value + p->offset[e], bytes);
        kept += p->count[e];
    }
}

/* Back to where the last update left everything. */
static bool forget(struct train_net *t, struct err *err, const char *why)
{
    keep_running(t, true);
    t->learnt = (struct learnt){ 0 };
    return err_set(err, ERR_DIVERGED, "%s", why);
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

/* Of a picture, by the plan for n. */
static int64_t input_numbers(struct train_net *t, int n)
{
    struct tensor image = nn_exec_input(find_sized(t, n)->exec, "image");

    return shape_count(&image.shape) / n;
}

static int largest(const real *x, int n)
{
    int best = 0;

    for (int k = 1; k < n; k++)
        best = x[k] > x[best] ? k : best;
    return best;
}

/* Pictures with a label whose largest output is where the largest target is; without one, where the
 * teacher's is (taught NULL: there is none). */
static int count_right(const struct train_net *t, int n, const real *logits, const real *target,
                       const real *taught)
{
    int right = 0;

    if (t->opt.loss.task != DATA_SINGLE)
        return 0;
    for (int i = 0; i < n; i++, logits += t->labels, target += t->labels) {
        int want = largest(target, t->labels);
        bool known = target[want] > 0;

        if (!known && taught) {
            want = largest(taught + (int64_t)i * t->labels, t->labels);
            known = true;
        }
        right += known && largest(logits, t->labels) == want;
    }
    return right;
}

/* The n pictures that are next of a batch. */
static bool learn_slice(struct train_net *t, int n, const float *image, const float *target,
                        const float *taught, uint64_t step, struct err *err)
{
    struct learnt *l = &t->learnt;
    struct sized *s = find_sized(t, n);
    double loss;

    assert(s);
    if (!l->batches) {
        keep_running(t, false);
        train_gradient_clear(&t->gradient, t->params);
    } else {
        train_gradient_scale(&t->gradient, t->params, (double)l->last / n, t->opt.kernels,
                             t->opt.pool);
    }
    fill(s->exec, "image", image);
    fill(s->exec, "target", target);
    if (taught)
        fill(s->exec, "taught", taught);
    /* Each batch of a step draws its own. */
    nn_exec_seed(s->exec, t->opt.seed + (uint64_t)l->batches * 0x9e3779b97f4a7c15, step);
    nn_exec_forward(s->exec);
    loss = (double)*(const real *)nn_exec_output(s->exec, "loss").data;
    if (!isfinite(loss))
        return forget(t, err, "the loss is no finite number");
    l->right += count_right(t, n, nn_exec_output(s->exec, "logits").data,
                            nn_exec_input(s->exec, "target").data,
                            taught ? nn_exec_input(s->exec, "taught").data : NULL);
    nn_exec_backward(s->exec);
    l->loss += n * loss;
    l->pictures += n;
    l->last = n;
    l->batches++;
    return true;
}

bool train_net_learn(struct train_net *t, int n, const float *image, const float *target,
                     const float *taught, uint64_t step, struct err *err)
{
    int slice = slice_of(&t->opt, n);
    int64_t numbers;

    if (!train_net_prepare(t, n, err))
        return false;
    numbers = input_numbers(t, slice);
    for (int first = 0; first < n; first += slice)
        if (!learn_slice(t, n - first < slice ? n - first : slice, image + first * numbers,
                         target + (int64_t)first * t->labels,
                         taught ? taught + (int64_t)first * t->labels : NULL, step, err))
            return false;
    return true;
}

/* ---- updating -------------------------------------------------------------------------------- */

static bool running_finite(const struct train_net *t)
{
    const struct nn_params *p = t->params;

    for (int e = 0; e < p->n; e++)
        if (t->running[e] &&
            !isfinite(t->opt.kernels->sumsq_f32(p->count[e], p->value + p->offset[e])))
            return false;
    return true;
}

/* Every value is finite, and small enough to compute with: the norm of all bounds each.  NaN is not
 * below. */
static bool sound(const struct train_net *t)
{
    const struct nn_params *p = t->params;

    return train_sumsq(t->opt.kernels, t->opt.pool, p->total, p->value) <= LARGEST * LARGEST;
}

static void follow_values(struct train_net *t)
{
    const struct train_net_options *o = &t->opt;
    struct nn_params *p = t->params;

    if (t->slow && t->state.updates % o->lookahead == 0)
        train_lookahead(o->kernels, o->pool, p->total, p->value, t->slow);
    if (t->average)
        train_average(o->kernels, o->pool, p->total, o->ema, t->state.updates, p->value,
                      t->average);
}

bool train_net_update(struct train_net *t, double rate, struct train_outcome *out, struct err *err)
{
    struct nn_params *p = t->params;
    const struct learnt l = t->learnt;
    double mean = (double)l.last / l.pictures, norm;

    assert(l.pictures > 0);
    norm = mean * train_gradient_length(&t->gradient, p, t->opt.kernels, t->opt.pool);
    if (!isfinite(norm))
        return forget(t, err, "a gradient is no finite number");
    if (!running_finite(t))
        return forget(t, err, "a running statistic is no finite number");
    if (t->opt.clip > 0 && norm > t->opt.clip)
        mean *= t->opt.clip / norm;
    train_gradient_scale(&t->gradient, t->params, mean, t->opt.kernels, t->opt.pool);
    train_update_run(t->update, p, rate, ++t->state.updates);
    t->learnt = (struct learnt){ 0 };
    if (!sound(t))
        return err_set(err, ERR_DIVERGED, "the weights have left the finite numbers");
    follow_values(t);
    *out = (struct train_outcome){ l.loss / l.pictures, norm, l.pictures, l.right };
    return true;
}

/* ---- what is inside -------------------------------------------------------------------------- */

/* Lookahead's slow values have no statistics of their own: those of the trained ones fit them. */
const real *train_net_value(const struct train_net *t, int node)
{
    int e = t->params->entry[node];
    const real *from = t->average                   ? t->average
                       : t->slow && !t->running[e] ? t->slow
                                                    : t->params->value;

    return from + t->params->offset[e];
}

void train_net_values(const struct train_net *t, struct nn_params *p)
{
    assert(p->n <= t->params->n);
    for (int e = 0; e < p->n; e++)
        memcpy(p->value + p->offset[e], train_net_value(t, p->node[e]),
               (size_t)p->count[e] * sizeof *p->value);
}

int train_net_blocks(struct train_net *t, struct train_block *block, int most)
{
    const struct train_block all[TRAIN_NET_BLOCKS] = {
        { "values", t->params->value, t->params->total },
        { "moment1", train_update_moment(t->update, 0), t->params->total },
        { "moment2", train_update_moment(t->update, 1), t->params->total },
        { "average", t->average, t->params->total },
        { "slow", t->slow, t->params->total },
    };
    int n = 0;

    for (int i = 0; i < TRAIN_NET_BLOCKS; i++)
        if (all[i].data) {
            assert(n < most);
            block[n++] = all[i];
        }
    return n;
}

void *train_net_state(struct train_net *t)
{
    return &t->state;
}

const struct nn_graph *train_net_graph(const struct train_net *t)
{
    return t->graph;
}

const struct nn_params *train_net_params(const struct train_net *t)
{
    return t->params;
}

int64_t train_net_trained(const struct train_net *t)
{
    return nn_params_trained(t->params);
}

int64_t train_net_flops(const struct train_net *t)
{
    return t->sized[0].n ? t->sized[0].plan->flops / t->sized[0].n : 0;
}
