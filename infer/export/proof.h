/*
 * proof -- pictures, and what a model answers to them: what an exported file is held against
 *
 * The pictures are drawn by numbers: the first of squares in all colours, so that every part of a
 * network sees edges and plains, the second of pixels without any order.  A network whose run takes
 * long gets the first alone: those who check are slow.
 */
#ifndef INFER_PROOF_H
#define INFER_PROOF_H

#include "infer/model.h"

struct infer_proof {
    int n, n_labels;            /* pictures: 2, or 1 */
    size_t count;               /* numbers of a picture: height * width * channels */
    uint8_t *pixel;             /* [n,H,W,C] */
    float *image;               /* the same, normalised */
    float *logits, *probability;        /* [n,n_labels] */
};

/* g and p: what is exported (infer_export_graph).  Release it, also after a failure. */
bool infer_proof_init(struct infer_proof *proof, const struct infer_model *m,
                      const struct nn_graph *g, struct nn_params *p, struct err *err);
void infer_proof_release(struct infer_proof *proof);

/* How far answers may be from the model's own: a probability, and a logit in parts of the largest
 * logit of its picture, or of 1. */
#define INFER_PROOF_PROBABILITY 1e-4
#define INFER_PROOF_LOGIT 1e-3

/* Holds what the exported file says against the model's own; NULL: it does not tell.  Appends the
 * largest difference to report; ERR_UNSUPPORTED where it is too large. */
bool infer_proof_hold(const struct infer_proof *proof, const float *logits,
                      const float *probability, struct str *report, struct err *err);

#endif
