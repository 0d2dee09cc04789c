/*
 * bench, networks -- a training step and an answer, on the roads that train and predict take
 */
#include "train/bench.h"

#include "infer/predict.h"
#include "nn/base/clock.h"
#include "nn/exec.h"
#include "nn/kernel/cpu.h"
#include "train/arch.h"
#include "train/net.h"

#include <stdlib.h>

static int side_of(const struct train_bench_net *how)
{
    const struct nn_model *model = train_arch_named(how->arch);

    return how->size ? how->size : model ? model->size : 224;
}

/* One batch of noise. */
struct batch {
    int n;
    float *image, *target, *answer;
};

static bool batch_make(struct batch *b, int n, size_t picture, int labels, struct err *err)
{
    *b = (struct batch){ .n = n };
    b->image = calloc((size_t)n * picture, sizeof *b->image);
    b->target = calloc((size_t)n * (size_t)labels, sizeof *b->target);
    b->answer = calloc((size_t)n * (size_t)labels, sizeof *b->answer);
    if (!b->image || !b->target || !b->answer)
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", n);
    for (size_t i = 0; i < (size_t)n * picture; i++)
        b->image[i] = rng_f32(1, rng_stream(RNG_TEST, 0), i) * 4 - 2;
    for (int i = 0; i < n; i++)
        b->target[i * labels + i % labels] = 1;
    return true;
}

static void batch_release(struct batch *b)
{
    free(b->image);
    free(b->target);
    free(b->answer);
}

/* ---- a training step ------------------------------------------------------------------------- */

struct training {
    struct train_net *net;
    const struct batch *b;
    uint64_t step;
    bool ok;
    struct err *err;
};

/* At a rate that keeps noise from diverging, and does all the work of any other. */
static void run_step(void *ctx)
{
    struct training *t = ctx;
    struct train_outcome out;

    t->ok = t->ok && train_net_learn(t->net, t->b->n, t->b->image, t->b->target, NULL, t->step++,
                                     t->err);
    t->ok = t->ok && train_net_update(t->net, 1e-6, &out, t->err);
}

static struct train_net_options training_options(const struct train_bench_net *how,
                                                 struct err *err)
{
    return (struct train_net_options){
        .loss = { .task = DATA_SINGLE }, .optim = &train_optim_sgd, .pool = how->pool, .seed = 1,
        .momentum = train_optim_sgd.momentum, .decay = train_optim_sgd.decay,
        .kernels = nn_kernels_get(how->isa, err), .precision = how->precision,
    };
}

/* What is left for activations in how->memory; 0: any. */
static bool limit_of(const struct train_bench_net *how, const struct nn_graph *g, int64_t *limit,
                     struct err *err)
{
    struct train_net_options opt = training_options(how, err);
    struct train_net_bytes bytes;

    *limit = 0;
    if (!how->memory)
        return true;
    if (!opt.kernels ||
        !train_net_bytes(g, &opt, how->batch, pool_threads(how->pool), &bytes, err))
        return false;
    *limit = how->memory > bytes.state ? how->memory - bytes.state : 1;
    return true;
}

static bool measure_training(const struct train_bench_net *how, const struct nn_graph *g,
                             const struct batch *b, struct train_bench_net_result *out,
                             struct err *err)
{
    struct train_net_options opt = training_options(how, err);
    struct train_net_bytes bytes = { 0 };
    struct training t = { .b = b, .ok = true, .err = err };

    if (!limit_of(how, g, &opt.limit, err))
        return false;
    t.net = opt.kernels ? train_net_new(g, &opt, err) : NULL;
    if (t.net && train_net_prepare(t.net, b->n, err)) {
        out->time = train_bench_run(run_step, &t, how->rounds, 0.1);
        out->flops = 3.0 * (double)train_net_flops(t.net) * b->n;
        t.ok &= train_net_bytes(g, &opt, b->n, pool_threads(how->pool), &bytes, err);
        out->bytes = bytes.state + bytes.activations;
        out->kept = bytes.kept;
        out->again = bytes.again;
        out->precision = how->precision ? how->precision : nn_precision_auto(NN_TRAIN, opt.kernels);
    } else {
        t.ok = false;
    }
    train_net_free(t.net);
    return t.ok;
}

/* ---- variants of operators ------------------------------------------------------------------- */

#define TUNE_SECONDS 60 /* at most, about: who benches has time */

static bool measure_tuned(const struct train_net_options opt[2], const struct nn_graph *g,
                          const struct train_bench_net *how, const struct batch *b,
                          struct train_bench_time time[2], struct err *err)
{
    struct training t[2];
    bool ok = true;

    for (int i = 0; i < 2; i++) {
        t[i] = (struct training){ .b = b, .ok = true, .err = err };
        t[i].net = ok ? train_net_new(g, &opt[i], err) : NULL;
        ok = t[i].net && train_net_prepare(t[i].net, b->n, err);
    }
    if (ok)
        train_bench_turns(run_step, (void *[]){ &t[0], &t[1] }, 2, how->rounds, 0.1, time);
    for (int i = 0; i < 2; i++) {
        train_net_free(t[i].net);
        ok &= t[i].ok;
    }
    return ok;
}

bool train_bench_tuned(const struct train_bench_net *how, nn_tuned_fn *tell, void *ctx,
                       struct train_bench_time time[2], struct err *err)
{
    struct train_net_options opt[2] = { training_options(how, err) };
    struct nn_tune_options tune = { how->pool, TUNE_SECONDS, tell, ctx };
    struct data_prep prep = { .size = { side_of(how), side_of(how) } };
    struct nn_graph *g = train_arch_graph(how->arch, how->labels, 0, 0, &prep, err);
    struct nn_variants *variants = NULL;
    struct batch b = { .n = 0 };
    struct str table = { 0 };
    bool ok = g && opt[0].kernels && limit_of(how, g, &opt[0].limit, err) &&
              batch_make(&b, how->batch, (size_t)side_of(how) * (size_t)side_of(how) * 3,
                         how->labels, err) &&
              train_net_tune(g, &opt[0], how->batch, &tune, &table, err) &&
              (variants = nn_variants_read(str_text(&table), err));

    opt[1] = opt[0];
    opt[1].variants = variants;
    ok = ok && measure_tuned(opt, g, how, &b, time, err);
    str_release(&table);
    nn_variants_free(variants);
    batch_release(&b);
    nn_graph_free(g);
    return ok;
}

/* ---- where its time goes --------------------------------------------------------------------- */

/* One round: every step of the plan, timed by itself, added to those of its operator. */
static void run_round(struct nn_exec *e, const struct nn_plan *plan, double *seconds)
{
    for (int t = 0; t < plan->n_step; t++) {
        bool backward = plan->step[t].kind == NN_STEP_BACKWARD;
        bool late = t >= plan->n_forward;
        const struct nn_op *op = plan->graph->node[plan->step[t].node].op;
        struct nn_call c;
        double start;
        int i = 0;

        while (nn_op_at(i) != op)
            i++;
        nn_exec_call(e, t, &c);
        start = clock_now();
        if (backward)
            op->backward(&c);
        else
            nn_op_forward(op, &c);
        seconds[2 * i + late] += clock_now() - start;
    }
}

/* Each step's flops and each operator's number of steps. */
static void count_steps(const struct nn_plan *plan, struct train_bench_share *share)
{
    for (int i = 0; i < nn_op_count(); i++)
        share[i] = (struct train_bench_share){ .op = nn_op_at(i) };
    for (int t = 0; t < plan->n_forward; t++) {
        int node = plan->step[t].node, i = 0;
        struct nn_call c = nn_plan_call(plan, node);

        while (nn_op_at(i) != plan->graph->node[node].op)
            i++;
        share[i].steps++;
        share[i].flops += (double)nn_op_flops(share[i].op, &c);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct train_bench_share *x = a, *y = b;
    double s = x->seconds[0] + x->seconds[1], t = y->seconds[0] + y->seconds[1];

    return (s < t) - (s > t);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Medians of `rounds` rounds, after one to warm up. */
static bool measure_shares(struct nn_exec *e, const struct nn_plan *plan, int rounds,
                           struct train_bench_share *share, struct err *err)
{
    int n = 2 * nn_op_count();
    double *seconds = calloc((size_t)n * (size_t)rounds, sizeof *seconds);
    double sorted[TRAIN_BENCH_ROUNDS];

    if (!seconds)
        return err_set(err, ERR_MEMORY, "no memory for %d rounds", rounds);
    nn_exec_forward(e);
    nn_exec_backward(e);
    for (int r = 0; r < rounds; r++)
        run_round(e, plan, seconds + (size_t)n * (size_t)r);
    for (int i = 0; i < n; i++) {
        for (int r = 0; r < rounds; r++)
            sorted[r] = seconds[(size_t)n * (size_t)r + (size_t)i];
        qsort(sorted, (size_t)rounds, sizeof *sorted, by_value);
        share[i / 2].seconds[i % 2] = sorted[rounds / 2];
    }
    free(seconds);
    return true;
}

int train_bench_shares(const struct train_bench_net *how, struct train_bench_share *share,
                       struct err *err)
{
    const struct train_loss loss = { .task = DATA_SINGLE };
    struct nn_plan_options opt = { .mode = NN_TRAIN, .batch = how->batch,
                                   .precision = how->precision,
                                   .threads = pool_threads(how->pool),
                                   .kernels = nn_kernels_get(how->isa, err) };
    struct data_prep prep = { .size = { side_of(how), side_of(how) } };
    struct nn_graph *g = train_arch_graph(how->arch, how->labels, 0, 0, &prep, err);
    int64_t limit = 0;
    bool ok = g && opt.kernels && limit_of(how, g, &limit, err) && train_loss_add(g, &loss, err);
    struct nn_plan *plan;
    struct nn_params *p;
    struct nn_exec *e;
    int n;

    opt.limit = (size_t)limit;
    plan = ok ? nn_plan_new(g, &opt, err) : NULL;
    p = plan ? nn_params_new(g, true, err) : NULL;
    e = p ? nn_exec_new(plan, p, how->pool, err) : NULL;
    n = e ? 0 : -1;
    if (e) {
        struct tensor x = nn_exec_input(e, "image");

        nn_params_init(p, g, 1);
        train_loss_fill(g, p, &loss);
        for (int64_t i = 0; i < shape_count(&x.shape); i++)
            ((real *)x.data)[i] = (real)(rng_f32(1, rng_stream(RNG_TEST, 0), (uint64_t)i) - 0.5f);
        count_steps(plan, share);
        if (!measure_shares(e, plan, how->rounds, share, err))
            n = -1;
    }
    if (!n) {
        qsort(share, (size_t)nn_op_count(), sizeof *share, by_time);
        while (n < nn_op_count() && share[n].steps)
            n++;
    }
    nn_exec_free(e);
    nn_params_free(p);
    nn_plan_free(plan);
    nn_graph_free(g);
    return n;
}

/* ---- an answer ------------------------------------------------------------------------------- */

struct answering {
    struct infer_predictor *q;
    const struct batch *b;
};

static void run_answer(void *ctx)
{
    struct answering *a = ctx;

    infer_predict(a->q, a->b->n, a->b->image, a->b->answer);
}

/* A first value, made when it is packed: as a file's, it is never there twice. */
struct drawn {
    struct nn_value value;
    const struct nn_graph *g;
    int node, entry;
};

static bool make_drawn(const struct nn_value *v, real *out, struct err *err)
{
    const struct drawn *d = (const struct drawn *)v;

    (void)err;
    nn_params_init_one(d->g, d->node, d->entry, 1, out);
    return true;
}

static bool draw_values(const struct nn_graph *g, struct arena *mem, struct nn_values *v,
                        struct err *err)
{
    int entries = 0;

    if (!mem || !nn_values_new(g, mem, v, err))
        return err_set(err, ERR_MEMORY, "no memory for a network");
    for (int i = 0; i < g->n; i++) {
        struct drawn *d;
        struct shape s;

        if (g->node[i].op != &nn_op_param && g->node[i].op != &nn_op_const)
            continue;
        d = arena_alloc(mem, sizeof *d);
        if (!d)
            return err_set(err, ERR_MEMORY, "no memory for a network");
        nn_type_shape(&g->node[i].type, 1, &s);
        *d = (struct drawn){ .value = { .count = shape_count(&s), .make = make_drawn }, .g = g,
                             .node = i, .entry = entries++ };
        v->of[i] = &d->value;
    }
    return true;
}

static struct infer_network *drawn_network(const struct train_bench_net *how,
                                           const struct nn_graph *g, struct err *err)
{
    const struct infer_network_options opt = { .task = DATA_SINGLE, .precision = how->precision,
                                               .isa = how->isa, .pool = how->pool };
    struct arena *mem = arena_new();
    struct infer_network *n = NULL;
    struct nn_values v;

    if (draw_values(g, mem, &v, err))
        n = infer_network_new(g, &v, &opt, err);
    arena_free(mem);
    return n;
}

static bool measure_answer(const struct train_bench_net *how, const struct nn_graph *g,
                           const struct batch *b, struct train_bench_net_result *out,
                           struct err *err)
{
    struct infer_network *n = drawn_network(how, g, err);
    struct answering a = { .b = b };

    if (n)
        a.q = infer_predictor_of(n, b->n, pool_threads(how->pool), err);
    if (a.q) {
        const struct nn_plan *plan = infer_predictor_plan(a.q);

        out->time = train_bench_run(run_answer, &a, how->rounds, 0.05);
        out->flops = (double)plan->flops / (double)plan->opt.batch * b->n;
        out->bytes = (int64_t)(plan->bytes + n->weights->bytes);
        out->precision = plan->opt.precision;
    }
    infer_predictor_free(a.q);
    infer_network_free(n);
    return out->bytes > 0;
}

bool train_bench_net(const struct train_bench_net *how, struct train_bench_net_result *out,
                     struct err *err)
{
    struct data_prep prep = { .size = { side_of(how), side_of(how) } };
    struct nn_graph *g = train_arch_graph(how->arch, how->labels, 0, 0, &prep, err);
    struct batch b = { 0 };
    bool ok;

    *out = (struct train_bench_net_result){ .size = prep.size[0] };
    ok = g && batch_make(&b, how->batch, data_prep_count(&prep), how->labels, err) &&
         (how->train ? measure_training : measure_answer)(how, g, &b, out, err);
    batch_release(&b);
    nn_graph_free(g);
    return ok;
}
