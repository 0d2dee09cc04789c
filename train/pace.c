/*
 * pace -- see pace.h
 */
#include "train/pace.h"

#include <limits.h>
#include <math.h>

/* Steps before `steps` that are still to be made in the first epoch. */
static double filling(const struct train_pace *p, int64_t done, int64_t steps)
{
    int64_t end = steps < p->per_epoch ? steps : p->per_epoch;

    return done < end ? (double)(end - done) : 0;
}

double train_pace_left(const struct train_pace *p, int64_t done, int64_t steps, int validations)
{
    return p->step * (double)(steps - done) + p->fill * filling(p, done, steps) +
           p->val * validations;
}

/* As if every step took `step` seconds. */
static double fit(const struct train_pace *p, double step, double seconds)
{
    double an_epoch = (double)p->per_epoch * step + p->val;
    double whole = floor(seconds / an_epoch),
           rest = floor((seconds - whole * an_epoch - p->val) / step);

    return fmax(whole, 0) * (double)p->per_epoch + fmax(rest, 0);
}

int64_t train_pace_steps(const struct train_pace *p, int64_t done, double seconds)
{
    double first = filling(p, done, INT64_MAX);
    double steps = fit(p, p->step, seconds - p->fill * first);

    if (steps < first)
        steps = fmin(first, fit(p, p->step + p->fill, seconds));
    return steps < 1 ? 1 : steps > INT_MAX ? INT_MAX : (int64_t)steps;
}
