/*
 * measure -- what batch-norms meet, measured anew
 *
 * A batch-norm answers by the mean and variance of what it met in training.  Of weights that are
 * the average of others' it meets something else, and the average of statistics is none.  So
 * pictures go through the network as in training, batch by batch, dropout and its like left out;
 * mean = mean over batches of their means, variance = mean of their variances and squared means,
 * less the squared mean: that of all that was met.
 */
#ifndef INFER_MEASURE_H
#define INFER_MEASURE_H

#include "infer/eval/evaluate.h"

/* Pictures that are enough, and how many go through at a time: fixed, as the statistics depend on
 * them. */
enum { INFER_MEASURE_MOST = 2048, INFER_MEASURE_BATCH = 32 };

/* Whether the network has such statistics at all. */
bool infer_measures(const struct nn_graph *g);

/* Writes those of g into p, from pictures of x as prep makes them: INFER_MEASURE_MOST of them drawn
 * by lot, or all; *pictures: how many went through (whole batches, or the only one).  The same for
 * any number of threads.  ERR_INPUT where none can be read, or a statistic is no finite number. */
bool infer_measure(const struct nn_graph *g, struct nn_params *p, const struct data_index *x,
                   const struct data_prep *prep, const struct infer_evaluate_options *how,
                   int *pictures, struct err *err);

#endif
