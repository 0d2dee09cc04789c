/*
 * evaluate -- a predictor over an index: what training prints and `discern eval` prints
 */
#ifndef INFER_EVALUATE_H
#define INFER_EVALUATE_H

#include "data/loader.h"
#include "infer/eval/metric.h"
#include "infer/predict.h"
#include "nn/base/progress.h"

struct infer_evaluate_options {
    int threads;
    const struct data_decode *decode;   /* NULL: the default */
    struct data_cache *cache;           /* of x's prepared pictures; NULL: none */
    bool logits;                        /* keep them, too, where one network answers with
                                           one view */
    const char *model;                  /* what errors call the network; NULL: an answer that is no
                                           finite number is no error, but taken as 0 */
    struct progress *progress;          /* of the pictures; NULL: nobody asks */
    data_bad_fn *bad;                   /* may be NULL */
    void *bad_ctx;
};

/* How pictures come: struct data_loader_options has its members. */
struct infer_feed {
    int batch;
    const struct data_prep *prep;
    const struct data_take *take;
    int takes;
};

/* x in its order, batch by batch, and empty ones too; fn ends it by false.  Pictures that cannot be
 * read are told to how->bad before the batch in which they would have been. */
typedef bool infer_batch_fn(void *ctx, const struct data_batch *b);
bool infer_each_batch(const struct data_index *x, const struct infer_feed *feed,
                      const struct infer_evaluate_options *how, infer_batch_fn *fn, void *ctx,
                      struct err *err);

/* As infer_answer, of whoever answers a batch of pictures of x: probability[b->n,labels], and
 * logits unless NULL; false ends it with an error. */
typedef bool infer_batch_answer_fn(void *ctx, const struct data_index *x,
                                   const struct data_batch *b, float *probability, float *logits,
                                   struct err *err);
bool infer_gather(const struct data_index *x, int labels, const struct infer_feed *feed,
                  const struct infer_evaluate_options *how, infer_batch_answer_fn *fn, void *ctx,
                  struct infer_answers *out, struct err *err);

/* What q answers to every readable picture of x, in the index's order; release it.  Pictures that
 * cannot be read are reported and left out; ERR_INPUT when none is left, or where an answer is no
 * finite number, unless how->model is NULL.  prep makes pictures of the size of q's. */
bool infer_answer(struct infer_predictor *q, const struct data_index *x,
                  const struct data_prep *prep, const struct infer_evaluate_options *how,
                  struct infer_answers *out, struct err *err);

/* Figures of these answers, which are not kept; release them. */
bool infer_evaluate(struct infer_predictor *q, const struct data_index *x,
                    const struct data_prep *prep, const struct infer_evaluate_options *how,
                    struct infer_figures *out, struct err *err);

#endif
