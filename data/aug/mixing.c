/*
 * mixing -- see mixing.h
 */
#include "data/aug/mixing.h"

#include <math.h>

/*
 * Joehnk 1964: of uniform u, v with x = u^(1/alpha), y = v^(1/alpha), x / (x + y) given that
 * x + y <= 1.  That is so of every second pair at least; of 25 in a row none is as good as never.
 * In logarithms, as x and y are too small for a double when alpha is.
 */
double data_mixing_beta(const struct data_aug_address *a, double alpha)
{
    for (int i = 0; i < 50; i += 2) {
        double x = log(1 - (double)data_aug_u(a, i)) / alpha;
        double y = log(1 - (double)data_aug_u(a, i + 1)) / alpha;

        if (exp(x) + exp(y) <= 1)
            return 1 / (1 + exp(y - x));
    }
    return 0.5;
}

void data_mixing_targets(struct data_mixing *m, double share)
{
    float s = (float)share;

    for (int i = 0; i < m->n / 2; i++) {
        float *a = m->target + (size_t)i * (size_t)m->n_labels;
        float *b = m->target + (size_t)(m->n - 1 - i) * (size_t)m->n_labels;

        for (int k = 0; k < m->n_labels; k++) {
            float p = a[k], q = b[k];
            bool unknown = p < 0 || q < 0;

            a[k] = unknown ? -1 : s * p + (1 - s) * q;
            b[k] = unknown ? -1 : s * q + (1 - s) * p;
        }
    }
}
