/*
 * evaluate -- see evaluate.h
 */
#include "infer/evaluate.h"

#include "nn/base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool infer_evaluate(struct infer_predictor *q, const struct data_index *x,
                    const struct data_prep *prep, const struct infer_evaluate_options *how,
                    struct infer_figures *out, struct err *err)
{
    struct data_loader_options opt = {
        .batch = infer_predictor_batch(q),
        .threads = how->threads,
        .decode = how->decode,
        .cache = how->cache,
        .bad = how->bad,
        .bad_ctx = how->bad_ctx,
    };
    int n_labels = infer_predictor_labels(q), n = 0, size[2];
    const struct data_batch *b;
    struct data_loader *loader = NULL;
    float *probability = NULL, *target = NULL;
    size_t cells;
    bool done = false;

    infer_predictor_size(q, size);
    assert(size[0] == prep->size[0] && size[1] == prep->size[1]);
    if (x->n_labels != n_labels)
        return err_set(err, ERR_INPUT, "the network knows %d labels, the pictures have %d",
                       n_labels, x->n_labels);
    if (size_mul((size_t)x->n, (size_t)n_labels, &cells)) {
        probability = calloc(cells + 1, sizeof *probability);
        target = calloc(cells + 1, sizeof *target);
    }
    if (!probability || !target) {
        err_set(err, ERR_MEMORY, "cannot hold the answers for %d pictures", x->n);
        goto out;
    }
    loader = data_loader_new(x, prep, &opt, err);
    if (!loader)
        goto out;
    data_loader_start(loader, 0, 0);
    while ((b = data_loader_next(loader))) {
        size_t at = (size_t)n * (size_t)n_labels;

        infer_predict(q, b->n, b->image, probability + at);
        memcpy(target + at, b->target, (size_t)b->n * (size_t)n_labels * sizeof *target);
        n += b->n;
    }
    if (n == 0)
        err_set(err, ERR_INPUT, "none of the %d pictures can be read", x->n);
    else
        done = infer_figures(x->task, n, n_labels, probability, target, out, err);
out:
    data_loader_free(loader);
    free(probability);
    free(target);
    return done;
}
