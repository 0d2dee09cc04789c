/*
 * metric -- how good answers are, from probabilities and truth
 *
 * precision = tp / (tp + fp), recall = tp / (tp + fn), f1 = 2 tp / (2 tp + fp + fn); 0 / 0 is 0.
 * average precision = sum over thresholds t, falling, of (recall(t) - recall(t-1)) precision(t):
 * every distinct probability is one threshold, so the order of equal ones does not matter and
 * nothing is interpolated.
 * ece = sum over bins b of |b|/n * |accuracy(b) - mean confidence(b)|, bins (i/15, (i+1)/15], as
 * Guo et al. 2017, "On calibration of modern neural networks", eq. 3.
 * A probability that is no number counts as 0, here and in infer_rank.
 */
#include "infer/metric.h"

#include "nn/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 15 };

static double sane(float p)
{
    return p > 0 ? p : 0;
}

static double loss_of(double p)
{
    return -log(p < 1e-7 ? 1e-7 : p > 1 ? 1 : p);
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

struct scored {
    float p;
    bool yes;
};

static int by_falling_p(const void *a, const void *b)
{
    float p = ((const struct scored *)a)->p, q = ((const struct scored *)b)->p;

    return (p < q) - (p > q);
}

/* Sorts s[n].  NaN where all or none are yes. */
static double average_precision(int n, struct scored *s)
{
    int yes = 0, found = 0;
    double ap = 0;

    for (int i = 0; i < n; i++)
        yes += s[i].yes;
    if (yes == 0 || yes == n)
        return NAN;
    qsort(s, (size_t)n, sizeof *s, by_falling_p);
    for (int i = 0; i < n; ) {
        int before = found, j = i;

        for (; j < n && s[j].p == s[i].p; j++)
            found += s[j].yes;
        ap += (double)(found - before) / yes * found / j;
        i = j;
    }
    return ap;
}

/* ap of every label; s is scratch for n. */
static void label_aps(int n, int n_labels, const float *probability, const float *target,
                      const int *truth, struct scored *s, struct infer_figures *out)
{
    double sum = 0, share = 0;
    int defined = 0;

    for (int l = 0; l < n_labels; l++) {
        int m = 0;

        for (int i = 0; i < n; i++) {
            size_t at = (size_t)i * (size_t)n_labels + (size_t)l;

            if (truth ? truth[i] < 0 : target[at] < 0)
                continue;
            s[m++] = (struct scored){ (float)sane(probability[at]),
                                      truth ? truth[i] == l : target[at] > 0.5f };
        }
        out->label[l].ap = average_precision(m, s);
        if (isnan(out->label[l].ap))
            continue;
        sum += out->label[l].ap;
        share += (double)out->label[l].support / m;
        defined++;
    }
    out->mean_ap = defined ? sum / defined : NAN;
    out->baseline_ap = defined ? share / defined : NAN;
}

static void label_ratios(int n_labels, struct infer_figures *out)
{
    int64_t correct = 0, both = 0;
    int counted = 0, there = 0;
    double f1 = 0, recall = 0;

    for (int l = 0; l < n_labels; l++) {
        struct infer_label_figures *f = &out->label[l];

        f->precision = ratio(f->correct, f->predicted);
        f->recall = ratio(f->correct, f->support);
        f->f1 = ratio(2.0 * f->correct, (double)f->predicted + f->support);
        correct += f->correct;
        both += (int64_t)f->predicted + f->support;
        /* As scikit-learn has it: a label that nobody mentions counts for MULTI alone. */
        if (out->task == DATA_MULTI || f->predicted + f->support > 0) {
            f1 += f->f1;
            counted++;
        }
        if (f->support > 0) {
            recall += f->recall;
            there++;
        }
    }
    out->macro_f1 = ratio(f1, counted);
    out->micro_f1 = ratio(2.0 * (double)correct, (double)both);
    out->balanced_accuracy = ratio(recall, there);
}

static void single(int n, int n_labels, const float *probability, const int *truth,
                   struct infer_figures *out)
{
    int hits = 0, hits5 = 0, most = 0, in_bin[BINS] = { 0 };
    double loss = 0, gap[BINS] = { 0 }, ece = 0;

    for (int i = 0; i < n; i++) {
        const float *p = probability + (size_t)i * (size_t)n_labels;
        int t = truth[i], answer = 0, ahead = 0, bin;

        if (t < 0)
            continue;
        for (int l = 0; l < n_labels; l++) {
            if (sane(p[l]) > sane(p[answer]))
                answer = l;
            ahead += sane(p[l]) > sane(p[t]) || (sane(p[l]) == sane(p[t]) && l < t);
        }
        out->n++;
        out->label[t].support++;
        out->label[answer].predicted++;
        out->label[t].correct += answer == t;
        out->confusion[(size_t)t * (size_t)n_labels + (size_t)answer]++;
        hits += answer == t;
        hits5 += ahead < 5;
        loss += loss_of(sane(p[t]));
        bin = (int)ceil(sane(p[answer]) * BINS) - 1;
        bin = bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
        in_bin[bin]++;
        gap[bin] += (answer == t) - sane(p[answer]);
    }
    for (int b = 0; b < BINS; b++)
        ece += in_bin[b] ? fabs(gap[b]) : 0;
    for (int l = 0; l < n_labels; l++)
        most = out->label[l].support > most ? out->label[l].support : most;
    out->accuracy = ratio(hits, out->n);
    out->top5 = ratio(hits5, out->n);
    out->log_loss = ratio(loss, out->n);
    out->ece = ratio(ece, out->n);
    out->majority = ratio(most, out->n);
}

static void multi(int n, int n_labels, const float *probability, const float *target,
                  struct infer_figures *out)
{
    int64_t pairs = 0, wrong = 0;
    int exact = 0;
    double loss = 0;

    for (int i = 0; i < n; i++) {
        const float *p = probability + (size_t)i * (size_t)n_labels,
                    *t = target + (size_t)i * (size_t)n_labels;
        int known = 0, missed = 0;

        for (int l = 0; l < n_labels; l++) {
            bool yes = t[l] > 0.5f, answer = sane(p[l]) >= 0.5;

            if (t[l] < 0)
                continue;
            known++;
            missed += yes != answer;
            loss += loss_of(yes ? sane(p[l]) : 1 - sane(p[l]));
            out->label[l].support += yes;
            out->label[l].predicted += answer;
            out->label[l].correct += yes && answer;
        }
        if (known == 0)
            continue;
        out->n++;
        pairs += known;
        wrong += missed;
        exact += missed == 0;
    }
    out->subset_accuracy = ratio(exact, out->n);
    out->hamming = ratio((double)wrong, (double)pairs);
    out->log_loss = ratio(loss, (double)pairs);
}

bool infer_figures(const struct infer_answers *a, struct infer_figures *out, struct err *err)
{
    enum data_task task = a->task;
    int n = a->n, n_labels = a->n_labels;
    struct infer_figures f = { .task = task, .n_labels = n_labels };
    struct scored *scored = calloc((size_t)n + 1, sizeof *scored);
    int *truth = NULL;
    size_t cells;
    bool done = false;

    f.label = calloc((size_t)n_labels + 1, sizeof *f.label);
    if (task == DATA_SINGLE) {
        truth = calloc((size_t)n + 1, sizeof *truth);
        if (size_mul((size_t)n_labels, (size_t)n_labels, &cells))
            f.confusion = calloc(cells + 1, sizeof *f.confusion);
    }
    if (!scored || !f.label || (task == DATA_SINGLE && (!truth || !f.confusion))) {
        err_set(err, ERR_MEMORY, "cannot hold the figures of %d pictures and %d labels", n,
                n_labels);
        goto out;
    }
    if (task == DATA_SINGLE) {
        for (int i = 0; i < n; i++)
            truth[i] = infer_answers_truth(a, i);
        single(n, n_labels, a->probability, truth, &f);
    } else {
        multi(n, n_labels, a->probability, a->target, &f);
    }
    if (f.n == 0) {
        err_set(err, ERR_INPUT, "none of the %d pictures has a known label", n);
        goto out;
    }
    label_ratios(n_labels, &f);
    label_aps(n, n_labels, a->probability, a->target, truth, scored, &f);
    if (task == DATA_SINGLE)
        f.baseline_ap = f.mean_ap = f.subset_accuracy = f.hamming = NAN;
    else
        f.accuracy = f.top5 = f.balanced_accuracy = f.ece = f.majority = NAN;
    *out = f;
    f = (struct infer_figures){ 0 };
    done = true;
out:
    infer_figures_release(&f);
    free(truth);
    free(scored);
    return done;
}

void infer_figures_release(struct infer_figures *f)
{
    free(f->confusion);
    free(f->label);
    f->confusion = NULL;
    f->label = NULL;
}

double infer_figures_main(const struct infer_figures *f)
{
    return f->task == DATA_SINGLE ? f->accuracy : f->mean_ap;
}

const char *infer_figures_main_name(enum data_task task)
{
    return task == DATA_SINGLE ? "accuracy" : "mAP";
}
