/*
 * sched -- see sched.h; cosine: Loshchilov and Hutter, arXiv:1608.03983; warm-up: Goyal et al.,
 * arXiv:1706.02677
 */
#include "train/sched.h"

#include <math.h>

double train_sched_cosine(double done, double warmup)
{
    if (done < warmup)
        return done / warmup;
    if (warmup >= 1)
        return 1;
    return 0.5 * (1 + cos(M_PI * (done - warmup) / (1 - warmup)));
}
