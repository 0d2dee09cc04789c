/*
 * plan -- see plan.h
 */
#include "train/plan.h"

int train_plan_changes(const struct train_cfg *cfg)
{
    int n = 0;

    while (n < TRAIN_CHANGES && cfg->shortened[2 * n + 1])
        n++;
    return n;
}

int64_t train_plan_steps(const struct train_cfg *cfg)
{
    int n = train_plan_changes(cfg);

    return n ? cfg->shortened[2 * n - 1] : cfg->steps;
}

double train_plan_done(const struct train_cfg *cfg, double step)
{
    double done = 0, from = 0, to = cfg->steps;
    int n = train_plan_changes(cfg);

    for (int i = 0; i < n && cfg->shortened[2 * i] < step; i++) {
        done += (1 - done) * (cfg->shortened[2 * i] - from) / (to - from);
        from = cfg->shortened[2 * i];
        to = cfg->shortened[2 * i + 1];
    }
    return done + (1 - done) * (step - from) / (to - from);
}

bool train_plan_change(struct train_cfg *cfg, int64_t step, int64_t steps)
{
    int n = train_plan_changes(cfg);

    if (n == TRAIN_CHANGES)
        return false;
    cfg->shortened[2 * n] = (int)step;
    cfg->shortened[2 * n + 1] = (int)steps;
    return true;
}

void train_plan_cut(struct train_cfg *cfg, int64_t step)
{
    for (int i = 0; i < TRAIN_CHANGES; i++)
        if (cfg->shortened[2 * i] > step)
            cfg->shortened[2 * i] = cfg->shortened[2 * i + 1] = 0;
}

bool train_plan_check(const struct train_cfg *cfg, struct err *err)
{
    int n = train_plan_changes(cfg), from = 0, to = cfg->steps;

    if (n && !cfg->steps)
        return err_set(err, ERR_USAGE, "shortened: says where --steps became others, and needs it");
    for (int i = 0; i < n; i++) {
        const int *pair = &cfg->shortened[2 * i];

        if (pair[0] < from || pair[1] <= pair[0] || pair[1] == to)
            return err_set(err, ERR_USAGE,
                           "shortened: %dx%d: a step, then how many there are instead of %d",
                           pair[0], pair[1], to);
        from = pair[0];
        to = pair[1];
    }
    return true;
}
