/*
 * evaluate -- a predictor over an index: what training prints and `discern eval` prints
 */
#ifndef INFER_EVALUATE_H
#define INFER_EVALUATE_H

#include "data/loader.h"
#include "infer/metric.h"
#include "infer/predict.h"

/* Figures of q on every readable picture of x; release them.  Pictures that cannot be read are
 * reported and left out; ERR_INPUT when none is left.  prep makes pictures of the size of q's. */
bool infer_evaluate(struct infer_predictor *q, const struct data_index *x,
                    const struct data_prep *prep, int threads, data_bad_fn *bad, void *bad_ctx,
                    struct infer_figures *out, struct err *err);

#endif
