/*
 * arch -- what a network is made of: the name of an architecture, or a file with a graph's text
 */
#ifndef TRAIN_ARCH_H
#define TRAIN_ARCH_H

#include "data/prep.h"
#include "nn/model/model.h"

/* What arch is called where nobody has chosen, and what is taken then. */
#define TRAIN_ARCH_AUTO "auto"
#define TRAIN_ARCH_USUAL "resnet_small"

/* NULL: arch names a file. */
const struct nn_model *train_arch_named(const char *arch);

/* Whether arch can be meant: a known name, or the look of a path; the error names the nearest. */
bool train_arch_check(const char *arch, struct err *err);

/* The graph for pictures that prep makes; dropout and droppath as in struct nn_model_args.  A file
 * says itself how large pictures are: prep->size becomes that; its channels must be prep's. */
struct nn_graph *train_arch_graph(const char *arch, int labels, double dropout,
                                  double droppath, struct data_prep *prep, struct err *err);

#endif
