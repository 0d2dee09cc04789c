/*
 * cfg -- the settings of a training; what can be said about each: train/settings.def
 */
#ifndef TRAIN_CFG_H
#define TRAIN_CFG_H

#include "nn/base/record.h"
#include "train/loss.h"
#include "train/sched.h"

/* What struct data_prep has, or a choice. */
enum train_channels { TRAIN_CHANNELS_AUTO, TRAIN_RGB, TRAIN_GREY };
enum train_resize { TRAIN_RESIZE_AUTO, TRAIN_CROP, TRAIN_SQUASH, TRAIN_LETTERBOX };
extern const char *const train_channels_names[];  /* "auto", then data_color_names */
extern const char *const train_resize_names[]; /* "auto", then data_resize_names */

/* After numbers that are not finite: end, or go on from the last checkpoint at half the rate. */
enum train_calibrate { TRAIN_CALIBRATE_AUTO, TRAIN_CALIBRATE_YES, TRAIN_CALIBRATE_NO };
extern const char *const train_calibrate_names[];
enum train_on_nan { TRAIN_NAN_STOP, TRAIN_NAN_ROLLBACK };
extern const char *const train_on_nan_names[];

/* Statistics of batch-norms: measured and learnt, or those of the weights that it begins with. */
enum train_norms { TRAIN_NORMS_AUTO, TRAIN_NORMS_LEARN, TRAIN_NORMS_KEEP };
extern const char *const train_norms_names[];

/* The last layer begins as what fits the features best; ONLY: and that is the training. */
enum train_probing { TRAIN_PROBE_AUTO, TRAIN_PROBE_YES, TRAIN_PROBE_NO, TRAIN_PROBE_ONLY };
extern const char *const train_probe_names[];

enum { TRAIN_CHANGES = 16 }; /* of the plan, at most */

/* First values: each layer's own rule, or one for all. */
enum train_weights { TRAIN_WEIGHTS_AUTO, TRAIN_WEIGHTS_HE, TRAIN_WEIGHTS_GLOROT,
                     TRAIN_WEIGHTS_LECUN, TRAIN_WEIGHTS_TRUNC, TRAIN_WEIGHTS_ORTHOGONAL,
                     TRAIN_WEIGHTS_DIRAC };
extern const char *const train_weights_names[];

struct train_cfg {
    const char *arch;           /* a name of models.def, or a graph text's path (train/arch.h) */
    int size;                   /* input side in pixels; 0 = chosen from the pictures */
    int channels, resize;       /* enum train_channels, train_resize */
    int filter;                 /* enum data_filter */
    int background[3];          /* RGB */
    int batch;                  /* 0 = chosen */
    int accumulate;             /* batches a step */
    int epochs;                 /* 0 = chosen */
    int steps;                  /* 0 = by epochs; the last epoch may be cut short */
    int shortened[2 * TRAIN_CHANGES]; /* train/plan.h; 0s where there is none */
    double time;                /* seconds for the whole training; 0 = by epochs */
    const char *optim;          /* a name of optims.def */
    double lr;                  /* 0 = chosen */
    double momentum, beta2, decay; /* < 0: the optimiser's own (train/optim/optim.h) */
    double bias_lr;             /* times lr: of biases and norms */
    bool bias_decay;            /* they decay too */
    double layer_lr;            /* times lr, for each layer further down; 0 = chosen */
    int sched;                  /* enum train_sched_kind */
    double lr_end, drop, drop_every; /* train/sched.h */
    int patience;
    double clip;                /* longest gradient; 0: any */
    double ema;                 /* decay of the averaged weights; 0: none */
    int lookahead;              /* updates; 0: none */
    const char *freeze;         /* patterns of parameters (train/freeze.h); "": none */
    int norms;                  /* enum train_norms */
    int lora;                   /* rank (train/lora.h); 0: none */
    double lora_alpha;          /* 0: the rank */
    const char *lora_layers;    /* patterns; "": those of attention */
    int loss;                   /* enum train_loss_kind */
    double focus;               /* < 0: the loss's own */
    int class_weights;          /* enum train_class_weights */
    double smooth;              /* label smoothing */
    double warmup;              /* share of the steps; < 0: the schedule's own */
    double dropout, droppath;
    const char *augment; /* what data_recipe_parse reads */
    int sampling;               /* enum data_sampling (data/sampler.h) */
    int stop_after; /* epochs without a better figure, after which training ends; 0 = never */
    int on_nan;   /* enum train_on_nan */
    int calibrate; /* enum train_calibrate: the best model, at the end */
    const char *init; /* a model file to begin with; NULL: none */
    const char *teacher; /* a model file that is learnt from; NULL: none */
    const char *teacher_sum; /* its checksum (train/teacher.h); NULL: whatever it is */
    double teacher_share, temperature; /* train/loss.h */
    const char *unlabelled; /* a folder of pictures for it alone; NULL: none */
    int weights;      /* enum train_weights */
    int probe;        /* enum train_probing */
    int few;          /* pictures of each label; 0: all, and no head for few (train/few.h) */
    bool zero_gamma;  /* residual branches begin at 0 */
    bool whiten;      /* the first convolution begins with filters from patches */
    double progressive; /* share of the side that pictures begin with; 1 = all */
    int seed;
    int threads; /* 0 = all processors */
    int memory;  /* MB that the program may take; 0: any */
    int slice;   /* pictures that go through the network together; 0: the batch */
    double val;  /* share held out where the data say nothing; 0: none; < 0: chosen */
    bool no_near; /* near-duplicates are not kept on one side */
    const char *isa;
    int precision; /* enum nn_precision */
    const char *variants; /* a table (nn/variant.h); "": by rule */
};
extern const struct field train_cfg_fields[]; /* train/settings.def */

/* Gives members of settings that were written under an earlier name the one that they have. */
void train_cfg_rename(json_t *settings);

/* Whether the settings can all be meant, without any pictures: what this refuses no training
 * starts with. */
bool train_check(const struct train_cfg *cfg, struct err *err);

#endif
