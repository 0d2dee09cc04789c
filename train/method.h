/*
 * method -- what one step of a training is, so that it can be another one
 *
 * The trainer knows batches, epochs, rates, files and when to stop; a method knows what a batch
 * teaches: one network and its loss (supervised.c), or two views, a teacher and a student.  One
 * thread, over the pool it is given.
 */
#ifndef TRAIN_METHOD_H
#define TRAIN_METHOD_H

#include "data/loader.h"
#include "nn/params.h"
#include "train/block.h"
#include "train/choose.h"
#include "train/net.h"
#include "train/teacher.h"

struct train_method_options {
    const struct train_cfg *cfg;   /* decided; read while the method lives */
    const struct nn_graph *graph;  /* the model's, lent; input "image", output "logits" */
    const struct nn_params *start; /* graph's first values; NULL: drawn from cfg's seed */
    const struct data_index *data; /* learnt from */
    struct train_teacher *teacher; /* lent; NULL: labels alone are learnt */
    const struct nn_kernels *kernels;
    struct pool *pool;
    const struct nn_variants *variants; /* of cfg->variants, lent; NULL: by rule */
    int64_t limit;                 /* bytes that activations should take; 0: any */
};

struct train_method {
    const char *name;
    int views; /* of each picture that a batch holds */

    /* Looks at the first values with a batch of two pictures or more, which come to no harm, and
     * says what no healthy network shows.  ERR_DIVERGED: a number that is not finite. */
    bool (*check)(const struct train_method_options *opt, const struct data_batch *b,
                  train_say_fn *say, void *ctx, struct err *err);

    /* That open will take, but for a percent. */
    bool (*bytes)(const struct train_method_options *opt, struct train_net_bytes *out,
                  struct err *err);

    /* Whether slices of a batch (cfg->slice) teach what the batch does. */
    bool (*slices)(const struct train_method_options *opt, bool *slices, struct err *err);

    /* Appends the variants that are the fastest for batches of cfg's size (nn/tune.h). */
    bool (*tune)(const struct train_method_options *opt, const struct nn_tune_options *how,
                 struct str *table, struct err *err);

    /* At its first values, and all memory that batches of cfg's size need. */
    void *(*open)(const struct train_method_options *opt, struct err *err);
    void (*close)(void *self); /* NULL is fine */

    /* From here on pictures are of height x width. */
    bool (*resize)(void *self, int height, int width, struct err *err);

    /* Adds what a batch of two pictures or more teaches to the step numbered `step`, which random
     * numbers are addressed by.  ERR_DIVERGED: a number that is not finite; no weight has
     * changed. */
    bool (*learn)(void *self, const struct data_batch *b, uint64_t step, struct err *err);
    /* Moves the weights by what was learnt since the last call.  ERR_DIVERGED as above. */
    bool (*update)(void *self, double rate, struct train_outcome *out, struct err *err);

    /* The values that answer, are judged and are shipped, into the parameters of options.graph. */
    void (*values)(const void *self, struct nn_params *p);
    /* Every array of its state, to be saved or overwritten: lists them in block[most], returns how
     * many.  After overwriting it goes on as if it had made the steps itself. */
    int (*blocks)(void *self, struct train_block *block, int most);
    /* The like in single numbers: fields of what state() points to. */
    const struct field *state_fields;
    void *(*state)(void *self);

    int64_t (*trained)(const void *self); /* numbers that are trained */
    int64_t (*flops)(const void *self);   /* of a forward pass of one picture */
    const struct nn_plan *(*plan)(const void *self); /* of a step, lent */
};

extern const struct train_method train_method_supervised;

#endif
