/*
 * mixing -- what the augmentations of batches share
 */
#ifndef DATA_MIXING_H
#define DATA_MIXING_H

#include "data/aug/aug.h"

/* A draw of Beta(alpha, alpha), alpha in (0,1]; uses draws 0 to 49. */
double data_mixing_beta(const struct data_aug_address *a, double alpha);

/* Pictures i and n-1-i are partners: a batch is in random order already.  The targets of both
 * become share of their own and the rest of their partner's; unknown with either is unknown. */
void data_mixing_targets(struct data_mixing *m, double share);

#endif
