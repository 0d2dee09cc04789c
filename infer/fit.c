/*
 * fit -- see fit.h: temperature, scale and shift by least log loss, and all parts put together
 *
 * With u = z / T and p = softmax(u), or sigmoid, the log loss is convex in B = 1 / T; its slope is
 * the mean of (p - t) z, which Newton's method brings to 0 between bisected bounds.  Scale and
 * shift: with those of the other labels fixed, those of label l are a logistic regression on z_l
 * with the offset -r, r = log of the sum of exp(u) over the others (several labels: 0).  The loss
 * is convex in all of them, so label after label, again and again, leads to the one best place.
 *
 * Targets are t = (1 - e) [true] + e / labels (several labels: e / 2) with e = 1 / (n + 1): as if
 * one picture more had been seen, which says nothing (Platt 1999, "Probabilistic outputs for
 * support vector machines", sec. 2.1).  All sums run in order, in double.
 */
#include "infer/fit.h"
#include "infer/eval/curve.h"
#include "infer/eval/metric.h"
#include "nn/base/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const infer_fit_methods[] = { "temperature", "vector", NULL };

#define T_LEAST 0.05
#define T_MOST 20

static const float *row_of(const struct infer_answers *a, int row)
{
    return a->logits + (size_t)row * (size_t)a->n_labels;
}

static int known_rows(const struct infer_answers *a)
{
    int n = 0;

    for (int i = 0; i < a->n; i++) {
        bool any = false, yes;

        for (int l = 0; l < a->n_labels && !any; l++)
            any = infer_answers_known(a, i, l, &yes);
        n += any;
    }
    return n;
}

/* ---- temperature ----------------------------------------------------------------------------- */

struct slope {
    double g, h;                /* of the loss, by B */
};

static struct slope slope_single(const struct infer_answers *a, int row, double b, double e)
{
    const float *z = row_of(a, row);
    double most = z[0], sum = 0, mean = 0, square = 0, flat = 0;

    if (a->truth[row] < 0)
        return (struct slope){ 0, 0 };
    for (int l = 1; l < a->n_labels; l++)
        most = fmax(most, z[l]);
    for (int l = 0; l < a->n_labels; l++) {
        double d = z[l] - most, p = exp(b * d);

        sum += p;
        mean += p * d;
        square += p * d * d;
        flat += d;
    }
    mean /= sum;
    flat = (1 - e) * (z[a->truth[row]] - most) + e * flat / a->n_labels;
    return (struct slope){ mean - flat, square / sum - mean * mean };
}

static struct slope slope_multi(const struct infer_answers *a, int row, double b, double e)
{
    const float *z = row_of(a, row);
    struct slope s = { 0, 0 };

    for (int l = 0; l < a->n_labels; l++) {
        bool yes;

        if (infer_answers_known(a, row, l, &yes)) {
            double p = infer_sigmoid(b * z[l]);

            s.g += (p - (1 - e) * yes - e / 2) * z[l];
            s.h += p * (1 - p) * z[l] * z[l];
        }
    }
    return s;
}

static struct slope slope_of(const struct infer_answers *a, double b, double e)
{
    struct slope s = { 0, 0 };

    for (int i = 0; i < a->n; i++) {
        struct slope one = a->task == DATA_SINGLE ? slope_single(a, i, b, e)
                                                  : slope_multi(a, i, b, e);

        s.g += one.g;
        s.h += one.h;
    }
    return s;
}

double infer_fit_temperature(const struct infer_answers *a)
{
    double low = 1.0 / T_MOST, high = 1 / T_LEAST, b = 1, e = 1.0 / (known_rows(a) + 1);

    for (int i = 0; i < 100 && high - low > 1e-12 * high; i++) {
        struct slope s = slope_of(a, b, e);
        double next = b - s.g / s.h;

        if (s.g < 0)
            low = b;
        else
            high = b;
        if (fabs(next - b) <= 1e-13 * b)
            break;
        b = next > low && next < high ? next : (low + high) / 2;
    }
    return 1 / b;
}

/* ---- scale and shift ------------------------------------------------------------------------- */

struct vector {
    const struct infer_answers *a;
    double start, e;            /* 1 / temperature */
    double *scale, *shift;
    double *all;                /* [n] SINGLE: log of the sum of exp(u) over the labels */
    double *rest;               /* [n] the same over the others than the label at work */
};

static double u_of(const struct vector *v, int row, int l)
{
    return v->scale[l] * row_of(v->a, row)[l] + v->shift[l];
}

static void sum_rows(struct vector *v)
{
    for (int i = 0; i < v->a->n && v->a->task == DATA_SINGLE; i++) {
        double most = u_of(v, i, 0), sum = 0;

        for (int l = 1; l < v->a->n_labels; l++)
            most = fmax(most, u_of(v, i, l));
        for (int l = 0; l < v->a->n_labels; l++)
            sum += exp(u_of(v, i, l) - most);
        v->all[i] = most + log(sum);
    }
}

/* The loss of label l with these, and half the square of how far they were drawn from the start. */
static double loss_at(const struct vector *v, int l, double scale, double shift)
{
    double far = scale / v->start - 1, loss = (far * far + shift * shift) / 2;
    double flat = v->e / (v->a->task == DATA_SINGLE ? v->a->n_labels : 2);

    for (int i = 0; i < v->a->n; i++) {
        double u = scale * row_of(v->a, i)[l] + shift;
        bool yes;

        if (infer_answers_known(v->a, i, l, &yes))
            loss += infer_softplus(u - v->rest[i]) - ((1 - v->e) * yes + flat) * u;
    }
    return loss;
}

/* One step of Newton's method for label l, shortened until it helps; returns what it gained. */
static double step(struct vector *v, int l)
{
    double start = v->start, *scale = &v->scale[l], *shift = &v->shift[l];
    double ga = (*scale / start - 1) / start, gb = *shift, haa = 1 / (start * start), hab = 0,
           hbb = 1, before = loss_at(v, l, *scale, *shift), det, da, db;
    double flat = v->e / (v->a->task == DATA_SINGLE ? v->a->n_labels : 2);

    for (int i = 0; i < v->a->n; i++) {
        double z = row_of(v->a, i)[l], p, d;
        bool yes;

        if (!infer_answers_known(v->a, i, l, &yes))
            continue;
        p = infer_sigmoid(*scale * z + *shift - v->rest[i]);
        d = p - (1 - v->e) * yes - flat;
        ga += d * z;
        gb += d;
        haa += p * (1 - p) * z * z;
        hab += p * (1 - p) * z;
        hbb += p * (1 - p);
    }
    det = haa * hbb - hab * hab;        /* > 0: the part of the start alone makes it so */
    da = (hbb * ga - hab * gb) / det;
    db = (haa * gb - hab * ga) / det;
    for (int k = 0; k < 30; k++, da /= 2, db /= 2) {
        double gain;

        if (*scale - da < start / 100 || *scale - da > start * 100)
            continue;
        gain = before - loss_at(v, l, *scale - da, *shift - db);
        if (gain > 0) {
            *scale -= da;
            *shift -= db;
            return gain;
        }
    }
    return 0;
}

static double visit(struct vector *v, int l)
{
    bool single = v->a->task == DATA_SINGLE;
    double gain;

    for (int i = 0; i < v->a->n && single; i++)
        v->rest[i] = v->all[i] + log1p(-fmin(exp(u_of(v, i, l) - v->all[i]), 1 - 1e-12));
    gain = step(v, l);
    for (int i = 0; i < v->a->n && single; i++)
        v->all[i] = v->rest[i] + infer_softplus(u_of(v, i, l) - v->rest[i]);
    return gain;
}

bool infer_fit_vector(const struct infer_answers *a, double temperature, double *scale,
                      double *shift, struct err *err)
{
    struct vector v = {
        .a = a, .start = 1 / temperature, .e = 1.0 / (known_rows(a) + 1),
        .scale = scale, .shift = shift,
        .all = calloc((size_t)a->n + 1, sizeof *v.all),
        .rest = calloc((size_t)a->n + 1, sizeof *v.rest),
    };
    bool ok = v.all && v.rest;

    for (int l = 0; l < a->n_labels; l++) {
        scale[l] = v.start;
        shift[l] = 0;
    }
    for (int sweep = 0; ok && sweep < 300; sweep++) {
        double gain = 0;

        sum_rows(&v);
        for (int l = 0; l < a->n_labels; l++)
            gain += visit(&v, l);
        if (gain < 1e-12 * a->n)
            break;
    }
    free(v.all);
    free(v.rest);
    return ok || err_set(err, ERR_MEMORY, "no memory to fit %d labels", a->n_labels);
}

/* ---- all of it ------------------------------------------------------------------------------- */

struct infer_fit_options infer_fit_defaults(enum data_task task)
{
    return (struct infer_fit_options){
        .method = INFER_FIT_TEMPERATURE,
        .goal = task == DATA_MULTI ? INFER_GOAL_F1 : INFER_GOAL_NONE,
        .stated = { INFER_FIT_MED, INFER_FIT_HI },
        .unknown = INFER_UNKNOWN_ENERGY,
        .false_alarms = INFER_FIT_FALSE_ALARMS,
    };
}

void infer_fit_apply(const struct infer_answers *a, const struct infer_calibration *c, float *out)
{
    for (int i = 0; i < a->n; i++, out += a->n_labels) {
        const float *z = row_of(a, i);
        double most = -INFINITY, sum = 0;

        for (int l = 0; l < a->n_labels; l++) {
            double u = !c       ? z[l]
                       : c->scale ? c->scale[l] * z[l] + c->shift[l]
                                  : z[l] / c->temperature;

            out[l] = (float)u;
            most = fmax(most, out[l]);
        }
        for (int l = 0; l < a->n_labels; l++)
            sum += exp(out[l] - most);
        for (int l = 0; l < a->n_labels; l++)
            out[l] = (float)(a->task == DATA_MULTI ? infer_sigmoid(out[l])
                                                   : exp(out[l] - most) / sum);
    }
}

/* Log loss and calibration error of the answers with these probabilities. */
static bool judge(const struct infer_answers *a, float *probability, double *log_loss, double *ece,
                  struct err *err)
{
    struct infer_answers with = *a;
    struct infer_bin bin[INFER_BINS];
    struct infer_figures f;

    with.probability = probability;
    if (!infer_figures(&with, &f, err))
        return false;
    *log_loss = f.log_loss;
    infer_figures_release(&f);
    infer_reliability(&with, bin);
    *ece = infer_reliability_error(bin);
    return true;
}

static double score_of(const struct infer_answers *a, const float *probability, int unknown,
                       int row)
{
    const float *p = probability + (size_t)row * (size_t)a->n_labels;
    double most = 0;

    if (unknown == INFER_UNKNOWN_ENERGY)
        return infer_energy(a->task, a->n_labels, row_of(a, row));
    for (int l = 0; l < a->n_labels; l++)
        most = fmax(most, p[l]);
    return most;
}

/*
 * The k-th smallest score of n, k = share (n + 1) rounded down: that of one more picture like these
 * is below it with a probability of at most k / (n + 1), whatever scores look like (Vovk et al.
 * 2005, "Algorithmic learning in a random world").
 */
static bool fit_unknown(const struct infer_answers *a, const float *probability,
                        const struct infer_fit_options *o, struct infer_calibration *c,
                        struct err *err)
{
    int k = (int)(o->false_alarms * (a->n + 1)), below = 0;
    double *score;

    if (o->unknown == INFER_UNKNOWN_NONE || k < 1)
        return true;
    score = malloc(((size_t)a->n + 1) * sizeof *score);
    if (!score)
        return err_set(err, ERR_MEMORY, "no memory for %d scores", a->n);
    for (int i = 0; i < a->n; i++)
        score[i] = score_of(a, probability, o->unknown, i);
    qsort(score, (size_t)a->n, sizeof *score, order_doubles);
    c->unknown = o->unknown;
    c->unknown_at = fmin(fmax(score[k - 1], -1e9), 1e9);
    while (below < a->n && score[below] < c->unknown_at)
        below++;
    c->unknown_false = (double)below / a->n;
    free(score);
    return true;
}

void infer_fit_foreign(const struct infer_answers *a, struct infer_calibration *c)
{
    int caught = 0;

    for (int i = 0; i < a->n; i++)
        caught += infer_calibration_unknown(c, a->task, a->n_labels,
                                            a->probability + (size_t)i * (size_t)a->n_labels,
                                            row_of(a, i));
    c->unknown_foreign = a->n;
    c->unknown_caught = a->n ? (double)caught / a->n : 0;
}

/* The logits' part of c. */
static bool fit_logits(const struct infer_answers *a, const struct infer_fit_options *o,
                       struct arena *mem, struct infer_calibration *c, struct err *err)
{
    double *scale, *shift;

    c->temperature = infer_fit_temperature(a);
    if (o->method != INFER_FIT_VECTOR)
        return true;
    scale = arena_array(mem, (size_t)a->n_labels, sizeof *scale);
    shift = arena_array(mem, (size_t)a->n_labels, sizeof *shift);
    if (!scale || !shift)
        return err_set(err, ERR_MEMORY, "no memory for %d labels", a->n_labels);
    c->scale = scale;
    c->shift = shift;
    return infer_fit_vector(a, c->temperature, scale, shift, err);
}

static bool fit_told(const struct infer_answers *a, const float *p,
                     const struct infer_fit_options *o, struct arena *mem,
                     struct infer_calibration *c, struct infer_fit_notes *notes, struct err *err)
{
    double *threshold;

    if (o->stated[1] > 0 && !infer_fit_bands(a, p, o->stated, c, err))
        return false;
    if (!fit_unknown(a, p, o, c, err))
        return false;
    if (o->goal == INFER_GOAL_NONE)
        return true;
    threshold = arena_array(mem, (size_t)a->n_labels, sizeof *threshold);
    if (!threshold)
        return err_set(err, ERR_MEMORY, "no memory for %d labels", a->n_labels);
    c->threshold = threshold;
    c->goal = o->goal;
    c->goal_at = o->goal == INFER_GOAL_F1 ? 0 : o->goal_at;
    return infer_fit_thresholds(a, p, o->goal, o->goal_at, threshold, notes, err);
}

bool infer_fit(const struct infer_answers *a, const struct infer_fit_options *o,
               struct arena *mem, struct infer_calibration *c, struct infer_fit_notes *notes,
               struct err *err)
{
    size_t cells = (size_t)a->n * (size_t)a->n_labels;
    int known = known_rows(a);
    float *p;
    bool ok;

    *notes = (struct infer_fit_notes){ 0 };
    *c = infer_calibration_none();
    if (!a->logits)
        return err_set(err, ERR_INPUT, "the answers have no logits to calibrate");
    if (known < INFER_FIT_LEAST)
        return err_set(err, ERR_INPUT, "%d picture%s too few to calibrate: %d at least", known,
                       known == 1 ? " is" : "s are", INFER_FIT_LEAST);
    for (size_t i = 0; i < cells; i++)
        if (!isfinite(a->logits[i]))
            return err_set(err, ERR_INPUT, "the network answers with what is no number");
    p = malloc((cells + 1) * sizeof *p);
    if (!p)
        return err_set(err, ERR_MEMORY, "no memory for %zu probabilities", cells);
    c->pictures = known;
    infer_fit_apply(a, NULL, p);
    ok = judge(a, p, &c->log_loss[0], &c->ece[0], err) && fit_logits(a, o, mem, c, err);
    if (ok) {
        infer_fit_apply(a, c, p);
        ok = judge(a, p, &c->log_loss[1], &c->ece[1], err) &&
             fit_told(a, p, o, mem, c, notes, err);
    }
    free(p);
    return ok;
}
