/*
 * fit_told -- see fit.h: from where a label is told, and what a confidence promises
 */
#include "infer/fit.h"
#include "nn/base/order.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

struct scored {
    float p;                    /* first: it is sorted by that */
    bool yes;
};

/* Between the answers that are told, the last of them at p, and the next at q. */
static float between(float p, float q)
{
    float middle = (float)(((double)p + q) / 2);

    return middle > q ? middle : p;
}

/* ---- thresholds ------------------------------------------------------------------------------ */

/* Known pairs with one label, or with each (label -1), likeliest first; *yes: true ones. */
static int gather(const struct infer_answers *a, const float *probability, int label,
                  struct scored *s, int *yes)
{
    int n = 0;

    *yes = 0;
    for (int i = 0; i < a->n; i++)
        for (int l = label < 0 ? 0 : label; l < (label < 0 ? a->n_labels : label + 1); l++) {
            bool is;

            if (!infer_answers_known(a, i, l, &is))
                continue;
            s[n++] = (struct scored){ probability[(size_t)i * (size_t)a->n_labels + (size_t)l],
                                      is };
            *yes += is;
        }
    qsort(s, (size_t)n, sizeof *s, order_floats_falling);
    return n;
}

/*
 * How good it is to tell `told`, of which `right` are; the more the better.  What is chosen as just
 * good enough was lucky, so one more is counted: told and wrong, or true and missed.  Chosen on
 * halves of validation parts, a precision of 0.9 so came out as 0.90 on the other halves where it
 * was 0.88 without.
 */
static double worth(int goal, double at, int told, int right, int yes)
{
    switch (goal) {
    case INFER_GOAL_PRECISION:
        return right >= at * (told + 1) ? right : -1;
    case INFER_GOAL_RECALL:     /* the fewest that are enough */
        return right >= at * (yes + 1) ? -told : -INFINITY;
    default:
        return 2.0 * right / (told + yes);
    }
}

/* The best threshold for n sorted pairs; 1 where none reaches the goal. */
static double choose(int goal, double at, int n, const struct scored *s, int yes)
{
    double best = goal == INFER_GOAL_RECALL ? -INFINITY : 0, threshold = 1;
    int right = 0;

    for (int i = 0; i < n; ) {
        float p = s[i].p;
        double w;

        for (; i < n && s[i].p == p; i++)
            right += s[i].yes;
        w = worth(goal, at, i, right, yes);
        if (w > best) {
            best = w;
            threshold = i < n ? between(p, s[i].p) : 0;
        }
    }
    return threshold;
}

bool infer_fit_thresholds(const struct infer_answers *a, const float *probability, int goal,
                          double at, double *threshold, struct infer_fit_notes *notes,
                          struct err *err)
{
    size_t pairs = (size_t)a->n * (size_t)a->n_labels;
    struct scored *s = pairs <= INT_MAX ? malloc((pairs + 1) * sizeof *s) : NULL;
    int yes, n;
    double shared;

    if (!s)
        return err_set(err, ERR_MEMORY, "no memory for %zu answers", pairs);
    n = gather(a, probability, -1, s, &yes);
    shared = choose(goal, at, n, s, yes);
    for (int l = 0; l < a->n_labels; l++) {
        n = gather(a, probability, l, s, &yes);
        if (yes < INFER_FIT_LABEL || n - yes < INFER_FIT_LABEL) {
            threshold[l] = shared;
            notes->few++;
        } else {
            threshold[l] = choose(goal, at, n, s, yes);
        }
        notes->never += threshold[l] >= 1;
    }
    free(s);
    return true;
}

/* ---- bands ----------------------------------------------------------------------------------- */

/* Whether so few wrong ones of n would be seen with a probability of at most 5 %, were the share of
 * right ones just `share`. */
static bool surely(int n, int wrong, double share)
{
    double sum = 0, choices = 0;        /* log of n over w */

    if (n == 0 || wrong >= n * (1 - share))
        return false;
    for (int w = 0; w <= wrong; choices += log(n - w) - log(w + 1), w++)
        sum += exp(choices + w * log1p(-share) + (n - w) * log(share));
    return sum <= 0.05;
}

/* How many of the answers s[from..n), the surest first, make a band that keeps its promise, the
 * most there are.  At most LOOKS places are tried. */
static int widest(const struct scored *s, int from, int n, double share)
{
    enum { LOOKS = 200 };
    int wrong = 0, looked = 0, best = 0;

    for (int i = from; i < n; i++) {
        wrong += !s[i].yes;
        if (i + 1 < n && (s[i + 1].p == s[i].p || (i + 1 - from) * (int64_t)LOOKS / (n - from) ==
                                                      looked))
            continue;
        looked = (int)((i + 1 - from) * (int64_t)LOOKS / (n - from));
        if (surely(i + 1 - from, wrong, share))
            best = i + 1 - from;
    }
    return best;
}

/* Each picture's likeliest label, where it is known whether that is right; the surest first. */
static int gather_tops(const struct infer_answers *a, const float *probability, struct scored *s)
{
    struct infer_answers with = *a;
    int n = 0;

    with.probability = (float *)(uintptr_t)probability;
    for (int i = 0; i < a->n; i++) {
        int top = infer_answers_top(&with, i);
        bool yes;

        if (infer_answers_known(a, i, top, &yes))
            s[n++] = (struct scored){ infer_answers_p(&with, i, top), yes };
    }
    qsort(s, (size_t)n, sizeof *s, order_floats_falling);
    return n;
}

static void share_right(const struct scored *s, int n, double *right, int *pictures)
{
    int yes = 0;

    for (int i = 0; i < n; i++)
        yes += s[i].yes;
    *right = n ? (double)yes / n : 0;
    *pictures = n;
}

bool infer_fit_bands(const struct infer_answers *a, const float *probability,
                     const double stated[2], struct infer_calibration *c, struct err *err)
{
    struct scored *s = malloc(((size_t)a->n + 1) * sizeof *s);
    int n, hi, med;

    if (!s)
        return err_set(err, ERR_MEMORY, "no memory for %d answers", a->n);
    n = gather_tops(a, probability, s);
    hi = widest(s, 0, n, stated[1]);
    med = widest(s, hi, n, stated[0]);
    c->band[1] = !hi ? 2 : hi < n ? between(s[hi - 1].p, s[hi].p) : 0;
    c->band[0] = !med ? c->band[1] : hi + med < n ? between(s[hi + med - 1].p, s[hi + med].p) : 0;
    if (c->band[1] == 0)        /* every answer is hi; 0 would mean that there are no bands */
        c->band[1] = c->band[0] = 1e-9;
    c->band_stated[0] = stated[0];
    c->band_stated[1] = stated[1];
    share_right(s + hi + med, n - hi - med, &c->band_right[0], &c->band_pictures[0]);
    share_right(s + hi, med, &c->band_right[1], &c->band_pictures[1]);
    share_right(s, hi, &c->band_right[2], &c->band_pictures[2]);
    free(s);
    return true;
}
