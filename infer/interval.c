/*
 * interval -- see curve.h
 *
 * A sample of n pictures with replacement is a number of times for each.  Sample r draws picture k
 * of it at index r * n + k of the stream.  Average precision of a sample: the label's pictures are
 * sorted once, and counted as often as they were drawn.
 */
#include "infer/curve.h"
#include "nn/base/arena.h"
#include "nn/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLES = 1000,
    SAMPLES_LEAST = 200,
};
#define WORK 1000000000         /* looks at an answer: a few seconds */

static uint32_t draw(uint64_t seed, int sample, int n, int k)
{
    return rng_below(seed, rng_stream(RNG_BOOTSTRAP, 0), (uint64_t)sample * (uint64_t)n +
                     (uint64_t)k, (uint32_t)n);
}

/* value[s] = accuracy of sample s. */
static bool accuracies(const struct infer_answers *a, uint64_t seed, int samples, double *value,
                       struct err *err)
{
    unsigned char *right = malloc((size_t)a->n + 1);
    int n = 0;

    if (!right)
        return err_set(err, ERR_MEMORY, "no memory for an interval");
    for (int i = 0; i < a->n; i++)
        if (a->truth[i] >= 0)
            right[n++] = infer_answers_top(a, i) == a->truth[i];
    for (int s = 0; s < samples; s++) {
        int hits = 0;

        for (int k = 0; k < n; k++)
            hits += right[draw(seed, s, n, k)];
        value[s] = n ? (double)hits / n : NAN;
    }
    free(right);
    return true;
}

struct scored {
    float p;
    int row;
    bool yes;
};

static int by_falling_p(const void *pa, const void *pb)
{
    const struct scored *a = pa, *b = pb;

    return (a->p < b->p) - (a->p > b->p);
}

/* Average precision where row i counts times[i] times; NaN where none or all are yes. */
static double weighted_ap(int n, const struct scored *s, const unsigned char *times)
{
    int yes = 0, found = 0, seen = 0;
    double ap = 0;

    for (int i = 0; i < n; i++)
        yes += s[i].yes * times[s[i].row];
    for (int i = 0; i < n; ) {
        int before = found;
        float p = s[i].p;

        for (; i < n && s[i].p == p; i++) {
            found += s[i].yes * times[s[i].row];
            seen += times[s[i].row];
        }
        if (found > before)
            ap += (double)(found - before) / yes * found / seen;
    }
    return yes == 0 || yes == seen ? NAN : ap;
}

/* The rows that know the label, likeliest first. */
static int sort_label(const struct infer_answers *a, int label, struct scored *s)
{
    int n = 0;

    for (int i = 0; i < a->n; i++) {
        bool yes;

        if (infer_answers_known(a, i, label, &yes))
            s[n++] = (struct scored){ infer_answers_p(a, i, label), i, yes };
    }
    qsort(s, (size_t)n, sizeof *s, by_falling_p);
    return n;
}

/* value[s] = mean AP of sample s, over the labels that have one there. */
static bool mean_aps(const struct infer_answers *a, uint64_t seed, int samples, double *value,
                     struct err *err)
{
    struct scored *scored = malloc(((size_t)a->n + 1) * sizeof *scored);
    int *defined = calloc((size_t)samples, sizeof *defined);
    unsigned char *times = NULL;
    size_t cells;
    bool ok = false;

    if (size_mul((size_t)a->n, (size_t)samples, &cells))
        times = calloc(cells + 1, 1);
    if (!scored || !defined || !times) {
        err_set(err, ERR_MEMORY, "no memory for an interval");
        goto out;
    }
    for (int s = 0; s < samples; s++)
        for (int k = 0; k < a->n; k++) {
            unsigned char *t = times + (size_t)s * (size_t)a->n + draw(seed, s, a->n, k);

            *t = (unsigned char)(*t < 255 ? *t + 1 : 255);      /* more is beyond all chance */
        }
    memset(value, 0, (size_t)samples * sizeof *value);
    for (int l = 0; l < a->n_labels; l++) {
        int n = sort_label(a, l, scored);

        for (int s = 0; s < samples; s++) {
            double ap = weighted_ap(n, scored, times + (size_t)s * (size_t)a->n);

            if (isnan(ap))
                continue;
            value[s] += ap;
            defined[s]++;
        }
    }
    for (int s = 0; s < samples; s++)
        value[s] = defined[s] ? value[s] / defined[s] : NAN;
    ok = true;
out:
    free(scored);
    free(defined);
    free(times);
    return ok;
}

static int rising(const void *pa, const void *pb)
{
    double a = *(const double *)pa, b = *(const double *)pb;

    return (a > b) - (a < b);
}

bool infer_interval(const struct infer_answers *a, double figure, uint64_t seed, double *low,
                    double *high, struct err *err)
{
    bool single = a->task == DATA_SINGLE;
    double looks = (double)a->n * (single ? 1 : a->n_labels), value[SAMPLES], mean = 0;
    int samples = looks * SAMPLES > WORK ? (int)(WORK / looks) : SAMPLES, n = 0;

    *low = *high = NAN;
    if (samples < SAMPLES_LEAST)
        return true;
    if (!(single ? accuracies : mean_aps)(a, seed, samples, value, err))
        return false;
    for (int s = 0; s < samples; s++)
        if (!isnan(value[s]))
            value[n++] = value[s];
    if (n < SAMPLES_LEAST)
        return true;
    qsort(value, (size_t)n, sizeof *value, rising);
    for (int s = 0; s < n; s++)
        mean += value[s];
    mean /= n;
    *low = fmax(0, figure + value[(int)floor(0.025 * (n - 1))] - mean);
    *high = fmin(1, figure + value[(int)ceil(0.975 * (n - 1))] - mean);
    return true;
}
