/*
 * interval -- how far figures may be trusted
 *
 * 95 % intervals by the bootstrap: the 2.5 and 97.5 percentiles over 1000 samples of the pictures
 * with replacement (Efron and Tibshirani 1993, ch. 13), moved by as much as the samples' mean
 * differs from the figure.  Of accuracy that is nothing; average precision grows in samples, where
 * a picture of a rare label may come twice, and so does what is squared.  Fewer samples where that
 * would take long; where they would be under 200 there is no interval: NaN.
 *
 * An interval tells how much another draw of as many pictures would change the figure, not what
 * choosing the model by the same pictures has flattered.  The same seed, the same interval.  Pure
 * functions; thread-safe.
 */
#ifndef INFER_INTERVAL_H
#define INFER_INTERVAL_H

#include "infer/eval/metric.h"

enum { INFER_INTERVAL_SEED = 1 };       /* for reports: one that is written again says the same */

struct infer_range {
    double low, high;
};

/* Of figure `id` of infer_figure_table, as it is told; f: figures of a. */
bool infer_interval(const struct infer_answers *a, const struct infer_figures *f, int id,
                    uint64_t seed, struct infer_range *out, struct err *err);
/* Of each; those of ECE are always NaN: its samples are more wrong than it is. */
bool infer_intervals(const struct infer_answers *a, const struct infer_figures *f, uint64_t seed,
                     struct infer_range out[INFER_FIGURES], struct err *err);

/* Of each figure of a less that of b, which answer the same pictures in the same order: both take
 * part in a sample or none, so that what is hard for both does not blur the difference.  Those of
 * ROOT are NaN. */
bool infer_differences(const struct infer_answers *a, const struct infer_figures *f,
                       const struct infer_answers *b, const struct infer_figures *g,
                       uint64_t seed, struct infer_range out[INFER_FIGURES], struct err *err);

#endif
