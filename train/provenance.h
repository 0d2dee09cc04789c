/*
 * provenance -- where a model file's weights come from, as JSON
 *
 * Nothing in it depends on the clock or the machine but the member "date": the same training gives
 * the same text.
 */
#ifndef TRAIN_PROVENANCE_H
#define TRAIN_PROVENANCE_H

#include "data/aug/aug.h"
#include "data/index.h"
#include "infer/eval/metric.h"
#include "nn/base/record.h"
#include "train/cfg.h"

struct train_provenance {
    const struct train_cfg *cfg; /* as it was decided; time and threads are left out */
    const char *arch;            /* no path */
    const struct data_recipe *recipe; /* told in full: presets may come to mean something else */
    json_t *data;                            /* train_provenance_data's; lent */
    int epoch;                               /* that made the weights, from 1; 0: the start */
    int64_t step;                            /* steps until then */
    double loss;                             /* mean of the epoch; NaN: it had no step */
    const struct infer_figures *val_figures; /* NULL: not checked */
    const char *date;                        /* when the training began: 2026-01-31T12:00:00Z */
};

/* What is said of the pictures, which is the same for every model of a training: NULL members when
 * memory is out.  train, val: how many are learnt from and checked with. */
json_t *train_provenance_data(const struct data_index *x, int train, int val);

/* One line; free() it.  NULL when memory is out. */
char *train_provenance_text(const struct train_provenance *p);

#endif
