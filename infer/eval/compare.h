/*
 * compare -- two models' answers to the same pictures: does the difference mean anything?
 *
 * What both get right or both get wrong tells nothing.  Of the pictures that one alone gets right
 * as many should be each one's if they were equally good: McNemar's test, exact, with the mid-p
 * value (Fagerland, Lydersen and Laake 2013, "The McNemar test for binary matched-pairs data:
 * mid-p and asymptotic are better than exact conditional").  Figures that are no counts: by the
 * paired bootstrap of infer/eval/interval.h.
 */
#ifndef INFER_COMPARE_H
#define INFER_COMPARE_H

#include "infer/eval/interval.h"
#include "nn/base/str.h"

struct infer_compared {
    int both, first, second, neither;   /* pictures that so many are right about; MULTI: about every
                                           label */
    double p;                   /* McNemar's test: chance of as uneven a split among equals */
    double difference[INFER_FIGURES];   /* of the figures as told, second less first */
    struct infer_range range[INFER_FIGURES];
    int better;                 /* 1, 2: that one is, beyond chance; 0: cannot be told.  SINGLE: by
                                   p < 0.05, MULTI: by the interval of mAP */
};

/* Rows of a and b are the same pictures with the same truth, and f, g their figures. */
bool infer_compare(const struct infer_answers *a, const struct infer_figures *f,
                   const struct infer_answers *b, const struct infer_figures *g, uint64_t seed,
                   struct infer_compared *out, struct err *err);

/* What the test says, in words: "Right: both 9, the first alone 1, ..." and the verdict, a
 * sentence.  Neither has anything that a page would have to escape. */
void infer_compared_counts(struct str *out, const struct infer_compared *c, enum data_task task);
void infer_compared_verdict(struct str *out, const struct infer_compared *c, enum data_task task);

/* The p value when of n pictures that just one is right about k are the first one's. */
double infer_mcnemar(int n, int k);

#endif
