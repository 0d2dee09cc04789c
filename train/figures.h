/*
 * figures -- which figures of a validation are told: by listeners, and in model files
 */
#ifndef TRAIN_FIGURES_H
#define TRAIN_FIGURES_H

#include "infer/eval/metric.h"
#include "nn/base/str.h"

/* Appends "accuracy 0.9321": the figure that is watched.  taught: what a teacher said is what
 * counts as right, "agreement 0.9321". */
void train_figures_text(struct str *out, const struct infer_figures *f, bool taught);

/* Those that JSON has beside the number of pictures, in their order; NaN: there is none.  Returns
 * how many. */
enum { TRAIN_FIGURES = 6 };
struct train_figure {
    const char *name;
    double value;
};
int train_figures(const struct infer_figures *f, struct train_figure out[TRAIN_FIGURES]);

/* Appends the members of a JSON object, without its brackets. */
void train_figures_json(struct str *out, const struct infer_figures *f);

#endif
