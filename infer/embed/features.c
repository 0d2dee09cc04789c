/*
 * features -- see features.h
 */
#include "infer/embed/features.h"

#include "nn/base/arena.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct gather {
    struct infer_predictor *q;
    struct infer_features *out;
    const struct data_index *x;
    const char *model;          /* what errors call it */
    float *said;                /* [batch,labels]: not wanted */
    float *row;                 /* [batch,width] */
    bool failed;
    struct err *err;
};

static bool gather(void *ctx, const struct data_batch *b)
{
    struct gather *g = ctx;
    size_t width = (size_t)g->out->width;

    infer_predict(g->q, b->n, b->image, g->said);
    infer_predictor_features(g->q, b->n, g->row);
    for (int i = 0; i < b->n; i++) {
        if (!infer_predictor_finite(g->q, i)) {
            infer_predict_fault(g->model, g->x->sample[b->sample[i]].name, g->err);
            g->failed = true;
            return false;
        }
        memcpy(g->out->row + (size_t)b->sample[i] * width, g->row + (size_t)i * width,
               width * sizeof *g->row);
        g->out->read[b->sample[i]] = true;
    }
    g->out->n_read += b->n;
    return true;
}

/* Room for the rows of n pictures, none of which is read. */
static bool begin(struct infer_features *out, int n, int width, struct err *err)
{
    size_t cells;

    *out = (struct infer_features){ .n = n, .width = width };
    if (size_mul((size_t)n, (size_t)width, &cells) && size_add(cells, 1, &cells)) {
        out->row = calloc(cells, sizeof *out->row);
        out->read = calloc((size_t)n + 1, sizeof *out->read);
    }
    if (!out->row || !out->read) {
        infer_features_release(out);
        return err_set(err, ERR_MEMORY, "cannot hold the features of %d pictures", n);
    }
    for (size_t i = 0; i < cells; i++)
        out->row[i] = NAN;
    return true;
}

bool infer_features_of(struct infer_predictor *q, const struct data_index *x,
                       const struct data_prep *prep, const struct infer_evaluate_options *how,
                       struct infer_features *out, struct err *err)
{
    struct infer_feed feed = { .batch = infer_predictor_batch(q), .prep = prep };
    size_t batch = (size_t)feed.batch;
    struct gather g = { .q = q, .out = out, .x = x, .err = err,
                        .model = how->model ? how->model : "the network" };
    bool ok;

    assert(infer_predictor_width(q) > 0);
    if (!begin(out, x->n, infer_predictor_width(q), err))
        return false;
    g.said = malloc(batch * (size_t)infer_predictor_labels(q) * sizeof *g.said);
    g.row = malloc(batch * (size_t)out->width * sizeof *g.row);
    ok = (g.said && g.row) || err_set(err, ERR_MEMORY, "no memory for %d pictures at a time",
                                      feed.batch);
    ok = ok && infer_each_batch(x, &feed, how, gather, &g, err) && !g.failed;
    free(g.said);
    free(g.row);
    if (ok && !out->n_read)
        ok = err_set(err, ERR_INPUT, "none of the %d pictures can be read", x->n);
    if (!ok)
        infer_features_release(out);
    return ok;
}

void infer_features_release(struct infer_features *f)
{
    free(f->row);
    free(f->read);
    *f = (struct infer_features){ 0 };
}

void infer_features_normalize(int n, int width, float *row)
{
    for (int i = 0; i < n; i++, row += width) {
        double sum = 0;

        for (int k = 0; k < width; k++)
            sum += (double)row[k] * (double)row[k];
        for (int k = 0; k < width && sum > 0; k++)
            row[k] = (float)((double)row[k] / sqrt(sum));
    }
}
