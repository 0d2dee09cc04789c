/*
 * evaluate -- see evaluate.h
 */
#include "infer/evaluate.h"

#include <assert.h>
#include <stdlib.h>

bool infer_answer(struct infer_predictor *q, const struct data_index *x,
                  const struct data_prep *prep, const struct infer_evaluate_options *how,
                  struct infer_answers *out, struct err *err)
{
    struct data_loader_options opt = {
        .batch = infer_predictor_batch(q),
        .threads = how->threads,
        .decode = how->decode,
        .cache = how->cache,
        .bad = how->bad,
        .bad_ctx = how->bad_ctx,
    };
    int n_labels = infer_predictor_labels(q), size[2];
    const struct data_batch *b;
    struct data_loader *loader = NULL;
    struct infer_answers a;

    infer_predictor_size(q, size);
    assert(size[0] == prep->size[0] && size[1] == prep->size[1]);
    if (x->n_labels != n_labels)
        return err_set(err, ERR_INPUT, "the network knows %d labels, the pictures have %d",
                       n_labels, x->n_labels);
    if (!infer_answers_init(&a, x->task, n_labels, x->n, err))
        return false;
    if (how->logits && !infer_answers_keep_logits(&a, x->n, err)) {
        infer_answers_release(&a);
        return false;
    }
    loader = data_loader_new(x, prep, &opt, err);
    if (!loader) {
        infer_answers_release(&a);
        return false;
    }
    data_loader_start(loader, 0, 0);
    while ((b = data_loader_next(loader))) {
        size_t at = (size_t)a.n * (size_t)n_labels;

        infer_predict(q, b->n, b->image, a.probability + at);
        if (a.logits)
            infer_predictor_logits(q, b->n, a.logits + at);
        infer_answers_add(&a, b->n, b->target, b->sample);
    }
    data_loader_free(loader);
    if (a.n == 0) {
        infer_answers_release(&a);
        return err_set(err, ERR_INPUT, "none of the %d pictures can be read", x->n);
    }
    *out = a;
    return true;
}

bool infer_evaluate(struct infer_predictor *q, const struct data_index *x,
                    const struct data_prep *prep, const struct infer_evaluate_options *how,
                    struct infer_figures *out, struct err *err)
{
    struct infer_answers a;
    bool ok = infer_answer(q, x, prep, how, &a, err);

    if (!ok)
        return false;
    ok = infer_figures(&a, out, err);
    infer_answers_release(&a);
    return ok;
}
