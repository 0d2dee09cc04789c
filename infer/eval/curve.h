/*
 * curve -- what a single figure hides: precision against recall, confidence against truth, and
 * the worst mistakes
 *
 * Pure functions of kept answers; what is not known (infer/answers.h) is left out.  Thread-safe.
 */
#ifndef INFER_CURVE_H
#define INFER_CURVE_H

#include "infer/answers.h"

/* ---- precision and recall of one label, every distinct probability a threshold ---- */

struct infer_pr_point {
    float threshold;            /* first: it is sorted by that */
    double recall, precision;   /* of answering with the label where its probability >= threshold */
};

/* Thresholds falling, recall never falling and at last 1, as scikit-learn's precision_recall_curve
 * backwards and without its last point.  point[a->n]; returns how many, 0 where no or every picture
 * carries the label. */
int infer_pr(const struct infer_answers *a, int label, struct infer_pr_point *point);
/* Thins a curve to be drawn as steps to at most `most` points (8 or more), in place; returns how
 * many: those where recall grows, then of each narrow range of recall the lowest and highest. */
int infer_pr_thin(int n, struct infer_pr_point *point, int most);

/* ---- calibration ---- */

enum { INFER_BINS = 15 };

/* Answers whose confidence lies in (i/15, (i+1)/15], 0 in the first.  SINGLE: the likeliest label
 * of each picture; MULTI: the probability of each known pair. */
struct infer_bin {
    int64_t n;
    double confidence, right;   /* mean probability, share that is true; 0 where n is 0 */
};
void infer_reliability(const struct infer_answers *a, struct infer_bin bin[INFER_BINS]);
/* Expected calibration error: Guo et al. 2017, "On calibration of modern neural networks", eq. 3:
 * sum over bins of their share times |right - confidence|. */
double infer_reliability_error(const struct infer_bin bin[INFER_BINS]);
/* What that error would be if every confidence came true just as often as it says: the mean over
 * 100 draws of the truth from the confidences.  NaN where memory is out, or it would take long. */
double infer_reliability_by_chance(const struct infer_answers *a, uint64_t seed);

/* ---- mistakes ---- */

struct infer_mistake {
    int row;                    /* of the answers */
    int label;                  /* SINGLE: the wrong answer; MULTI: the label that it is about */
    float p;                    /* its probability */
    bool told;                  /* MULTI false: the label was missed */
};
/* The worst first: SINGLE by falling confidence in a wrong answer, MULTI by falling distance of
 * a known pair from the truth; equal ones by row, then label.  Returns how many of `most` there
 * are; *total: of all mistakes. */
int infer_mistakes(const struct infer_answers *a, int most, struct infer_mistake *out,
                   int64_t *total);

#endif
