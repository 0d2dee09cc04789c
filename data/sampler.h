/*
 * sampler -- which picture comes when in an epoch
 *
 * As many draws as there are pictures, each a pure function of (index, sampling, seed, epoch,
 * place).  Balanced, labels come equally often and pictures more than once.  One label a picture:
 * for each place a label, all equally likely, and one of its pictures, none a second time before
 * the others of the label have had their turn.  Several labels: pictures by weight, that of a
 * picture the largest of 1 / (pictures with the label) over its labels.
 */
#ifndef DATA_SAMPLER_H
#define DATA_SAMPLER_H

#include "data/index.h"

enum data_sampling { DATA_SAMPLING_NONE, DATA_SAMPLING_BALANCED };
extern const char *const data_sampling_names[];     /* "none" "balanced" NULL */

struct data_sampler;

/* x is lent.  Balanced: a picture of no known label is never drawn (unless all are such: then it is
 * as none); to have none of several labels is a label too. */
struct data_sampler *data_sampler_new(const struct data_index *x, enum data_sampling sampling,
                                      uint64_t seed, struct err *err);
void data_sampler_free(struct data_sampler *s);         /* NULL is fine */

/* order[x->n] = the samples of the epoch; none: each once.  One thread. */
void data_sampler_epoch(struct data_sampler *s, uint64_t epoch, uint32_t *order);

#endif
