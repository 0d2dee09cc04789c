/*
 * interval -- see interval.h
 *
 * A sample of n pictures with replacement is a number of times for each.  Sample s draws picture k
 * of it at index s * n + k of the stream.  A label's answers are sorted once, and counted as often
 * as their pictures were drawn.
 */
#include "infer/eval/interval.h"

#include "infer/eval/tally.h"
#include "nn/base/arena.h"
#include "nn/base/order.h"
#include "nn/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLES = 1000,
    SAMPLES_LEAST = 200,
};
#define WORK 5e8                /* looks at an answer: a few seconds */
#define ROOM 2.56e8             /* bytes of all samples' times */

struct draws {
    int samples;
    double *value;              /* [samples,INFER_FIGURES], raw */
};

static int affordable(double looks, int n)
{
    double most = fmin(SAMPLES, fmin(WORK / looks, ROOM / n));

    return most < SAMPLES_LEAST ? 0 : (int)most;
}

/* times[samples,n] */
static unsigned char *draw_times(uint64_t seed, int samples, int n)
{
    unsigned char *times = NULL;
    size_t cells;

    if (size_mul((size_t)n, (size_t)samples, &cells))
        times = calloc(cells + 1, 1);
    for (int s = 0; times && s < samples; s++)
        for (int k = 0; k < n; k++) {
            uint64_t index = (uint64_t)s * (uint64_t)n + (uint64_t)k;
            uint32_t i = rng_below(seed, rng_stream(RNG_BOOTSTRAP, 0), index, (uint32_t)n);
            unsigned char *t = times + (size_t)s * (size_t)n + i;

            *t = (unsigned char)(*t < 255 ? *t + 1 : 255);      /* more is beyond all chance */
        }
    return times;
}

static void tally_labels(const struct infer_rows *rows, const unsigned char *times, int samples,
                         struct infer_scored *scored, struct infer_tally *t)
{
    for (int l = 0; l < rows->a->n_labels; l++) {
        int n = infer_tally_sort(rows, l, scored);

        for (int s = 0; s < samples; s++) {
            int64_t seen;
            struct infer_label_figures f =
                infer_tally_label(n, scored, times + (size_t)s * (size_t)rows->n, &seen);

            infer_tally_add(&t[s], rows->a->task, &f, seen);
        }
    }
}

/* Figures of samples; labels false, or too many of them: only those that are not of_labels, the
 * others NaN.  free() out->value. */
static bool draw(const struct infer_answers *a, uint64_t seed, bool labels, struct draws *out,
                 struct err *err)
{
    struct infer_rows rows;
    struct infer_scored *scored = NULL;
    struct infer_tally *tally = NULL;
    unsigned char *times = NULL;
    double looks;
    int samples;
    bool ok = false;

    *out = (struct draws){ 0 };
    if (!infer_rows_init(&rows, a, err))
        return false;
    looks = (double)rows.n + rows.n_gaps;
    samples = labels ? affordable(looks + (double)rows.n * a->n_labels, rows.n) : 0;
    labels = samples > 0;
    samples = labels ? samples : affordable(looks, rows.n);
    scored = malloc((2 * (size_t)rows.n + 1) * sizeof *scored);
    tally = calloc((size_t)samples + 1, sizeof *tally);
    out->value = malloc(((size_t)samples + 1) * INFER_FIGURES * sizeof *out->value);
    times = draw_times(seed, samples, rows.n);
    if (!scored || !tally || !times || !out->value) {
        err_set(err, ERR_MEMORY, "no memory for an interval");
        goto out;
    }
    out->samples = samples;
    for (int s = 0; s < samples; s++)
        infer_tally_rows(&tally[s], &rows, times + (size_t)s * (size_t)rows.n);
    if (labels)
        tally_labels(&rows, times, samples, scored, tally);
    for (int s = 0; s < samples; s++) {
        struct infer_figures f = { .ece = NAN };

        infer_tally_settle(&tally[s], a->task, &f);
        for (int id = 0; id < INFER_FIGURES; id++)
            out->value[(size_t)s * INFER_FIGURES + (size_t)id] =
                labels || !infer_figure_table[id].of_labels ? infer_figure_raw(&f, id) : NAN;
    }
    ok = true;
out:
    infer_rows_release(&rows);
    free(scored);
    free(tally);
    free(times);
    return ok;
}

/* ---- intervals ------------------------------------------------------------------------------- */

/* Of figure id, in samples less (NULL: nothing) that of the samples beside. */
static struct infer_range range_of(const struct draws *d, const struct draws *less, int id,
                                   double figure)
{
    double value[SAMPLES], mean = 0;
    int n = 0;

    for (int s = 0; s < d->samples; s++) {
        size_t at = (size_t)s * INFER_FIGURES + (size_t)id;
        double x = d->value[at] - (less ? less->value[at] : 0);

        if (!isnan(x))
            value[n++] = x;
    }
    if (n < SAMPLES_LEAST || isnan(figure))
        return (struct infer_range){ NAN, NAN };
    qsort(value, (size_t)n, sizeof *value, order_doubles);
    for (int s = 0; s < n; s++)
        mean += value[s];
    mean /= n;
    return (struct infer_range){ figure + value[(int)floor(0.025 * (n - 1))] - mean,
                                 figure + value[(int)ceil(0.975 * (n - 1))] - mean };
}

/* As the figure is told. */
static struct infer_range told(struct infer_range r, int id)
{
    const struct infer_figure *of = &infer_figure_table[id];

    if (isnan(r.low))
        return r;
    if (of->kind == INFER_ROOT)
        r = (struct infer_range){ sqrt(fmax(0, r.low)), sqrt(fmax(0, r.high)) };
    return (struct infer_range){ fmax(of->least, r.low), fmin(of->most, r.high) };
}

bool infer_interval(const struct infer_answers *a, const struct infer_figures *f, int id,
                    uint64_t seed, struct infer_range *out, struct err *err)
{
    struct draws d;
    bool ok = draw(a, seed, infer_figure_table[id].of_labels, &d, err);

    if (ok)
        *out = told(range_of(&d, NULL, id, infer_figure_raw(f, id)), id);
    free(d.value);
    return ok;
}

bool infer_intervals(const struct infer_answers *a, const struct infer_figures *f, uint64_t seed,
                     struct infer_range out[INFER_FIGURES], struct err *err)
{
    struct draws d;
    bool ok = draw(a, seed, true, &d, err);

    for (int id = 0; ok && id < INFER_FIGURES; id++)
        out[id] = told(range_of(&d, NULL, id, infer_figure_raw(f, id)), id);
    free(d.value);
    return ok;
}

bool infer_differences(const struct infer_answers *a, const struct infer_figures *f,
                       const struct infer_answers *b, const struct infer_figures *g,
                       uint64_t seed, struct infer_range out[INFER_FIGURES], struct err *err)
{
    struct draws d = { 0 }, less = { 0 };
    bool ok = draw(a, seed, true, &d, err) && draw(b, seed, true, &less, err);

    for (int id = 0; ok && id < INFER_FIGURES; id++)
        out[id] = infer_figure_table[id].kind == INFER_ROOT ? (struct infer_range){ NAN, NAN } :
                  range_of(&d, &less, id, infer_figure_raw(f, id) - infer_figure_raw(g, id));
    free(d.value);
    free(less.value);
    return ok;
}
