/*
 * teacher -- a model that says what a network in training shall answer to the pictures of a batch
 *
 * It sees the very pixels that the student sees, cut, turned and mixed alike, so that what is
 * learnt is its function and not a table of answers (Beyer et al. 2021, arXiv:2106.05237), and says
 * softmax(z / T) of its logits z, calibrated where the model is (Hinton et al. 2015,
 * arXiv:1503.02531): with a temperature T of 1 what `discern predict` says, by the same engine.
 *
 * What it wants to see is made of the student's pictures by its own network: undone the student's
 * mean and deviation, done its own, and resized linearly.  That adds nothing to the pixels and, up
 * to half the side, takes none away; where more would have to go, it is refused.
 */
#ifndef TRAIN_TEACHER_H
#define TRAIN_TEACHER_H

#include "data/index.h"
#include "data/prep.h"
#include "nn/plan.h"

struct train_teacher;

struct train_teacher_options {
    const char *path;               /* a model file */
    const struct data_index *data;  /* the student's task and labels */
    const struct data_prep *prep;   /* of its pictures */
    double temperature;             /* > 0 */
    int batch, threads;             /* >= 1 */
    enum nn_precision precision;    /* of pictures within it */
    const char *isa;                /* as in nn_kernels_get */
};

/* ERR_USAGE, ERR_INPUT: it cannot teach such a student; it must know all of its labels, and what
 * it says of others is left out.  Of opt, data is lent. */
struct train_teacher *train_teacher_open(const struct train_teacher_options *opt, struct err *err);
void train_teacher_free(struct train_teacher *t); /* NULL is fine */

/* From here on pictures are of height x width. */
bool train_teacher_see(struct train_teacher *t, int height, int width, struct err *err);

/* What it says of n <= batch pictures as the student has them: said[n,labels], of the student's
 * labels in their order; one label a picture: rows add up to 1, or are 0s where it is sure of
 * others.  One thread at a time. */
void train_teacher_say(struct train_teacher *t, int n, const float *image, float *said);

int64_t train_teacher_bytes(const struct train_teacher *t);

/* Appends what it is, in words: "resnet56, of 10 labels, sees 32x32, made of 64x64". */
void train_teacher_tell(const struct train_teacher *t, struct str *out);

enum { TRAIN_TEACHER_SUM = 17 };
/* The checksum of a model file, in words: XXH3-64 of its bytes. */
bool train_teacher_sum(const char *path, char out[TRAIN_TEACHER_SUM], struct err *err);

#endif
