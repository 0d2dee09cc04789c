/*
 * curve -- see curve.h
 */
#include "infer/eval/curve.h"

#include "nn/base/order.h"
#include "nn/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- precision and recall -------------------------------------------------------------------- */

int infer_pr(const struct infer_answers *a, int label, struct infer_pr_point *point)
{
    int n = 0, yes = 0, found = 0, points = 0;

    /* First one "point" an answer, its truth kept in precision; then equal ones become one, in
     * place, since they are never more. */
    for (int i = 0; i < a->n; i++) {
        bool is;

        if (!infer_answers_known(a, i, label, &is))
            continue;
        point[n++] = (struct infer_pr_point){ .precision = is,
                                              .threshold = infer_answers_p(a, i, label) };
        yes += is;
    }
    if (yes == 0 || yes == n)
        return 0;
    qsort(point, (size_t)n, sizeof *point, order_floats_falling);
    for (int i = 0; i < n; ) {
        float threshold = point[i].threshold;

        for (; i < n && point[i].threshold == threshold; i++)
            found += point[i].precision > 0;
        point[points++] =
            (struct infer_pr_point){ threshold, (double)found / yes, (double)found / i };
    }
    return points;
}

int infer_pr_thin(int n, struct infer_pr_point *point, int most)
{
    int steps = 0, kept = 1, ranges = most / 2 - 1;
    double before = 0;

    for (int i = 0; i < n; i++)
        if (point[i].recall > before) {
            before = point[i].recall;
            point[steps++] = point[i];
        }
    if (steps <= most)
        return steps;
    for (int i = 1; i < steps - 1; ) {
        int range = (int)(point[i].recall * ranges), low = i, high = i;

        for (; i < steps - 1 && (int)(point[i].recall * ranges) == range; i++) {
            low = point[i].precision < point[low].precision ? i : low;
            high = point[i].precision > point[high].precision ? i : high;
        }
        point[kept++] = point[low < high ? low : high];
        if (low != high)
            point[kept++] = point[low < high ? high : low];
    }
    point[kept++] = point[steps - 1];
    return kept;
}

/* ---- calibration ----------------------------------------------------------------------------- */

static void put(struct infer_bin bin[INFER_BINS], double confidence, bool right)
{
    int b = (int)ceil(confidence * INFER_BINS) - 1;

    b = b < 0 ? 0 : b >= INFER_BINS ? INFER_BINS - 1 : b;
    bin[b].n++;
    bin[b].confidence += confidence;
    bin[b].right += right;
}

static void settle(struct infer_bin bin[INFER_BINS])
{
    for (int b = 0; b < INFER_BINS; b++)
        if (bin[b].n) {
            bin[b].confidence /= (double)bin[b].n;
            bin[b].right /= (double)bin[b].n;
        }
}

void infer_reliability(const struct infer_answers *a, struct infer_bin bin[INFER_BINS])
{
    bool yes;

    memset(bin, 0, INFER_BINS * sizeof *bin);
    for (int i = 0; i < a->n; i++) {
        int first, end;

        infer_answers_judged(a, i, &first, &end);
        for (int l = first; l < end; l++)
            if (infer_answers_known(a, i, l, &yes))
                put(bin, infer_answers_p(a, i, l), yes);
    }
    settle(bin);
}

double infer_reliability_error(const struct infer_bin bin[INFER_BINS])
{
    double sum = 0, n = 0;

    for (int b = 0; b < INFER_BINS; b++) {
        sum += (double)bin[b].n * fabs(bin[b].right - bin[b].confidence);
        n += (double)bin[b].n;
    }
    return n > 0 ? sum / n : 0;
}

enum { CHANCES = 100 };         /* draws of the truth */
#define CHANCES_MOST 2e7        /* answers drawn for: a second */

double infer_reliability_by_chance(const struct infer_answers *a, uint64_t seed)
{
    bool single = a->task == DATA_SINGLE, yes;
    double most = (double)a->n * (single ? 1 : a->n_labels), sum = 0;
    float *p = most * CHANCES > CHANCES_MOST ? NULL : malloc(((size_t)most + 1) * sizeof *p);
    uint32_t n = 0;

    if (!p)
        return NAN;
    for (int i = 0; i < a->n; i++) {
        int first, end;

        infer_answers_judged(a, i, &first, &end);
        for (int l = first; l < end; l++)
            if (infer_answers_known(a, i, l, &yes))
                p[n++] = infer_answers_p(a, i, l);
    }
    for (uint32_t c = 0; c < CHANCES; c++) {
        struct infer_bin bin[INFER_BINS] = { { 0 } };

        for (uint32_t i = 0; i < n; i++)
            put(bin, p[i], rng_f32(seed, rng_stream(RNG_BOOTSTRAP, 1 + c), i) < p[i]);
        settle(bin);
        sum += infer_reliability_error(bin);
    }
    free(p);
    return sum / CHANCES;
}

/* ---- mistakes -------------------------------------------------------------------------------- */

/* How far from the truth. */
static float badness(const struct infer_mistake *m)
{
    return m->told ? m->p : 1 - m->p;
}

/* Into the list of the worst so far, behind those that are as bad. */
static int insert(struct infer_mistake m, int n, int most, struct infer_mistake *out)
{
    int at = n;

    while (at > 0 && badness(&out[at - 1]) < badness(&m))
        at--;
    if (at == most)
        return n;
    n = n < most ? n + 1 : most;
    for (int i = n - 1; i > at; i--)
        out[i] = out[i - 1];
    out[at] = m;
    return n;
}

int infer_mistakes(const struct infer_answers *a, int most, struct infer_mistake *out,
                   int64_t *total)
{
    int n = 0;

    *total = 0;
    for (int i = 0; i < a->n; i++) {
        int first, end;
        bool yes;

        infer_answers_judged(a, i, &first, &end);
        for (int l = first; l < end; l++) {
            struct infer_mistake m = { i, l, infer_answers_p(a, i, l),
                                       a->task == DATA_SINGLE || infer_answers_told(a, i, l) };

            if (!infer_answers_known(a, i, l, &yes) || m.told == yes)
                continue;
            ++*total;
            n = insert(m, n, most, out);
        }
    }
    return n;
}
