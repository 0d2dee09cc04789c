/*
 * figures -- the figures of a validation as listeners tell them
 */
#ifndef TRAIN_LISTEN_FIGURES_H
#define TRAIN_LISTEN_FIGURES_H

#include "infer/metric.h"
#include "nn/base/str.h"

/* Appends "accuracy 0.9321": the figure that is watched. */
void train_figures_text(struct str *out, const struct infer_figures *f);

/* Appends the members of a JSON object, without its brackets. */
void train_figures_json(struct str *out, const struct infer_figures *f);

#endif
