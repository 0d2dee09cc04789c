/*
 * cmd_set -- a set and what a network sees in its pictures: what commands of `discern data` that
 * ask a model have in common
 */
#ifndef INFER_CMD_SET_H
#define INFER_CMD_SET_H

#include "infer/cmd.h"
#include "infer/embed/cluster.h"
#include "infer/embed/features.h"

/* The members model; precision; batch, threads, sandbox; source of an options struct T. */
#define INFER_CMD_SET_FIELDS(T)                                                                   \
    FIELD_STRING(T, model, "MODEL", NULL,                                                         \
                 "whose last layer's input tells pictures apart; it need not know these labels"), \
    INFER_CMD_PRECISION_FIELD(T),                                                                 \
    INFER_CMD_PACE_FIELDS(T),                                                                     \
    DATA_SOURCE_FIELDS(T, source)

struct infer_set {
    const char *data, *path;    /* as typed: the set, the model */
    struct infer_model *m;      /* without graph and values */
    struct infer_network *network;
    struct infer_predictor *q;
    struct data_index *x;
    struct data_decode how;
    int threads;
    /* What is seen, of the pictures that can be read. */
    struct infer_points rows;     /* row i is of picture sample[i] */
    float *row;
    int *sample;
    int failed;                 /* pictures that cannot be read; each was told */
};

struct infer_set_options {
    const char *model;
    const struct data_source_options *source;
    int precision, batch, threads;
    bool sandbox;
    bool bare;                  /* a folder without class folders is a set without labels */
};

#define INFER_SET_NO_MODEL \
    "--model MODEL is missing: a model that `discern train` or `discern import` made, whose eyes " \
    "are used"

/* The model, then the set, with the labels that it has itself; nothing is looked at yet.  Release
 * it, whatever became of it. */
bool infer_set_open(struct infer_set *s, const char *data, const struct infer_set_options *o,
                    struct err *err);
/* Looks at every picture.  unit: rows are made of length 1. */
bool infer_set_look(struct infer_set *s, bool unit, struct err *err);
/* Pictures of another index by the same network: [x->n,width], NaN where read[i] is not set. */
bool infer_set_look_at(struct infer_set *s, const struct data_index *x, struct infer_features *f,
                       struct err *err);
void infer_set_release(struct infer_set *s);

/* Files that are written, "FILE" or NULL each, n of them: none may be there without force, be read
 * from, or be another's place. */
bool infer_set_may_write(const struct infer_set *s, const char *const *file, int n, bool force,
                         struct err *err);

/* What a picture is called in a line: its name, and its labels in brackets. */
void infer_set_put_name(const struct data_index *x, int sample, struct str *out);

#endif
