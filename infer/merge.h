/*
 * merge -- models of one network as one: the average of their weights
 *
 * value = sum of weight_i value_i / sum of weight_i, in double.  Of models that were fine-tuned
 * from the same weights the average is often better than each (Wortsman et al. 2022, "Model
 * soups", arXiv:2203.05482); of others it is noise.
 */
#ifndef INFER_MERGE_H
#define INFER_MERGE_H

#include "infer/model.h"

/* Whether the two can be averaged: one network (what is there for the training alone, as the rate
 * of a dropout, may differ), labels in one order, one preparation.  Values are not looked at.  The
 * error says in what they differ. */
bool infer_merge_match(const struct infer_model *m, const char *path,
                       const struct infer_model *first, const char *first_path, struct err *err);

/* An average in the making; release it. */
struct infer_mix {
    double *sum;                /* [total] of weight times value */
    double weight;              /* of all */
    int64_t total;
};
bool infer_mix_init(struct infer_mix *x, int64_t total, struct err *err);
void infer_mix_release(struct infer_mix *x);    /* a zeroed one is fine */
/* Adds values of a model that matches; weight >= 0.  ERR_INPUT where one is no finite number. */
bool infer_mix_add(struct infer_mix *x, const struct nn_params *p, double weight, struct err *err);
/* p = the average of what was added and of p itself with this weight; together they are > 0. */
void infer_mix_into(const struct infer_mix *x, double weight, struct nn_params *p);

#endif
