/*
 * minimize -- the least of a smooth function of many numbers: L-BFGS
 *
 * Nocedal and Wright, "Numerical optimization", 2nd ed.: the direction by the two loops of alg.
 * 7.4, from the scaled identity of (7.20), the step by strong Wolfe conditions, alg. 3.5 and 3.6.
 * Where values differ by no more than rounding, slopes alone decide (Hager and Zhang 2005, "A new
 * conjugate gradient method with guaranteed descent", (4.1)).  All in double and in order: the same
 * function, the same bits.
 */
#ifndef INFER_MINIMIZE_H
#define INFER_MINIMIZE_H

#include "nn/base/err.h"

/* The value at x[n], and its slope in g[n]. */
typedef double infer_slope_fn(void *ctx, const double *x, double *g);

struct infer_minimize_options {
    int steps;                  /* at most; 0: 1000 */
    double slope;               /* done when no number of the slope is larger; 0: 1e-8 */
    double noise;               /* share of the value that is rounding; 0: 1e-14 */
};

struct infer_minimum {
    double value, slope;        /* there; the largest number of the slope */
    int steps, asked;           /* asked: how often the function was computed */
};

/* From x[n] to the least near it, in x.  Where rounding hides the way down it ends as if it were
 * there.  Fails for want of memory alone. */
bool infer_minimize(int n, double *x, infer_slope_fn *fn, void *ctx,
                    const struct infer_minimize_options *o, struct infer_minimum *out,
                    struct err *err);

#endif
