/*
 * transfer -- what a training does otherwise that begins with weights of a network that can see
 *
 * docs/train.md has the measurements that the rules are from.
 */
#ifndef TRAIN_TRANSFER_H
#define TRAIN_TRANSFER_H

#include "infer/model.h"
#include "train/choose.h"

/* What is looked at. */
struct train_transfer_facts {
    int n, labels;      /* pictures to learn from; labels that they have */
    int known;          /* of these labels, those that the network knows by name */
    int groups;         /* of layers that follow one another (train/depth.h) */
    bool norms;         /* it has batch-norms */
    bool probe;         /* a linear classifier fits into its last layer */
};
bool train_transfer_look(const struct infer_model *from, const struct data_index *train,
                         struct train_transfer_facts *f, struct err *err);

/*
 * Decides probe, norms, layer_lr and augment where cfg leaves them to us, and how train_choose is
 * to choose rate and length; says so with its reasons.  f NULL: nothing is begun with.
 */
void train_transfer_choose(const struct train_transfer_facts *f, struct train_cfg *cfg,
                           struct train_usual *usual, train_say_fn *say, void *ctx);

#endif
