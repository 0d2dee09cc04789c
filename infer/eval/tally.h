/*
 * tally -- sums that figures are made of, each picture counted so many times
 *
 * infer_figures counts each once; an interval (infer/eval/interval.h) counts them as often as they
 * were drawn.  So a figure has one formula.  Ratios: 0 / 0 is 0.  Pure functions; thread-safe.
 */
#ifndef INFER_TALLY_H
#define INFER_TALLY_H

#include "infer/eval/metric.h"

/* ---- what a picture says by itself ---- */

struct infer_rows {
    const struct infer_answers *a;      /* lent */
    int n;                      /* pictures of which something is known, and where they stand: */
    struct infer_row {
        int row;
        int answer;             /* SINGLE */
        int pairs;              /* known labels; SINGLE 1 */
        bool right, top5, top_k;        /* MULTI right: no known label is wrong */
        double loss, brier;     /* MULTI: sums over the known labels */
    } *at;
    /* Distance of confidences from truth by groups of confidence, picture by picture in order. */
    int n_gaps;
    struct infer_gap {
        int at, group, n;       /* n answers in this group */
        double sum;             /* of truth - confidence */
    } *gap;
};

bool infer_rows_init(struct infer_rows *r, const struct infer_answers *a, struct err *err);
void infer_rows_release(struct infer_rows *r);          /* a zeroed one is fine */

/* ---- what they say together ---- */

enum { INFER_GROUPS = 15 };

struct infer_tally {
    double n, pairs, right, top5, top_k, loss, brier;
    double group_n[INFER_GROUPS], group_n2[INFER_GROUPS];
    double group_sum[INFER_GROUPS], group_sum2[INFER_GROUPS];
    double correct, support, predicted, predicted_support, predicted2, support2;
    double precision, recall, f1, recall_there;
    double weighted_precision, weighted_recall, weighted_f1;
    double ap, weighted_ap, auc, weighted_auc, share, defined_support;
    int counted, there, defined;
};

/* Adds every row, times[i] of row i of r (NULL: once). */
void infer_tally_rows(struct infer_tally *t, const struct infer_rows *r,
                      const unsigned char *times);

/* A label's answers, likeliest first; s is room for 2 * r->n.  Returns how many. */
struct infer_scored {
    float p;                    /* first: it is sorted by that */
    int at;                     /* of r */
    bool yes, told;
};
int infer_tally_sort(const struct infer_rows *r, int label, struct infer_scored *s);

/* Figures of a label whose answers were sorted; *seen: how many they are, times counted. */
struct infer_label_figures infer_tally_label(int n, const struct infer_scored *s,
                                             const unsigned char *times, int64_t *seen);

/* Adds a label.  task: that of the answers. */
void infer_tally_add(struct infer_tally *t, enum data_task task,
                     const struct infer_label_figures *l, int64_t seen);

/* Every figure but majority and ece, which it leaves alone. */
void infer_tally_settle(const struct infer_tally *t, enum data_task task,
                        struct infer_figures *out);

#endif
