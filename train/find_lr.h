/*
 * find_lr -- which learning rate a training can take, by trying all of them for a step each
 *
 * The range test of Smith, "Cyclical learning rates for training neural networks",
 * arXiv:1506.01186, sec. 3.3: on a throwaway network the rate rises exponentially from step to
 * step.  Where it is too small the loss stays, then it falls, and where it is too large it
 * explodes.  The last rate at which it fell is what a schedule may rise to.
 */
#ifndef TRAIN_FIND_LR_H
#define TRAIN_FIND_LR_H

#include "nn/base/str.h"
#include "train/method.h"

#include <stdatomic.h>

enum { TRAIN_FIND_LR_STEPS = 150 };
#define TRAIN_FIND_LR_LEAST 1e-6
#define TRAIN_FIND_LR_MOST 10.0

struct train_find_lr {
    int n;                              /* steps that were made */
    double rate[TRAIN_FIND_LR_STEPS];
    double loss[TRAIN_FIND_LR_STEPS];   /* before the step of that rate */
    double smooth[TRAIN_FIND_LR_STEPS]; /* mean over the steps around; once it is judged */
    double mean, best;                  /* running mean, and the least that it was */
    bool exploded;                      /* it ended because the loss did */
    /* Judged: */
    double lr; /* that with the least smoothed loss, the highest to be taken; 0: none is seen */
    char reason[240];
};

/* The rate of step i. */
double train_find_lr_rate(int i);

/* The loss of the next step, which may not be finite.  False: enough, it has exploded or this was
 * the last rate. */
bool train_find_lr_add(struct train_find_lr *f, double loss);

/* Fills smooth, lr, least and reason. */
void train_find_lr_judge(struct train_find_lr *f);

/*
 * Makes the steps with `self`, just opened and of no use afterwards, on the loader's batches.  stop
 * may be NULL: set, it ends them with ERR_CANCELLED.  ERR_INPUT where no batch has two pictures.
 */
bool train_find_lr_run(struct train_find_lr *f, const struct train_method *m, void *self,
                       struct data_loader *l, const atomic_bool *stop, struct err *err);

/* A page with the curve, written atomically; one JSON object. */
bool train_find_lr_write(const struct train_find_lr *f, const char *path, struct err *err);
void train_find_lr_json(const struct train_find_lr *f, struct str *out);

#endif
