/*
 * compare -- see compare.h
 *
 * mid-p = 2 (P(X < k) + P(X = k) / 2), X binomial of n and 1/2, k the smaller count; 1 at most.
 */
#include "infer/eval/compare.h"

#include "infer/eval/tally.h"

#include <assert.h>
#include <math.h>

double infer_mcnemar(int n, int k)
{
    double below = 0, at;

    k = k < n - k ? k : n - k;
    for (int i = 0; i <= k; i++) {
        at = exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) - n * log(2));
        below += i < k ? at : 0.5 * at;
    }
    return fmin(1, 2 * below);
}

static int better(enum data_task task, const struct infer_compared *c)
{
    struct infer_range ap = c->range[INFER_FIGURE_mean_ap];

    if (task == DATA_SINGLE)
        return c->p >= 0.05 ? 0 : c->first > c->second ? 1 : 2;
    return ap.low > 0 ? 2 : ap.high < 0 ? 1 : 0;
}

bool infer_compare(const struct infer_answers *a, const struct infer_figures *f,
                   const struct infer_answers *b, const struct infer_figures *g, uint64_t seed,
                   struct infer_compared *out, struct err *err)
{
    struct infer_rows ra = { 0 }, rb = { 0 };
    bool ok = infer_rows_init(&ra, a, err) && infer_rows_init(&rb, b, err) &&
              infer_differences(b, g, a, f, seed, out->range, err);

    if (!ok)
        goto out;
    assert(ra.n == rb.n);
    out->both = out->first = out->second = out->neither = 0;
    for (int i = 0; i < ra.n; i++) {
        bool one = ra.at[i].right, two = rb.at[i].right;

        ++*(one && two ? &out->both : one ? &out->first : two ? &out->second : &out->neither);
    }
    out->p = infer_mcnemar(out->first + out->second, out->first);
    for (int id = 0; id < INFER_FIGURES; id++)
        out->difference[id] = infer_figure(g, id) - infer_figure(f, id);
    out->better = better(a->task, out);
out:
    infer_rows_release(&ra);
    infer_rows_release(&rb);
    return ok;
}

void infer_compared_counts(struct str *out, const struct infer_compared *c, enum data_task task)
{
    str_printf(out, "%s: both %d, the first alone %d, the second alone %d, neither %d "
                    "(McNemar's test, mid-p: %.4f)",
               task == DATA_SINGLE ? "Right" : "Every label right", c->both, c->first, c->second,
               c->neither, c->p);
}

void infer_compared_verdict(struct str *out, const struct infer_compared *c, enum data_task task)
{
    bool single = task == DATA_SINGLE;

    if (c->better == 0 && single)
        str_printf(out, "No difference is shown: two models that are equally good would be as "
                        "far apart on %.0f of 100 such sets.", fmax(1, 100 * c->p));
    else if (c->better == 0)
        str_add(out, "No difference is shown: the interval of mAP's difference holds 0.");
    else
        str_printf(out, "The %s model is better, and on these pictures that is more than chance "
                        "(%s).", c->better == 1 ? "first" : "second", single ? "p below 0.05" :
                   "the interval of mAP's difference leaves out 0");
}
