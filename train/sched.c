/*
 * sched -- see sched.h; cosine: Loshchilov and Hutter, arXiv:1608.03983; warm-up: Goyal et al.,
 * arXiv:1706.02677; one cycle: Smith and Topin, arXiv:1708.07120, with cosines for its two slopes
 * and the momentum left as it is.
 */
#include "train/sched.h"

#include <limits.h>
#include <math.h>

const char *const train_sched_names[] = {
#define SCHED(name, doc) #name,
    TRAIN_SCHEDS(SCHED)
#undef SCHED
    NULL
};

#define CYCLE_START 0.04 /* of the highest rate, where one cycle begins */

double train_sched_warmup(int kind)
{
    return kind == TRAIN_SCHED_onecycle ? 0.3 : 0.1;
}

static double half_cosine(double x)
{
    return 0.5 * (1 + cos(M_PI * x));
}

static double warm(const struct train_sched *s, double x)
{
    return s->kind == TRAIN_SCHED_onecycle ? 1 - (1 - CYCLE_START) * half_cosine(x) : x;
}

/* rest: share of what follows the warm-up. */
static double after(const struct train_sched *s, double done, double rest)
{
    switch (s->kind) {
    case TRAIN_SCHED_step:
        return pow(s->drop, floor(done / s->drop_every));
    case TRAIN_SCHED_cosine:
    case TRAIN_SCHED_onecycle:
        return s->end + (1 - s->end) * half_cosine(rest);
    case TRAIN_SCHED_linear:
        return s->end + (1 - s->end) * (1 - rest);
    default:
        return 1;
    }
}

double train_sched_share(const struct train_sched *s, double done)
{
    if (done < s->warmup)
        return warm(s, done / s->warmup);
    return after(s, done, s->warmup < 1 ? (done - s->warmup) / (1 - s->warmup) : 0);
}

const struct field train_plateau_fields[] = {
    FIELD_INT(struct train_plateau, seen, NULL, 0, 0, INT_MAX, "epochs with a figure"),
    FIELD_INT(struct train_plateau, waited, NULL, 0, 0, INT_MAX,
              "epochs since the best one or the last drop"),
    FIELD_INT(struct train_plateau, drops, NULL, 0, 0, INT_MAX, "times the rate dropped"),
    FIELD_FLOAT(struct train_plateau, best, NULL, 0, -1e300, 1e300, "best figure"),
    FIELDS_END
};

bool train_plateau_epoch(struct train_plateau *p, const struct train_sched *s, double figure)
{
    if (!p->seen++ || figure > p->best) {
        p->best = figure;
        p->waited = 0;
        return false;
    }
    if (++p->waited < s->patience)
        return false;
    p->waited = 0;
    p->drops++;
    return true;
}

double train_plateau_share(const struct train_plateau *p, const struct train_sched *s)
{
    return pow(s->drop, p->drops);
}
