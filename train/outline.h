/*
 * outline -- what a training would be, told before it begins: discern train --dry-run
 */
#ifndef TRAIN_OUTLINE_H
#define TRAIN_OUTLINE_H

#include "data/index.h"
#include "nn/base/record.h"
#include "train/cfg.h"
#include "train/forecast.h"

struct train_outline {
    char arch[128];         /* name of the network */
    int size[2], channels;  /* of its input: height, width */
    int64_t trained, flops; /* parameters; of a forward pass of one picture */
    int64_t per_epoch, steps;
    int epochs;
    struct train_forecast memory;
    struct str recipe;      /* augmentations in full */
    struct str variants;    /* of the layers, in lines (infer/info.h) */
    double step, val;       /* seconds, measured: of a step; of a validation of all (0: none) */
    bool start;             /* it is validated before the first step, too */
};
void train_outline_release(struct train_outline *o); /* a zeroed one is fine */

/* Seconds that an epoch and all of it take, if the machine stays as it was measured. */
double train_outline_epoch(const struct train_outline *o);
double train_outline_seconds(const struct train_outline *o);

/* Appends pictures a label and part, and the plan, in lines; cfg is what was decided, x split. */
void train_outline_text(const struct train_outline *o, const struct train_cfg *cfg,
                        const struct data_index *x, struct str *out);

/* The same as a JSON object, with the settings as given (stolen) and the notes (borrowed; NULL:
 * none).  NULL when memory is out. */
json_t *train_outline_json(const struct train_outline *o, const struct data_index *x,
                           json_t *settings, json_t *notes);

#endif
