/*
 * lora -- linear layers that learn by a product of two thin matrices, beside weights that stay
 *
 * y = x W + s (x A) B, s = alpha / rank, of a linear layer of n inputs and m outputs: A [n,rank] is
 * drawn, B [rank,m] begins at 0, so that the network begins as it was; W, and all else but the last
 * layer, stays (Hu et al. 2021, arXiv:2106.09685, sec. 4.1).  With dW the gradient of a W that
 * learns, dA = s dW B' and dB = s A' dW.  What ships is W + s A B: an ordinary model.
 *
 * Which layers: those of attention, told from the graph.  What attends is op attention, or a
 * product of two matrices neither of which is a parameter (as in graphs of others); its layers are
 * the linear ones from which its inputs come, or into which its result goes, by way of operators
 * that have one input each.
 */
#ifndef TRAIN_LORA_H
#define TRAIN_LORA_H

#include "train/net.h"

struct train_lora_options {
    int rank;           /* >= 1 */
    double alpha;       /* > 0 */
    const char *layers; /* patterns of linear layers' names, as of train/freeze.h, instead of those
                           of attention; "" or NULL: these */
};

struct train_lora;

/* Of g, which is looked at during the call only.  ERR_USAGE: no layer is meant. */
struct train_lora *train_lora_new(const struct nn_graph *g, const struct train_lora_options *opt,
                                  struct err *err);
void train_lora_free(struct train_lora *l); /* NULL is fine */

/* What is trained: g and the thin matrices, "LAYER.lora_a" and "LAYER.lora_b", whose values begin
 * by their rules; lent.  Other parameters have g's names and types. */
const struct nn_graph *train_lora_graph(const struct train_lora *l);

/* Patterns (train/freeze.h) by which all but these matrices and the last layer stays; lent. */
const char *train_lora_freeze(const struct train_lora *l);

/* Layers that have such matrices. */
int train_lora_layers(const struct train_lora *l);

/* Whether the patterns leave a layer whose matrices learn.  ERR_USAGE: none, as `asked`, which the
 * user said, means all of them. */
bool train_lora_check(const struct train_lora *l, const char *patterns, const char *asked,
                      struct err *err);

/* Appends which layers learn by matrices, where these patterns hold. */
void train_lora_tell(const struct train_lora *l, const char *patterns, struct str *out);

/* The values that answer, of a net of that graph, into p, which belongs to g: W + s A B. */
void train_lora_values(const struct train_lora *l, const struct train_net *net,
                       struct nn_params *p);

#endif
