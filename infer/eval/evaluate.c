/*
 * evaluate -- see evaluate.h
 */
#include "infer/eval/evaluate.h"

#include <assert.h>

bool infer_each_batch(const struct data_index *x, const struct infer_feed *feed,
                      const struct infer_evaluate_options *how, infer_batch_fn *fn, void *ctx,
                      struct err *err)
{
    struct data_loader_options opt = {
        .batch = feed->batch,
        .threads = how->threads,
        .decode = how->decode,
        .cache = how->cache,
        .take = feed->take,
        .takes = feed->takes,
        .bad = how->bad,
        .bad_ctx = how->bad_ctx,
    };
    struct data_loader *loader = data_loader_new(x, feed->prep, &opt, err);
    const struct data_batch *b;
    int64_t done = 0;

    if (!loader)
        return false;
    data_loader_start(loader, 0, 0);
    while ((b = data_loader_next(loader)) && fn(ctx, b)) {
        done += b->n;
        if (how->progress)
            progress_at(how->progress, done);
    }
    data_loader_free(loader);
    return true;
}

struct gather {
    struct infer_answers a;
    const struct data_index *x;
    infer_batch_answer_fn *fn;
    void *ctx;
    bool failed;
    struct err *err;
};

static bool gather(void *ctx, const struct data_batch *b)
{
    struct gather *g = ctx;
    size_t at = (size_t)g->a.n * (size_t)g->a.n_labels;

    g->failed = !g->fn(g->ctx, g->x, b, g->a.probability + at,
                       g->a.logits ? g->a.logits + at : NULL, g->err);
    infer_answers_add(&g->a, b->n, b->target, b->sample);
    return !g->failed;
}

bool infer_gather(const struct data_index *x, int labels, const struct infer_feed *feed,
                  const struct infer_evaluate_options *how, infer_batch_answer_fn *fn, void *ctx,
                  struct infer_answers *out, struct err *err)
{
    struct gather g = { .x = x, .fn = fn, .ctx = ctx, .err = err };

    if (x->n_labels != labels)
        return err_set(err, ERR_INPUT, "the network knows %d labels, the pictures have %d", labels,
                       x->n_labels);
    if (!infer_answers_init(&g.a, x->task, labels, x->n, err))
        return false;
    if ((how->logits && !infer_answers_keep_logits(&g.a, x->n, err)) ||
        !infer_each_batch(x, feed, how, gather, &g, err) || g.failed) {
        infer_answers_release(&g.a);
        return false;
    }
    if (g.a.n == 0) {
        infer_answers_release(&g.a);
        return err_set(err, ERR_INPUT, "none of the %d pictures can be read", x->n);
    }
    *out = g.a;
    return true;
}

struct asking {
    struct infer_predictor *q;
    const char *model;          /* NULL: answers are taken as they are */
};

static bool ask(void *ctx, const struct data_index *x, const struct data_batch *b,
                float *probability, float *logits, struct err *err)
{
    const struct asking *k = ctx;

    infer_predict(k->q, b->n, b->image, probability);
    if (logits)
        infer_predictor_logits(k->q, b->n, logits);
    for (int i = 0; k->model && i < b->n; i++)
        if (!infer_predictor_finite(k->q, i))
            return infer_predict_fault(k->model, x->sample[b->sample[i]].name, err);
    return true;
}

bool infer_answer(struct infer_predictor *q, const struct data_index *x,
                  const struct data_prep *prep, const struct infer_evaluate_options *how,
                  struct infer_answers *out, struct err *err)
{
    struct infer_feed feed = { .batch = infer_predictor_batch(q), .prep = prep };
    struct asking k = { .q = q, .model = how->model };
    int size[2];

    infer_predictor_size(q, size);
    assert(size[0] == prep->size[0] && size[1] == prep->size[1]);
    return infer_gather(x, infer_predictor_labels(q), &feed, how, ask, &k, out, err);
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
