/*
 * arch -- what a network is made of: the name of an architecture, or a file with a graph's text
 */
#ifndef TRAIN_ARCH_H
#define TRAIN_ARCH_H

#include "infer/model.h"
#include "nn/model/model.h"

/* What arch is called where nobody has chosen, and what is taken then; beside a model to begin with
 * whose network has no name it stays what it is called: the graph of that model. */
#define TRAIN_ARCH_AUTO "auto"
#define TRAIN_ARCH_USUAL "resnet_small"

/* NULL: arch names a file. */
const struct nn_model *train_arch_named(const char *arch);

/* Whether arch can be meant: a known name, or the look of a path; the error names the nearest. */
bool train_arch_check(const char *arch, struct err *err);

/* The network that m's graph is, by what it learns; NULL: none that has a name. */
const struct nn_model *train_arch_of(const struct infer_model *m);

/* m's own graph, for other labels; prep->size becomes that of its pictures where these are no
 * squares, and otherwise its pictures become of that size. */
struct nn_graph *train_arch_like(const struct infer_model *m, int labels, struct data_prep *prep,
                                 struct err *err);

/* The graph for pictures that prep makes; dropout and droppath as in struct nn_model_args.  A file
 * says itself how large pictures are: prep->size becomes that; its channels must be prep's. */
struct nn_graph *train_arch_graph(const char *arch, int labels, double dropout,
                                  double droppath, struct data_prep *prep, struct err *err);

#endif
