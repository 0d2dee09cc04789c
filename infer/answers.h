/*
 * answers -- what a model said about pictures, beside what is true
 *
 * Kept by infer_answer (infer/evaluate.h); figures (infer/metric.h) and curves (infer/curve.h) are
 * pure functions of them.
 */
#ifndef INFER_ANSWERS_H
#define INFER_ANSWERS_H

#include "data/index.h"

struct infer_answers {
    enum data_task task;
    int n, n_labels;
    float *probability;         /* [n,n_labels] */
    float *target;              /* the same, as data_batch has it: SINGLE one-hot, a row of zeros
                                   where no label is known; MULTI 1, 0, -1 unknown */
    int *sample;                /* [n] position in the index; NULL: there is no index */
};

void infer_answers_release(struct infer_answers *a);    /* a zeroed one is fine */

/* A row's true label, SINGLE; -1 where none is known. */
int infer_answers_truth(const struct infer_answers *a, int row);
/* Its probability of a label.  What is no number counts as 0, here and everywhere. */
float infer_answers_p(const struct infer_answers *a, int row, int label);
/* Its likeliest label; of equal ones the first. */
int infer_answers_top(const struct infer_answers *a, int row);

#endif
