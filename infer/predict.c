/*
 * predict -- see predict.h
 *
 * A batch goes through the network in slices so small that what lies between two operators stays in
 * the caches: a picture's bits do not depend on its neighbours.  One plan, for a full slice: a
 * shorter one is filled up with zeros and their answers are thrown away.  That costs a run some
 * idle work once, at its end, and saves a second plan and its memory.
 */
#include "infer/predict.h"

#include "nn/base/cpu.h"
#include "nn/exec.h"
#include "nn/kernel/cpu.h"
#include "nn/op/batchnorm.h"
#include "nn/pass/pass.h"
#include "nn/pass/rewrite.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct infer_network {
    struct nn_graph *graph;
    struct nn_params *params;
};

struct infer_predictor {
    const struct infer_network *network;
    struct infer_network *own;  /* the same, where nobody has lent it */
    struct pool *pool;
    const struct nn_kernels *kernels;
    struct nn_plan *plan;
    struct nn_exec *exec;
    struct shape image;         /* of a full slice */
    int batch, slice, n_labels;
    enum nn_precision precision;
    real *logits;               /* [batch,n_labels] */
};

/* One picture in, a row of numbers out: that is a classifier. */
static bool check_form(const struct nn_graph *g, struct err *err)
{
    int in = nn_graph_first_input(g), out = nn_graph_find_output(g, "logits");
    const struct nn_type *x, *y;

    if (in < 0)
        return err_set(err, ERR_INPUT, "the network has no input");
    if (out < 0)
        return err_set(err, ERR_INPUT, "the network has no output \"logits\"");
    x = &g->node[in].type;
    y = &g->node[out].type;
    if (x->rank != 4 || !x->dim[0].batch || (x->dim[3].n != 3 && x->dim[3].n != 1))
        return err_set(err, ERR_INPUT,
                       "the network's input is not a picture [N,height,width,3], or 1 for grey");
    if (y->rank != 2 || !y->dim[0].batch || y->dim[1].batch)
        return err_set(err, ERR_INPUT, "the network's output \"logits\" is not [N,labels]");
    return true;
}

/* A parameter of n numbers: numbers[i], or all of them `all` where that is NULL. */
static int add_param(struct nn_rewrite *w, int n, const double *numbers, double all)
{
    struct nn_param attr = { .shape = { n } };
    real *value = arena_array(w->mem, (size_t)n, sizeof *value);

    if (!value) {
        w->failed = true;
        err_set(w->err, ERR_MEMORY, "predict: no memory");
        return -1;
    }
    for (int i = 0; i < n; i++)
        value[i] = (real)(numbers ? numbers[i] : all);
    return nn_rewrite_add(w, &nn_op_param, NULL, &attr, 0, NULL, value);
}

/* Scale and shift are a batch-norm of mean 0 and variance 1, whose epsilon a float does not see. */
static int add_calibration(struct nn_rewrite *w, const struct infer_calibration *c, int n,
                           int logits)
{
    static const struct nn_bn norm = { .epsilon = 1e-12 };

    if (c->scale) {
        int in[] = { logits, add_param(w, n, c->scale, 0), add_param(w, n, c->shift, 0),
                     add_param(w, n, NULL, 0), add_param(w, n, NULL, 1) };

        return nn_rewrite_add(w, &nn_op_batchnorm, NULL, &norm, 5, in, NULL);
    }

    int in[] = { logits, add_param(w, n, NULL, 1 / c->temperature) };

    return nn_rewrite_add(w, &nn_op_scale, NULL, NULL, 2, in, NULL);
}

bool infer_answer_graph(const struct nn_graph *g, const struct nn_params *p, enum data_task task,
                        const struct infer_calibration *calibration, struct nn_graph **g2,
                        struct nn_params **p2, struct err *err)
{
    const struct nn_op *op = task == DATA_SINGLE ? &nn_op_softmax : &nn_op_sigmoid;
    struct nn_graph *graph = NULL;
    struct nn_params *params = NULL;
    struct nn_rewrite w;
    int logits, id;
    bool ok = false;

    *g2 = NULL;
    *p2 = NULL;
    if (!check_form(g, err) || !nn_pass_infer(g, p, &graph, &params, err))
        return false;
    if (!nn_rewrite_begin(&w, graph, params, err))
        goto out;
    for (int i = 0; i < graph->n; i++)
        nn_rewrite_copy(&w, i);
    logits = w.map[nn_graph_find_output(graph, "logits")];
    if (calibration)
        logits = add_calibration(&w, calibration,
                                 graph->node[nn_graph_find_output(graph, "logits")].type.dim[1].n,
                                 logits);
    id = nn_rewrite_add(&w, op, NULL, NULL, 1, &logits, NULL);
    if (!nn_rewrite_end(&w, g2, p2))
        goto out;
    ok = nn_graph_output(*g2, "probability", id, err);
    if (!ok) {
        nn_graph_free(*g2);
        nn_params_free(*p2);
        *g2 = NULL;
        *p2 = NULL;
    }
out:
    nn_graph_free(graph);
    nn_params_free(params);
    return ok;
}

struct infer_network *infer_network_new(const struct nn_graph *g, const struct nn_params *p,
                                        enum data_task task,
                                        const struct infer_calibration *calibration,
                                        struct err *err)
{
    struct infer_network *n = calloc(1, sizeof *n);

    if (!n)
        err_set(err, ERR_MEMORY, "predict: no memory");
    if (n && !infer_answer_graph(g, p, task, calibration, &n->graph, &n->params, err)) {
        free(n);
        n = NULL;
    }
    return n;
}

void infer_network_free(struct infer_network *n)
{
    if (!n)
        return;
    nn_params_free(n->params);
    nn_graph_free(n->graph);
    free(n);
}

struct infer_predictor *infer_predictor_of(const struct infer_network *n, int batch, int threads,
                                           const char *isa, struct err *err)
{
    struct infer_predictor *q = calloc(1, sizeof *q);

    if (!q) {
        err_set(err, ERR_MEMORY, "predict: no memory");
        return NULL;
    }
    q->network = n;
    q->n_labels = n->graph->node[nn_graph_find_output(n->graph, "probability")].type.dim[1].n;
    q->kernels = nn_kernels_get(isa, err);
    q->pool = q->kernels ? pool_new(threads, err) : NULL;
    if (!q->pool || !infer_predictor_resize(q, batch, err)) {
        infer_predictor_free(q);
        return NULL;
    }
    return q;
}

struct infer_predictor *infer_predictor_new(const struct nn_graph *g, const struct nn_params *p,
                                            enum data_task task,
                                            const struct infer_calibration *calibration, int batch,
                                            int threads, const char *isa, struct err *err)
{
    struct infer_network *n = infer_network_new(g, p, task, calibration, err);
    struct infer_predictor *q = n ? infer_predictor_of(n, batch, threads, isa, err) : NULL;

    if (q)
        q->own = n;
    else
        infer_network_free(n);
    return q;
}

static struct nn_plan *new_plan(const struct infer_predictor *q, int n, struct err *err)
{
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = n, .threads = pool_threads(q->pool),
                                   .kernels = q->kernels, .precision = q->precision };

    return nn_plan_new(q->network->graph, &opt, err);
}

/* So many pictures that what is alive of them fills half the largest cache, the slices of a batch
 * being alike. */
static int slice_of(const struct nn_plan *one, int batch)
{
    size_t cache = cpu_cache(3) ? cpu_cache(3) : cpu_cache(2) ? cpu_cache(2) : (size_t)1 << 20;
    size_t most = cache / 2 / (one->bytes ? one->bytes : 1);
    int slices;

    most = most < 1 ? 1 : most > (size_t)batch ? (size_t)batch : most;
    slices = (int)(((size_t)batch + most - 1) / most);
    return (batch + slices - 1) / slices;
}

bool infer_predictor_resize(struct infer_predictor *q, int batch, struct err *err)
{
    struct nn_plan *plan = new_plan(q, 1, err);
    int slice = plan ? slice_of(plan, batch) : 0;
    struct nn_exec *exec = NULL;
    real *logits = calloc((size_t)batch * (size_t)q->n_labels, sizeof *logits);

    if (slice > 1) {
        nn_plan_free(plan);
        plan = new_plan(q, slice, err);
    }
    if (!logits)
        err_set(err, ERR_MEMORY, "predict: no memory");
    else if (plan)
        exec = nn_exec_new(plan, q->network->params, q->pool, err);
    if (!exec) {
        nn_plan_free(plan);
        free(logits);
        return false;
    }
    nn_exec_free(q->exec);
    nn_plan_free(q->plan);
    free(q->logits);
    q->plan = plan;
    q->exec = exec;
    q->logits = logits;
    q->batch = batch;
    q->slice = slice;
    q->image = plan->shape[nn_graph_first_input(q->network->graph)];
    return true;
}

bool infer_predictor_keep(struct infer_predictor *q, enum nn_precision precision, struct err *err)
{
    enum nn_precision before = q->precision;

    q->precision = precision;
    if (infer_predictor_resize(q, q->batch, err))
        return true;
    q->precision = before;
    return false;
}

const struct nn_plan *infer_predictor_plan(const struct infer_predictor *q)
{
    return q->plan;
}

void infer_predictor_free(struct infer_predictor *q)
{
    if (!q)
        return;
    nn_exec_free(q->exec);
    nn_plan_free(q->plan);
    free(q->logits);
    pool_free(q->pool);
    infer_network_free(q->own);
    free(q);
}

int infer_predictor_batch(const struct infer_predictor *q)
{
    return q->batch;
}

int infer_predictor_labels(const struct infer_predictor *q)
{
    return q->n_labels;
}

void infer_predictor_size(const struct infer_predictor *q, int size[2])
{
    size[0] = (int)q->image.dim[1];
    size[1] = (int)q->image.dim[2];
}

static void predict_slice(struct infer_predictor *q, int n, const float *image, float *probability,
                          real *logits)
{
    const char *input = q->network->graph->node[nn_graph_first_input(q->network->graph)].name;
    size_t one = (size_t)(shape_count(&q->image) / q->slice), used = (size_t)n * one;
    size_t answers = (size_t)n * (size_t)q->n_labels;
    real *in = nn_exec_input(q->exec, input).data;
    const real *y;

    for (size_t i = 0; i < used; i++)
        in[i] = image[i];
    memset(in + used, 0, ((size_t)q->slice * one - used) * sizeof *in);
    nn_exec_forward(q->exec);
    y = nn_exec_output(q->exec, "probability").data;
    for (size_t i = 0; i < answers; i++)
        probability[i] = (float)y[i];
    memcpy(logits, nn_exec_output(q->exec, "logits").data, answers * sizeof *logits);
}

void infer_predict(struct infer_predictor *q, int n, const float *image, float *probability)
{
    size_t one = (size_t)(shape_count(&q->image) / q->slice), labels = (size_t)q->n_labels;

    assert(n >= 0 && n <= q->batch);
    for (int i = 0, count; i < n; i += count) {
        count = n - i < q->slice ? n - i : q->slice;
        predict_slice(q, count, image + (size_t)i * one, probability + (size_t)i * labels,
                      q->logits + (size_t)i * labels);
    }
}

void infer_predictor_logits(const struct infer_predictor *q, int n, float *logits)
{
    assert(n >= 0 && n <= q->batch);
    for (size_t i = 0; i < (size_t)n * (size_t)q->n_labels; i++)
        logits[i] = (float)q->logits[i];
}

/* Label a stands before label b; what is no number stands where 0 does. */
static bool before(const float *probability, int a, int b)
{
    float p = probability[a] > 0 ? probability[a] : 0, q = probability[b] > 0 ? probability[b] : 0;

    return p > q || (p == q && a < b);
}

void infer_rank(const float *probability, int n_labels, int top, int *rank)
{
    assert(top <= n_labels);
    for (int k = 0; k < top; k++) {
        int best = -1;

        for (int l = 0; l < n_labels; l++)
            if ((k == 0 || before(probability, rank[k - 1], l)) &&
                (best < 0 || before(probability, l, best)))
                best = l;
        rank[k] = best;
    }
}
