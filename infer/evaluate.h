/*
 * evaluate -- a predictor over an index: what training prints and `discern eval` prints
 */
#ifndef INFER_EVALUATE_H
#define INFER_EVALUATE_H

#include "data/loader.h"
#include "infer/metric.h"
#include "infer/predict.h"
#include "nn/base/progress.h"

struct infer_evaluate_options {
    int threads;
    const struct data_decode *decode;   /* NULL: the default */
    struct data_cache *cache;           /* of x's prepared pictures; NULL: none */
    bool logits;                        /* keep them, too, where one network answers with
                                           one view */
    struct progress *progress;          /* of the pictures; NULL: nobody asks */
    data_bad_fn *bad;                   /* may be NULL */
    void *bad_ctx;
};

/* What q answers to every readable picture of x, in the index's order; release it.  Pictures that
 * cannot be read are reported and left out; ERR_INPUT when none is left.  prep makes pictures of
 * the size of q's. */
bool infer_answer(struct infer_predictor *q, const struct data_index *x,
                  const struct data_prep *prep, const struct infer_evaluate_options *how,
                  struct infer_answers *out, struct err *err);

/* Figures of these answers, which are not kept; release them. */
bool infer_evaluate(struct infer_predictor *q, const struct data_index *x,
                    const struct data_prep *prep, const struct infer_evaluate_options *how,
                    struct infer_figures *out, struct err *err);

#endif
