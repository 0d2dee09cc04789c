/*
 * answers -- see answers.h
 */
#include "infer/answers.h"

#include <stdlib.h>

void infer_answers_release(struct infer_answers *a)
{
    free(a->probability);
    free(a->target);
    free(a->sample);
    *a = (struct infer_answers){ 0 };
}

int infer_answers_truth(const struct infer_answers *a, int row)
{
    const float *t = a->target + (size_t)row * (size_t)a->n_labels;

    for (int l = 0; l < a->n_labels; l++)
        if (t[l] > 0.5f)
            return l;
    return -1;
}

float infer_answers_p(const struct infer_answers *a, int row, int label)
{
    float p = a->probability[(size_t)row * (size_t)a->n_labels + (size_t)label];

    return p > 0 ? p : 0;
}

int infer_answers_top(const struct infer_answers *a, int row)
{
    int best = 0;

    for (int l = 1; l < a->n_labels; l++)
        if (infer_answers_p(a, row, l) > infer_answers_p(a, row, best))
            best = l;
    return best;
}
