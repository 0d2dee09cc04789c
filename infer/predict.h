/*
 * predict -- pictures to probabilities
 *
 * The one road for validation while training, `discern eval` and `discern predict`: the graph is
 * put in its inference form (nn_pass_infer), softmax or sigmoid is added, and it runs with mode
 * INFER, where a picture's bits do not depend on its neighbours, the batch size or the threads.
 */
#ifndef INFER_PREDICT_H
#define INFER_PREDICT_H

#include "infer/network.h"

struct infer_predictor;

/* In fp32; the rest as struct infer_network_options has it.  g, p and calibration are read during
 * the call only.  batch, threads >= 1. */
struct infer_predictor *infer_predictor_new(const struct nn_graph *g, const struct nn_params *p,
                                            enum data_task task,
                                            const struct infer_calibration *calibration, int batch,
                                            int threads, const char *isa, struct err *err);
/* The same of a network, which is lent and must outlive it. */
struct infer_predictor *infer_predictor_of(const struct infer_network *n, int batch, int threads,
                                           struct err *err);
void infer_predictor_free(struct infer_predictor *q);

/* As if made with this batch.  On failure it is as before. */
bool infer_predictor_resize(struct infer_predictor *q, int batch, struct err *err);

/* The plan that a slice of a batch goes through; lent until q changes. */
const struct nn_plan *infer_predictor_plan(const struct infer_predictor *q);

int infer_predictor_batch(const struct infer_predictor *q);
int infer_predictor_labels(const struct infer_predictor *q);
/* Numbers of a picture's features; 0: the network was made without. */
int infer_predictor_width(const struct infer_predictor *q);
void infer_predictor_size(const struct infer_predictor *q, int size[2]);    /* height, width */

/* n <= batch pictures [n,H,W,C], normalised -> probability[n,labels].  Cannot fail.  One thread at
 * a time.  Pictures may be read where they lie. */
void infer_predict(struct infer_predictor *q, int n, const float *image, float *probability);

/* The network's own logits[n,labels], without calibration, of the last infer_predict, of n. */
void infer_predictor_logits(const struct infer_predictor *q, int n, float *logits);

/* The features[n,width] of the last infer_predict, of n. */
void infer_predictor_features(const struct infer_predictor *q, int n, float *features);

/* Whether all that the last infer_predict said of its i-th picture is finite: probabilities, logits
 * and features.  Finite weights can overflow, too. */
bool infer_predictor_finite(const struct infer_predictor *q, int i);
/* Returns false with what is to be said where it is not: ERR_INPUT, naming both. */
bool infer_predict_fault(const char *model, const char *picture, struct err *err);

/* rank[0..top) = labels by falling probability, ties by position.  top <= n_labels. */
void infer_rank(const float *probability, int n_labels, int top, int *rank);

#endif
