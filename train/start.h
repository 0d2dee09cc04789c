/*
 * start -- the values that a training begins with
 *
 * Each parameter by its rule (nn/params.h); then, where a model is given to begin with, what of it
 * has the same name and shape; then what opens a residual network as the identity.
 */
#ifndef TRAIN_START_H
#define TRAIN_START_H

#include "infer/model.h"
#include "train/choose.h"

/* p by cfg's rule and seed. */
void train_start_draw(struct nn_params *p, const struct nn_graph *g, const struct train_cfg *cfg);

/*
 * Values of `from` into p, which belongs to g and answers label[n_labels]: parameters of the same
 * name and shape, and of the last layer (a linear one under "logits") the numbers of labels that
 * have the same name.  What `from` lacks stays as it is.  Says one line about what was taken and
 * what was not; `path` is where `from` lies.  ERR_INPUT when no weights fit, only some biases at
 * most; p may then have changed.
 */
bool train_start_take(struct nn_params *p, const struct nn_graph *g, int n_labels,
                      const char *const *label, const struct infer_model *from, const char *path,
                      train_say_fn *say, void *ctx, struct err *err);

/*
 * What a network that begins as `from` has learnt to see: into cfg, where nobody said it, the size
 * of the pictures, their colour and how they are fitted.
 */
void train_start_cfg(const struct infer_model *from, struct train_cfg *cfg);
/* And into prep: mean, deviation, and how much of the picture.  False, and nothing: it saw other
 * channels. */
bool train_start_prep(const struct infer_model *from, struct data_prep *prep);

/*
 * The factors of every norm or layer scale that ends a residual branch become 0, so that the branch
 * says nothing at first (Goyal et al., arXiv:1706.02677, sec. 5.1).  Of the two inputs of an
 * addition that is the deeper one, droppath left aside, where it is a norm or a scale that nobody
 * else reads.  Says how many.
 */
bool train_start_zero_gamma(struct nn_params *p, const struct nn_graph *g, train_say_fn *say,
                            void *ctx, struct err *err);

/* The filters of the first convolution become those that whiten image[n,H,W,C] (train/whiten.h).
 * Says which. */
bool train_start_whiten(struct nn_params *p, const struct nn_graph *g, int n, const float *image,
                        train_say_fn *say, void *ctx, struct err *err);

#endif
