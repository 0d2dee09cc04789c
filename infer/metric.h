/*
 * metric -- how good answers are, from probabilities and truth
 *
 * Definitions are those of scikit-learn's functions of the same names.  Figures of the other task
 * are NaN.  Pure functions; thread-safe.
 */
#ifndef INFER_METRIC_H
#define INFER_METRIC_H

#include "infer/answers.h"

struct infer_label_figures {
    int support;                /* pictures that truly carry the label */
    int predicted;              /* pictures answered with it (MULTI: probability >= 0.5) */
    int correct;
    double precision, recall, f1;       /* 0 where the denominator is 0 */
    double ap;                  /* average precision; NaN where support is 0 or everything */
};

struct infer_figures {
    enum data_task task;
    int n, n_labels;            /* n: pictures that have a known label */
    /* SINGLE */
    double accuracy;            /* of equal probabilities the first label is the answer */
    double top5, balanced_accuracy;
    int *confusion;             /* [truth * n_labels + answer]; NULL for MULTI */
    /* MULTI */
    double mean_ap;             /* over the labels whose AP is defined; NaN when none is */
    double baseline_ap;         /* what label frequencies would get: mean share of positives */
    double subset_accuracy;     /* pictures without a wrong known label */
    double hamming;             /* share of wrong ones among known (picture, label) pairs */
    /* both */
    double macro_f1;            /* SINGLE: over the labels that are true or answered somewhere */
    double micro_f1;
    double log_loss;            /* natural; probabilities clipped to [1e-7, 1]; MULTI: of pairs */
    double ece;                 /* SINGLE: expected calibration error, top answer, 15 equal bins */
    double majority;            /* SINGLE: accuracy of always answering the commonest label */
    struct infer_label_figures *label;
};

/* What is not known is left out.  ERR_INPUT when nothing is known.  Release them. */
bool infer_figures(const struct infer_answers *a, struct infer_figures *out, struct err *err);
void infer_figures_release(struct infer_figures *f);    /* a zeroed one is fine */

/* The label that most pictures carry; of equal ones the first. */
int infer_figures_commonest(const struct infer_figures *f);

/* Wrong answers of SINGLE, the most frequent first; of equal ones by truth, then answer.  Returns
 * how many of `most` there are. */
struct infer_confused {
    int truth, answer, n;       /* labels; pictures */
};
int infer_confused(const struct infer_figures *f, int most, struct infer_confused *out);

/* The figure that training watches: accuracy, or mean_ap. */
double infer_figures_main(const struct infer_figures *f);
const char *infer_figures_main_name(enum data_task task);       /* "accuracy", "mAP" */

#endif
