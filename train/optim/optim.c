/*
 * optim -- the table of optimisers
 */
#include "train/optim/optim.h"
#include "nn/base/str.h"

static const struct train_optim *const optims[] = {
#define TRAIN_OPTIM(name) &train_optim_##name,
#include "train/optim/optims.def"
#undef TRAIN_OPTIM
};
enum { N_OPTIMS = sizeof optims / sizeof *optims };

static const char *name_at(int i, const void *ctx)
{
    (void)ctx;
    return optims[i]->name;
}

const struct train_optim *train_optim_find(const char *name, struct err *err)
{
    const char *near;

    for (int i = 0; i < N_OPTIMS; i++)
        if (!strcmp(optims[i]->name, name))
            return optims[i];
    near = str_nearest(name, N_OPTIMS, name_at, NULL);
    err_set(err, ERR_USAGE, "no optimiser is called \"%s\": did you mean \"%s\"?", name,
            near ? near : optims[0]->name);
    return NULL;
}
