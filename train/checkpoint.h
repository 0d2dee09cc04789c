/*
 * checkpoint -- what a training writes so that nothing is lost: DIR/last.safetensors
 *
 * A model file (docs/format.md) that also holds the training's arrays and one text: its settings,
 * its progress, its method's own numbers.  It is replaced whole or not at all; the one before stays
 * as DIR/previous.safetensors, where the file system has hard links.
 */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "infer/model.h"
#include "train/block.h"
#include "train/cfg.h"
#include "train/choose.h"

#define TRAIN_BEST "best.safetensors"
#define TRAIN_LAST "last.safetensors"
#define TRAIN_PREVIOUS "previous.safetensors"

struct train_state {
    struct train_cfg *cfg;
    const struct nn_graph *graph; /* what is trained */
    struct train_progress *progress;
    const struct field *method_fields; /* NULL: none */
    void *method_state;
    int n_blocks;
    const struct train_block *block;
};

/* m: the model that answers by now, with its provenance. */
bool train_checkpoint_write(const char *dir, const struct infer_model *m,
                            const struct train_state *s, struct err *err);

/* The model of the newest checkpoint of dir whose model is whole; NULL: there is none. */
struct infer_model *train_checkpoint_model(const char *dir);

enum train_found { TRAIN_FOUND_NOTHING, TRAIN_FOUND, TRAIN_FOUND_BAD };

/*
 * Overwrites progress, the method's state, all blocks, and of cfg `shortened`, from the newest
 * checkpoint of dir that is whole.  Where that is not the last one, say is told, and it takes the
 * last one's place.  NOTHING: there is none.  BAD: there are, and none is whole (the error names
 * the last one and its cause), or they belong to a training with other settings; what s points to
 * may then be anything.  *model: FOUND, the one that the file holds; free it.
 */
enum train_found train_checkpoint_read(const char *dir, const struct train_state *s,
                                       struct infer_model **model, train_say_fn *say, void *ctx,
                                       struct err *err);

/* Removes the model files of an earlier training: a new one in dir must not go on from its
 * checkpoints, nor report on its best model before it has one. */
bool train_checkpoint_forget(const char *dir, struct err *err);

/* Whether such a training writes or removes that file, an absolute path without links. */
bool train_checkpoint_writes(const char *dir, const char *path);

#endif
