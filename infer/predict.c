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

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Products of a slice below which one thread answers: to wake another takes as long. */
enum { FEW_PRODUCTS = 4000000 };

struct infer_predictor {
    const struct infer_network *network;
    struct infer_network *own;  /* the same, where nobody has lent it */
    struct pool *pool;
    struct nn_plan *plan;
    struct nn_exec *exec;
    const char *input;          /* its name */
    const real *said[3];        /* where the exec has probabilities, logits and features */
    struct shape image;         /* of a full slice */
    int batch, slice, n_labels;
    int width;                  /* of the features; 0: there are none */
    real *logits;               /* [batch,n_labels] */
    real *features;             /* [batch,width] */
    bool *finite;               /* [batch] */
};

/* Takes the pool over. */
static struct infer_predictor *new_predictor(const struct infer_network *n, int batch,
                                             struct pool *pool, struct err *err)
{
    struct infer_predictor *q = calloc(1, sizeof *q);

    if (!q) {
        pool_free(pool);
        err_set(err, ERR_MEMORY, "predict: no memory");
        return NULL;
    }
    q->network = n;
    q->pool = pool;
    q->n_labels = n->graph->node[nn_graph_find_output(n->graph, "probability")].type.dim[1].n;
    q->width = n->width;
    q->input = n->graph->node[nn_graph_first_input(n->graph)].name;
    if (!infer_predictor_resize(q, batch, err)) {
        infer_predictor_free(q);
        return NULL;
    }
    return q;
}

struct infer_predictor *infer_predictor_of(const struct infer_network *n, int batch, int threads,
                                           struct err *err)
{
    struct pool *pool = pool_new(threads, err);

    return pool ? new_predictor(n, batch, pool, err) : NULL;
}

struct infer_predictor *infer_predictor_new(const struct nn_graph *g, const struct nn_params *p,
                                            enum data_task task,
                                            const struct infer_calibration *calibration, int batch,
                                            int threads, const char *isa, struct err *err)
{
    struct pool *pool = pool_new(threads, err);
    struct infer_network_options how = { .task = task, .calibration = calibration, .isa = isa,
                                         .precision = NN_PRECISION_FP32, .pool = pool };
    struct infer_network *n = pool ? infer_network_of(g, p, &how, err) : NULL;
    struct infer_predictor *q;

    if (!n) {
        pool_free(pool);
        return NULL;
    }
    q = new_predictor(n, batch, pool, err);
    if (q)
        q->own = n;
    else
        infer_network_free(n);
    return q;
}

static struct nn_plan *new_plan(const struct infer_predictor *q, int n, struct err *err)
{
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = n, .threads = pool_threads(q->pool),
                                   .kernels = q->network->kernels,
                                   .precision = q->network->precision };

    return nn_plan_new(q->network->graph, &opt, err);
}

/* Bytes of values where most are alive; not of scratch, which need not grow with the batch. */
static size_t alive(const struct nn_plan *p)
{
    size_t most = 1;

    for (int t = 0; t < p->n_step; t++) {
        size_t bytes = 0;

        for (int b = 0; b < p->n_buffer; b++)
            if (p->buffer[b].first <= t && t <= p->buffer[b].last && b != p->step[t].scratch)
                bytes += p->buffer[b].bytes;
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* So many pictures that what is alive of them fills half the largest cache, the slices of a batch
 * being alike. */
static int slice_of(const struct nn_plan *one, int batch)
{
    size_t cache = cpu_cache(3) ? cpu_cache(3) : cpu_cache(2) ? cpu_cache(2) : (size_t)1 << 20;
    size_t most = cache / 2 / alive(one);
    int slices;

    most = most < 1 ? 1 : most > (size_t)batch ? (size_t)batch : most;
    slices = (int)(((size_t)batch + most - 1) / most);
    return (batch + slices - 1) / slices;
}

bool infer_predictor_resize(struct infer_predictor *q, int batch, struct err *err)
{
    struct nn_plan *plan = new_plan(q, 1, err);
    int slice = !plan ? 0 : batch == 1 ? 1 : slice_of(plan, batch);
    struct nn_exec *exec = NULL;
    real *logits = calloc((size_t)batch * (size_t)q->n_labels, sizeof *logits);
    real *features = calloc((size_t)batch * (size_t)q->width + 1, sizeof *features);
    bool *finite = calloc((size_t)batch, sizeof *finite);

    if (slice > 1) {
        nn_plan_free(plan);
        plan = new_plan(q, slice, err);
    }
    if (!logits || !features || !finite)
        err_set(err, ERR_MEMORY, "predict: no memory");
    else if (plan)
        exec = nn_exec_of(plan, q->network->weights,
                          plan->flops < 2 * FEW_PRODUCTS ? NULL : q->pool, err);
    if (!exec) {
        nn_plan_free(plan);
        free(logits);
        free(features);
        free(finite);
        return false;
    }
    nn_exec_free(q->exec);
    nn_plan_free(q->plan);
    free(q->logits);
    free(q->features);
    free(q->finite);
    q->plan = plan;
    q->exec = exec;
    q->logits = logits;
    q->features = features;
    q->finite = finite;
    q->batch = batch;
    q->slice = slice;
    q->image = plan->shape[nn_graph_first_input(q->network->graph)];
    q->said[0] = nn_exec_output(exec, "probability").data;
    q->said[1] = nn_exec_output(exec, "logits").data;
    q->said[2] = q->width ? nn_exec_output(exec, "features").data : NULL;
    return true;
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
    free(q->features);
    free(q->finite);
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

int infer_predictor_width(const struct infer_predictor *q)
{
    return q->width;
}

void infer_predictor_size(const struct infer_predictor *q, int size[2])
{
    size[0] = (int)q->image.dim[1];
    size[1] = (int)q->image.dim[2];
}

/* The exec's pictures: full slices of numbers that are `real` are read where they lie. */
static void take_in(struct infer_predictor *q, int n, const float *image)
{
    size_t all = (size_t)shape_count(&q->image), used = all / (size_t)q->slice * (size_t)n;
    real *in;

    if (sizeof(real) == sizeof(float) && n == q->slice) {
        nn_exec_lend(q->exec, q->input, (const real *)(const void *)image);
        return;
    }
    nn_exec_lend(q->exec, q->input, NULL);
    in = nn_exec_input(q->exec, q->input).data;
    for (size_t i = 0; i < used; i++)
        in[i] = image[i];
    memset(in + used, 0, (all - used) * sizeof *in);
}

static bool all_finite(const real *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

/* n pictures that are number `first` on of their batch. */
static void predict_slice(struct infer_predictor *q, int first, int n, const float *image,
                          float *probability)
{
    size_t labels = (size_t)q->n_labels, width = (size_t)q->width, answers = (size_t)n * labels;

    take_in(q, n, image);
    nn_exec_forward(q->exec);
    for (size_t i = 0; i < answers; i++)
        probability[i] = (float)q->said[0][i];
    memcpy(q->logits + (size_t)first * labels, q->said[1], answers * sizeof *q->logits);
    if (width)
        memcpy(q->features + (size_t)first * width, q->said[2],
               (size_t)n * width * sizeof *q->features);
    for (size_t i = 0; i < (size_t)n; i++)
        q->finite[(size_t)first + i] = all_finite(q->said[0] + i * labels, labels) &&
                                       all_finite(q->said[1] + i * labels, labels) &&
                                       (!width || all_finite(q->said[2] + i * width, width));
}

void infer_predict(struct infer_predictor *q, int n, const float *image, float *probability)
{
    size_t one = (size_t)(shape_count(&q->image) / q->slice), labels = (size_t)q->n_labels;

    assert(n >= 0 && n <= q->batch);
    for (int i = 0, count; i < n; i += count) {
        count = n - i < q->slice ? n - i : q->slice;
        predict_slice(q, i, count, image + (size_t)i * one, probability + (size_t)i * labels);
    }
}

void infer_predictor_logits(const struct infer_predictor *q, int n, float *logits)
{
    assert(n >= 0 && n <= q->batch);
    for (size_t i = 0; i < (size_t)n * (size_t)q->n_labels; i++)
        logits[i] = (float)q->logits[i];
}

void infer_predictor_features(const struct infer_predictor *q, int n, float *features)
{
    assert(n >= 0 && n <= q->batch);
    for (size_t i = 0; i < (size_t)n * (size_t)q->width; i++)
        features[i] = (float)q->features[i];
}

bool infer_predictor_finite(const struct infer_predictor *q, int i)
{
    assert(i >= 0 && i < q->batch);
    return q->finite[i];
}

bool infer_predict_fault(const char *model, const char *picture, struct err *err)
{
    return err_set(err, ERR_INPUT, "%s: what %s says of it is no finite number: its weights are "
                   "damaged, or far too large", picture, model);
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
