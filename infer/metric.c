/*
 * metric -- how good answers are, from probabilities and truth
 *
 * precision = tp / (tp + fp), recall = tp / (tp + fn), f1 = 2 tp / (2 tp + fp + fn); 0 / 0 is 0.
 * average precision = sum over thresholds t, falling, of (recall(t) - recall(t-1)) precision(t):
 * every distinct probability is one threshold, so the order of equal ones does not matter and
 * nothing is interpolated.  A probability that is no number counts as 0, here and in
 * infer_rank.
 */
#include "infer/metric.h"
#include "infer/curve.h"

#include "nn/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* ap of every label; point is scratch for a->n. */
static void label_aps(const struct infer_answers *a, struct infer_pr_point *point,
                      struct infer_figures *out)
{
    double sum = 0, share = 0;
    int defined = 0;

    for (int l = 0; l < a->n_labels; l++) {
        int n = infer_pr(a, l, point);

        out->label[l].ap = infer_pr_ap(n, point);
        if (n == 0)
            continue;
        sum += out->label[l].ap;
        share += point[n - 1].precision;        /* of answering it always */
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
    int hits = 0, hits5 = 0, most = 0;
    double loss = 0;

    for (int i = 0; i < n; i++) {
        const float *p = probability + (size_t)i * (size_t)n_labels;
        int t = truth[i], answer = 0, ahead = 0;

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
    }
    for (int l = 0; l < n_labels; l++)
        most = out->label[l].support > most ? out->label[l].support : most;
    out->accuracy = ratio(hits, out->n);
    out->top5 = ratio(hits5, out->n);
    out->log_loss = ratio(loss, out->n);
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
    struct infer_pr_point *point = calloc((size_t)n + 1, sizeof *point);
    struct infer_bin bin[INFER_BINS];
    size_t cells;
    bool done = false;

    f.label = calloc((size_t)n_labels + 1, sizeof *f.label);
    if (task == DATA_SINGLE) {
        if (size_mul((size_t)n_labels, (size_t)n_labels, &cells))
            f.confusion = calloc(cells + 1, sizeof *f.confusion);
    }
    if (!point || !f.label || (task == DATA_SINGLE && !f.confusion)) {
        err_set(err, ERR_MEMORY, "cannot hold the figures of %d pictures and %d labels", n,
                n_labels);
        goto out;
    }
    if (task == DATA_SINGLE) {
        single(n, n_labels, a->probability, a->truth, &f);
        infer_reliability(a, bin);
        f.ece = infer_reliability_error(bin);
    } else {
        multi(n, n_labels, a->probability, a->target, &f);
    }
    if (f.n == 0) {
        err_set(err, ERR_INPUT, "none of the %d pictures has a known label", n);
        goto out;
    }
    label_ratios(n_labels, &f);
    label_aps(a, point, &f);
    if (task == DATA_SINGLE)
        f.baseline_ap = f.mean_ap = f.subset_accuracy = f.hamming = NAN;
    else
        f.accuracy = f.top5 = f.balanced_accuracy = f.ece = f.majority = NAN;
    *out = f;
    f = (struct infer_figures){ 0 };
    done = true;
out:
    infer_figures_release(&f);
    free(point);
    return done;
}

void infer_figures_release(struct infer_figures *f)
{
    free(f->confusion);
    free(f->label);
    f->confusion = NULL;
    f->label = NULL;
}

int infer_figures_commonest(const struct infer_figures *f)
{
    int most = 0;

    for (int l = 1; l < f->n_labels; l++)
        most = f->label[l].support > f->label[most].support ? l : most;
    return most;
}

int infer_confused(const struct infer_figures *f, int most, struct infer_confused *out)
{
    int n = 0;

    for (int t = 0; t < f->n_labels; t++)
        for (int a = 0; a < f->n_labels; a++) {
            int times = f->confusion[(size_t)t * (size_t)f->n_labels + (size_t)a], at;

            if (times == 0 || t == a || most == 0 || (n == most && times <= out[n - 1].n))
                continue;
            for (at = n < most ? n++ : n - 1; at > 0 && out[at - 1].n < times; at--)
                out[at] = out[at - 1];
            out[at] = (struct infer_confused){ t, a, times };
        }
    return n;
}

double infer_figures_main(const struct infer_figures *f)
{
    return f->task == DATA_SINGLE ? f->accuracy : f->mean_ap;
}

const char *infer_figures_main_name(enum data_task task)
{
    return task == DATA_SINGLE ? "accuracy" : "mAP";
}
