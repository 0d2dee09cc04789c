/*
 * proof -- see proof.h
 */
#include "infer/export/proof.h"

#include "nn/base/pool.h"
#include "nn/base/rng.h"
#include "nn/exec.h"
#include "nn/kernel/cpu.h"

#include <math.h>
#include <stdlib.h>

enum { SQUARE = 8 };            /* pixels on a side */
#define LONG_FLOPS 2000000000   /* a checker does about 1e9 a second */

static uint8_t draw(uint32_t picture, uint64_t at)
{
    return (uint8_t)rng_below(0, rng_stream(RNG_PROOF, picture), at, 256);
}

static void draw_pictures(struct infer_proof *q, const struct data_prep *prep)
{
    int channels = data_prep_channels(prep), width = prep->size[1];
    uint64_t squares = (uint64_t)(width + SQUARE - 1) / SQUARE;

    for (size_t i = 0; i < q->count; i++) {
        uint64_t x = i / (size_t)channels % (size_t)width, y = i / (size_t)channels / (size_t)width;
        uint64_t square = (y / SQUARE * squares + x / SQUARE) * (uint64_t)channels;

        q->pixel[i] = draw(0, square + i % (size_t)channels);
        if (q->n > 1)
            q->pixel[q->count + i] = draw(1, i);
    }
    data_prep_normalize(prep, q->pixel, (int64_t)(q->count * (size_t)q->n), q->image);
}

static void copy_output(struct nn_exec *e, const char *name, size_t n, float *out)
{
    const real *y = nn_exec_output(e, name).data;

    for (size_t i = 0; i < n; i++)
        out[i] = (float)y[i];
}

static bool answer(struct infer_proof *q, const struct nn_plan *plan, struct nn_params *p,
                   struct err *err)
{
    const struct nn_graph *g = plan->graph;
    struct nn_exec *e = nn_exec_new(plan, p, NULL, err);
    real *in;

    if (!e)
        return false;
    in = nn_exec_input(e, g->node[nn_graph_first_input(g)].name).data;
    for (size_t i = 0; i < q->count * (size_t)q->n; i++)
        in[i] = q->image[i];
    nn_exec_forward(e);
    copy_output(e, "logits", (size_t)q->n * (size_t)q->n_labels, q->logits);
    copy_output(e, "probability", (size_t)q->n * (size_t)q->n_labels, q->probability);
    nn_exec_free(e);
    return true;
}

/* A plan for two pictures, or for one where that is much work. */
static struct nn_plan *plan_for(const struct nn_graph *g, struct err *err)
{
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = 1,
                                   .kernels = nn_kernels_get(NULL, err) };
    struct nn_plan *plan = opt.kernels ? nn_plan_new(g, &opt, err) : NULL;

    if (!plan || plan->flops > LONG_FLOPS)
        return plan;
    nn_plan_free(plan);
    opt.batch = 2;
    return nn_plan_new(g, &opt, err);
}

bool infer_proof_init(struct infer_proof *q, const struct infer_model *m, const struct nn_graph *g,
                      struct nn_params *p, struct err *err)
{
    struct nn_plan *plan = plan_for(g, err);
    bool ok = false;

    *q = (struct infer_proof){ .n_labels = m->n_labels, .count = data_prep_count(&m->prep) };
    if (!plan)
        return false;
    q->n = (int)plan->opt.batch;
    q->pixel = calloc(q->count, (size_t)q->n);
    q->image = calloc(q->count * (size_t)q->n, sizeof *q->image);
    q->logits = calloc((size_t)q->n_labels * (size_t)q->n, sizeof *q->logits);
    q->probability = calloc((size_t)q->n_labels * (size_t)q->n, sizeof *q->probability);
    if (!q->pixel || !q->image || !q->logits || !q->probability) {
        err_set(err, ERR_MEMORY, "no memory to check the export");
    } else {
        draw_pictures(q, &m->prep);
        ok = answer(q, plan, p, err);
    }
    nn_plan_free(plan);
    return ok;
}

void infer_proof_release(struct infer_proof *q)
{
    free(q->pixel);
    free(q->image);
    free(q->logits);
    free(q->probability);
}

/* Of picture i; what is no number on both sides is alike. */
static double largest(const struct infer_proof *q, int i, const float *ours, const float *theirs)
{
    double most = 0;

    for (int l = i * q->n_labels; l < (i + 1) * q->n_labels; l++) {
        double d = fabs((double)ours[l] - theirs[l]);

        if (isnan(ours[l]) && isnan(theirs[l]))
            continue;
        most = isnan(d) ? INFINITY : fmax(most, d);
    }
    return most;
}

/* The largest logit of picture i in size, or 1. */
static double size_of(const struct infer_proof *q, int i)
{
    double most = 1;

    for (int l = i * q->n_labels; l < (i + 1) * q->n_labels; l++)
        most = fmax(most, fabs((double)q->logits[l]));      /* fmax: not what is no number */
    return most;
}

bool infer_proof_hold(const struct infer_proof *q, const float *logits, const float *probability,
                      struct str *report, struct err *err)
{
    double by_p = 0, by_logit = 0;

    for (int i = 0; i < q->n; i++) {
        if (probability)
            by_p = fmax(by_p, largest(q, i, q->probability, probability));
        if (logits)
            by_logit = fmax(by_logit, largest(q, i, q->logits, logits) / size_of(q, i));
    }
    if (by_p > INFER_PROOF_PROBABILITY)
        return err_set(err, ERR_UNSUPPORTED,
                       "the file would answer otherwise than the model, by up to %.1g in a "
                       "probability: not written (--no-verify writes it)", by_p);
    if (by_logit > INFER_PROOF_LOGIT)
        return err_set(err, ERR_UNSUPPORTED,
                       "the file would answer otherwise than the model, by up to %.1g of the "
                       "largest logit: not written (--no-verify writes it)", by_logit);
    str_printf(report, "; checked: %s differ by at most %.1g",
               probability ? "probabilities" : "logits", probability ? by_p : by_logit);
    return true;
}
