/*
 * forecast -- see forecast.h
 */
#include "train/forecast.h"

#include "infer/predict.h"
#include "nn/base/file.h"
#include "nn/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A decoder holds a picture about twice: its planes, and the pixels that it makes of them. */
enum { DECODER_COPIES = 2, STATM_BYTES = 4096 };
/* Answers are kept as probabilities beside targets; calibration has their logits, new probabilities
 * and sorts them. */
enum { ANSWER_COPIES = 6 };

int64_t train_resident(void)
{
    struct err ignored;
    size_t bytes;
    char *text = (char *)file_read("/proc/self/statm", STATM_BYTES, &bytes, &ignored);
    long long whole, resident = 0;

    if (text && sscanf(text, "%lld %lld", &whole, &resident) != 2)
        resident = 0;
    free(text);
    return resident * sysconf(_SC_PAGESIZE);
}

/* The largest of the pictures that were looked at, with what decoding it takes. */
static int64_t decoding(const struct train_seen *seen)
{
    int64_t most = 0;

    for (int i = 0; i < seen->n; i++) {
        int64_t bytes = 3LL * seen->width[i] * seen->height[i];

        most = bytes > most ? bytes : most;
    }
    return DECODER_COPIES * most;
}

/* The network that answers, in batches of n: at most, since a predictor may take them in slices. */
static int64_t predictor(const struct train_forecast_facts *f, int n, struct err *err)
{
    struct nn_graph *g = NULL;
    struct nn_params *p = NULL;
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = n, .threads = f->threads,
                                   .kernels = f->kernels };
    struct nn_plan *plan = NULL;
    int64_t bytes = -1;

    if (infer_answer_graph(f->model->graph, f->model->params, f->model->task, NULL, &g, &p, err))
        plan = nn_plan_new(g, &opt, err);
    if (plan)
        bytes = (int64_t)(plan->bytes + plan->packed_bytes) +
                nn_params_numbers(g) * (int64_t)sizeof(real);
    nn_plan_free(plan);
    nn_params_free(p);
    nn_graph_free(g);
    return bytes;
}

static bool validation(const struct train_forecast_facts *f, int64_t *bytes, struct err *err)
{
    int n = f->val->n < f->val_batch ? f->val->n : f->val_batch;
    struct data_loader_options opt = { .batch = n, .threads = f->threads };
    int64_t answers = (int64_t)ANSWER_COPIES * f->val->n * f->val->n_labels *
                      (int64_t)sizeof(float);

    *bytes = predictor(f, n, err);
    if (*bytes < 0)
        return false;
    *bytes += data_loader_bytes(f->val, &f->model->prep, &opt) + answers;
    return true;
}

bool train_forecast(const struct train_forecast_facts *f, struct train_forecast *out,
                    struct err *err)
{
    int64_t values = nn_params_numbers(f->model->graph) * (int64_t)sizeof(real);

    *out = (struct train_forecast){
        .program = f->resident,
        .network = f->network.state + f->network.activations + values,
        .kept = f->network.kept,
        .again = f->network.again,
        .pictures = data_loader_bytes(f->train, &f->model->prep, f->loader) +
                    f->threads * decoding(f->seen),
        .caches = f->caches,
    };
    if (f->val && !validation(f, &out->validation, err))
        return false;
    out->total =
        out->program + out->network + out->pictures + out->validation + out->caches;
    return true;
}

void train_forecast_kept(const struct train_forecast *m, struct str *out)
{
    str_printf(out, "%.0f kept by its layers to learn from", 1e-6 * (double)m->kept);
    if (m->again >= 500000)
        str_printf(out, ", %.0f more computed twice instead", 1e-6 * (double)m->again);
}
