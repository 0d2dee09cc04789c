/*
 * measure -- see measure.h
 */
#include "infer/eval/measure.h"

#include "nn/exec.h"
#include "nn/kernel/cpu.h"
#include "nn/op/batchnorm.h"
#include "nn/op/input.h"
#include "nn/op/xent.h"
#include "nn/pass/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MEAN = 3, VAR = 4 };     /* inputs of a batch-norm */

struct measure {
    struct nn_graph *g;         /* as in training, its batch-norms telling each batch's own */
    struct nn_params *p;
    struct nn_plan *plan;
    struct nn_exec *exec;
    struct pool *pool;
    double *sum;                /* [p->total]: of means; of variances and squared means */
    float *held;                /* pictures that wait for a whole batch */
    size_t pixels;              /* numbers of one */
    int n_held, batches, batch;
    struct err *err;
};

static bool tells(const struct nn_node *node)
{
    return node->op == &nn_op_batchnorm && !((const struct nn_bn *)node->attr)->frozen;
}

bool infer_measures(const struct nn_graph *g)
{
    for (int i = 0; i < g->n; i++)
        if (tells(&g->node[i]))
            return true;
    return false;
}

/* ---- the network as it is in training -------------------------------------------------------- */

/* Each batch-norm leaves what the last batch was as its running statistics. */
static bool forget_at_once(struct nn_graph *g, struct err *err)
{
    for (int i = 0; i < g->n; i++) {
        struct nn_bn *attr;

        if (!tells(&g->node[i]))
            continue;
        attr = arena_copy(g->mem, g->node[i].attr, sizeof *attr);
        if (!attr)
            return err_set(err, ERR_MEMORY, "no memory to measure a network");
        attr->momentum = 1;
        g->node[i].attr = attr;
    }
    return true;
}

/* A plan for training wants a loss; nobody asks for its value. */
static bool add_loss(struct nn_graph *g, struct err *err)
{
    int logits = nn_graph_find_output(g, "logits"), loss = -1, in[2] = { logits };
    int n = g->node[logits].type.dim[1].n;

    in[1] = nn_graph_add(g, &nn_op_input, NULL, &(struct nn_input){ .shape = { n } }, 0, NULL, err);
    if (in[1] >= 0)
        loss = nn_graph_add(g, &nn_op_xent, NULL, NULL, 2, in, err);
    return loss >= 0 && nn_graph_output(g, "loss", loss, err) && nn_graph_check(g, err);
}

static bool copy_network(struct measure *m, const struct nn_graph *g, const struct nn_params *p,
                         struct err *err)
{
    struct arena *mem = arena_new();
    struct nn_values v, without;
    bool ok = mem || err_set(err, ERR_MEMORY, "no memory to measure a network");

    ok = ok && nn_params_values(p, g, mem, &v, err) &&
         nn_pass_drop_train_only.run(g, &v, &m->g, &without, err) && forget_at_once(m->g, err) &&
         add_loss(m->g, err);
    m->p = ok ? nn_params_new(m->g, true, err) : NULL;
    if (m->p)
        nn_params_copy(m->p, m->g, p, g);
    arena_free(mem);
    return m->p;
}

/* For so many pictures at a time; as little memory as it comes to: backward is never run. */
static bool prepare(struct measure *m, int batch)
{
    struct nn_plan_options opt = { .mode = NN_TRAIN, .batch = batch,
                                   .threads = pool_threads(m->pool),
                                   .kernels = nn_kernels_get(NULL, m->err),
                                   .precision = NN_PRECISION_FP32, .limit = 1 };

    nn_exec_free(m->exec);
    nn_plan_free(m->plan);
    m->exec = NULL;
    m->plan = opt.kernels ? nn_plan_new(m->g, &opt, m->err) : NULL;
    m->exec = m->plan ? nn_exec_new(m->plan, m->p, m->pool, m->err) : NULL;
    m->batch = batch;
    return m->exec;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static const real *statistic(const struct measure *m, int node, int which, int64_t *at, int64_t *n)
{
    int e = m->p->entry[m->g->node[node].in[which]];

    *at = m->p->offset[e];
    *n = m->p->count[e];
    return m->p->value + *at;
}

/* The pictures that wait go through, and what batch-norms met is added up. */
static void run(struct measure *m)
{
    struct tensor image = nn_exec_input(m->exec, "image");
    real *to = image.data;
    int64_t at, of_mean, n;

    for (size_t i = 0; i < m->pixels * (size_t)m->n_held; i++)
        to[i] = m->held[i];
    m->n_held = 0;
    m->batches++;
    nn_exec_forward(m->exec);
    for (int i = 0; i < m->g->n; i++) {
        const real *mean, *var;

        if (!tells(&m->g->node[i]))
            continue;
        mean = statistic(m, i, MEAN, &of_mean, &n);
        var = statistic(m, i, VAR, &at, &n);
        for (int64_t c = 0; c < n; c++) {
            m->sum[of_mean + c] += (double)mean[c];
            m->sum[at + c] += (double)var[c] + (double)mean[c] * (double)mean[c];
        }
    }
}

static bool on_batch(void *ctx, const struct data_batch *b)
{
    struct measure *m = ctx;

    for (int i = 0; i < b->n; i++) {
        memcpy(m->held + m->pixels * (size_t)m->n_held++, b->image + m->pixels * (size_t)i,
               m->pixels * sizeof *m->held);
        if (m->n_held == m->batch)
            run(m);
    }
    return true;
}

/* Means of the sums, into the statistics of p, parameters of g. */
static bool finish(const struct measure *m, const struct nn_graph *g, struct nn_params *p,
                   struct err *err)
{
    for (int i = 0; i < m->g->n; i++) {
        int64_t at, of_mean, n;
        real *mean, *var;

        if (!tells(&m->g->node[i]))
            continue;
        statistic(m, i, MEAN, &of_mean, &n);
        statistic(m, i, VAR, &at, &n);
        mean = p->value + p->offset[p->entry[nn_params_find(g, m->g, m->g->node[i].in[MEAN])]];
        var = p->value + p->offset[p->entry[nn_params_find(g, m->g, m->g->node[i].in[VAR])]];
        for (int64_t c = 0; c < n; c++) {
            double mu = m->sum[of_mean + c] / m->batches;
            double spread = m->sum[at + c] / m->batches - mu * mu;

            if (!isfinite(mu) || !isfinite(spread))
                return err_set(err, ERR_INPUT, "what \"%.100s\" meets is no finite number: these "
                               "weights are no network", m->g->node[i].name);
            mean[c] = (real)mu;
            var[c] = (real)(spread > 0 ? spread : 0);
        }
    }
    return true;
}

/* At most MOST samples of x, by lot: in x's order neighbours are alike. */
static struct data_sample *draw(const struct data_index *x, int *n, struct err *err)
{
    uint32_t *order = malloc(((size_t)x->n + 1) * sizeof *order);
    struct data_sample *sample;

    *n = x->n < INFER_MEASURE_MOST ? x->n : INFER_MEASURE_MOST;
    sample = malloc(((size_t)*n + 1) * sizeof *sample);
    if (order && sample) {
        rng_shuffle(0, rng_stream(RNG_ORDER, 0), (uint32_t)x->n, order);
        for (int i = 0; i < *n; i++)
            sample[i] = x->sample[order[i]];
    } else {
        err_set(err, ERR_MEMORY, "no memory for %d pictures", x->n);
        free(sample);
        sample = NULL;
    }
    free(order);
    return sample;
}

static bool measure(struct measure *m, const struct data_index *x, const struct data_prep *prep,
                    const struct infer_evaluate_options *how, struct err *err)
{
    struct infer_feed feed = { .batch = INFER_MEASURE_BATCH, .prep = prep };

    m->pixels = data_prep_count(prep);
    m->sum = calloc((size_t)m->p->total + 1, sizeof *m->sum);
    m->held = malloc(m->pixels * INFER_MEASURE_BATCH * sizeof *m->held);
    if (!m->sum || !m->held)
        return err_set(err, ERR_MEMORY, "no memory to measure a network");
    if (!prepare(m, INFER_MEASURE_BATCH) || !infer_each_batch(x, &feed, how, on_batch, m, err))
        return false;
    if (m->batches)
        return true;
    if (!m->n_held)
        return err_set(err, ERR_INPUT, "none of the %d pictures can be read", x->n);
    if (!prepare(m, m->n_held))
        return false;
    run(m);
    return true;
}

bool infer_measure(const struct nn_graph *g, struct nn_params *p, const struct data_index *x,
                   const struct data_prep *prep, const struct infer_evaluate_options *how,
                   int *pictures, struct err *err)
{
    struct measure m = { .pool = pool_new(how->threads, err), .err = err };
    struct data_index some = *x;
    bool ok;

    some.sample = draw(x, &some.n, err);
    ok = m.pool && some.sample && copy_network(&m, g, p, err) &&
         measure(&m, &some, prep, how, err) && finish(&m, g, p, err);
    *pictures = m.batches * m.batch;
    free(some.sample);
    free(m.sum);
    free(m.held);
    nn_exec_free(m.exec);
    nn_plan_free(m.plan);
    nn_params_free(m.p);
    nn_graph_free(m.g);
    pool_free(m.pool);
    return ok;
}
