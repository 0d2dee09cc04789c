/*
 * answers -- what a model said about pictures, beside what is true
 *
 * Kept by infer_answer (infer/eval/evaluate.h); figures (infer/eval/metric.h) and curves
 * (infer/eval/curve.h) are pure functions of them.
 */
#ifndef INFER_ANSWERS_H
#define INFER_ANSWERS_H

#include "data/index.h"

/* Of several labels the probability from which one is told, unless it was calibrated. */
#define INFER_TOLD 0.5f

struct infer_answers {
    enum data_task task;
    int n, n_labels;
    float *probability;         /* [n,n_labels] */
    float *logits;              /* [n,n_labels] as the network said them, without calibration; NULL
                                   where nobody asked for them */
    float *target;              /* [n,n_labels] as data_batch has it: SINGLE one-hot, a row of zeros
                                   where no label is known; MULTI 1, 0, -1 unknown */
    int *truth;                 /* [n] SINGLE: the true label, -1 unknown; MULTI: 0 */
    int *sample;                /* [n] position in the index */
    /* How they are read; lent, both may be left 0. */
    const float *threshold;     /* [n_labels] MULTI: probability from which a label is told; NULL:
                                   INFER_TOLD of each */
    int top_k;                  /* SINGLE: what is among the likeliest few; 0: 5 */
};

/* Room for `most` rows, none of them there; release it. */
bool infer_answers_init(struct infer_answers *a, enum data_task task, int n_labels, int most,
                        struct err *err);
/* Room for their logits too. */
bool infer_answers_keep_logits(struct infer_answers *a, int most, struct err *err);
void infer_answers_release(struct infer_answers *a);    /* a zeroed one is fine */
/* n rows more, whose probabilities stand behind those of the rows before already: their
 * target[n,n_labels] and sample[n] are copied. */
void infer_answers_add(struct infer_answers *a, int n, const float *target, const int *sample);

/* The probability of a label.  What is no number counts as 0, here and everywhere. */
float infer_answers_p(const struct infer_answers *a, int row, int label);
/* MULTI: whether the picture was answered with the label. */
bool infer_answers_told(const struct infer_answers *a, int row, int label);
/* Whether it was answered right; MULTI: no known label is wrong. */
bool infer_answers_right(const struct infer_answers *a, int row);
int infer_answers_top_k(const struct infer_answers *a);
/* A row's likeliest label; of equal ones the first. */
int infer_answers_top(const struct infer_answers *a, int row);
/* The labels of a row from *first to before *end whose confidence is judged: the answer, or all of
 * several that are known. */
void infer_answers_judged(const struct infer_answers *a, int row, int *first, int *end);
/* Whether it is known if a row carries a label; then *yes: whether it does. */
bool infer_answers_known(const struct infer_answers *a, int row, int label, bool *yes);

#endif
