/*
 * optim -- optimisers: updates of flat arrays; one file and one line of optims.def each
 */
#ifndef TRAIN_OPTIM_H
#define TRAIN_OPTIM_H

#include "nn/base/err.h"
#include "nn/kernel/kernel.h"

struct train_optim_step {
    const struct nn_kernels *k;
    int64_t n;
    double rate, momentum, decay; /* decay is 0 for norms and biases */
    const real *grad;
    real *value;
    real *moment[2]; /* [n] each, as many as .moments; kept between steps, first 0 */
};

struct train_optim {
    const char *name, *doc;
    int moments; /* arrays of state a parameter, at most 2 */
    void (*step)(const struct train_optim_step *s);
};

#define TRAIN_OPTIM(name) extern const struct train_optim train_optim_##name;
#include "train/optim/optims.def"
#undef TRAIN_OPTIM

/* NULL when there is none: err names the nearest. */
const struct train_optim *train_optim_find(const char *name, struct err *err);

#endif
