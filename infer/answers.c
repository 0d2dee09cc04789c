/*
 * answers -- see answers.h
 */
#include "infer/answers.h"
#include "nn/base/arena.h"

#include <stdlib.h>
#include <string.h>

bool infer_answers_init(struct infer_answers *a, enum data_task task, int n_labels, int most,
                        struct err *err)
{
    size_t cells;

    *a = (struct infer_answers){ .task = task, .n_labels = n_labels };
    if (size_mul((size_t)most, (size_t)n_labels, &cells)) {
        a->probability = calloc(cells + 1, sizeof *a->probability);
        a->target = calloc(cells + 1, sizeof *a->target);
        a->truth = calloc((size_t)most + 1, sizeof *a->truth);
        a->sample = calloc((size_t)most + 1, sizeof *a->sample);
    }
    if (a->probability && a->target && a->truth && a->sample)
        return true;
    infer_answers_release(a);
    return err_set(err, ERR_MEMORY, "cannot hold the answers for %d pictures", most);
}

bool infer_answers_keep_logits(struct infer_answers *a, int most, struct err *err)
{
    a->logits = calloc((size_t)most * (size_t)a->n_labels + 1, sizeof *a->logits);
    return a->logits || err_set(err, ERR_MEMORY, "cannot hold the logits for %d pictures", most);
}

void infer_answers_release(struct infer_answers *a)
{
    free(a->probability);
    free(a->logits);
    free(a->target);
    free(a->truth);
    free(a->sample);
    *a = (struct infer_answers){ 0 };
}

/* Position of the 1 in a one-hot row; -1 for a row of zeros. */
static int truth_of(const float *target, int n_labels)
{
    for (int l = 0; l < n_labels; l++)
        if (target[l] > 0.5f)
            return l;
    return -1;
}

void infer_answers_add(struct infer_answers *a, int n, const float *target, const int *sample)
{
    size_t labels = (size_t)a->n_labels;

    if (n == 0)
        return;
    memcpy(a->target + (size_t)a->n * labels, target, (size_t)n * labels * sizeof *target);
    memcpy(a->sample + a->n, sample, (size_t)n * sizeof *sample);
    for (int i = 0; i < n && a->task == DATA_SINGLE; i++)
        a->truth[a->n + i] = truth_of(target + (size_t)i * labels, a->n_labels);
    a->n += n;
}

float infer_answers_p(const struct infer_answers *a, int row, int label)
{
    float p = a->probability[(size_t)row * (size_t)a->n_labels + (size_t)label];

    return p > 0 ? p : 0;
}

bool infer_answers_told(const struct infer_answers *a, int row, int label)
{
    return infer_answers_p(a, row, label) >= (a->threshold ? a->threshold[label] : INFER_TOLD);
}

int infer_answers_top_k(const struct infer_answers *a)
{
    return a->top_k > 0 ? a->top_k : 5;
}

int infer_answers_top(const struct infer_answers *a, int row)
{
    int best = 0;

    for (int l = 1; l < a->n_labels; l++)
        if (infer_answers_p(a, row, l) > infer_answers_p(a, row, best))
            best = l;
    return best;
}

void infer_answers_judged(const struct infer_answers *a, int row, int *first, int *end)
{
    bool single = a->task == DATA_SINGLE;

    *first = single ? infer_answers_top(a, row) : 0;
    *end = single ? *first + 1 : a->n_labels;
}

bool infer_answers_known(const struct infer_answers *a, int row, int label, bool *yes)
{
    float t = a->target[(size_t)row * (size_t)a->n_labels + (size_t)label];

    *yes = t > 0.5f;
    return a->task == DATA_SINGLE ? a->truth[row] >= 0 : t >= 0;
}

bool infer_answers_right(const struct infer_answers *a, int row)
{
    if (a->task == DATA_SINGLE)
        return infer_answers_top(a, row) == a->truth[row];
    for (int l = 0; l < a->n_labels; l++) {
        bool yes;

        if (infer_answers_known(a, row, l, &yes) && yes != infer_answers_told(a, row, l))
            return false;
    }
    return true;
}
