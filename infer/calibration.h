/*
 * calibration -- what was fitted on validation data: how sure is sure, what is told and what not
 *
 * It lives in a model file as `discern.calibration` (docs/format.md).  Temperature, or scale and
 * shift, are applied by infer_answer_graph and so are in every answer; the rest is read by who
 * tells answers, through the functions here, which are its one home.
 *
 * Guo et al. 2017, "On calibration of modern neural networks"; Liu et al. 2020, "Energy-based
 * out-of-distribution detection"; Wang et al. 2021, "Can multi-label classification networks know
 * what they don't know?".
 */
#ifndef INFER_CALIBRATION_H
#define INFER_CALIBRATION_H

#include "data/index.h"
#include "nn/base/arena.h"
#include "nn/base/field.h"
#include "nn/base/str.h"

enum infer_unknown { INFER_UNKNOWN_NONE, INFER_UNKNOWN_CONFIDENCE, INFER_UNKNOWN_ENERGY };
enum infer_goal { INFER_GOAL_NONE, INFER_GOAL_F1, INFER_GOAL_PRECISION, INFER_GOAL_RECALL };
enum infer_band { INFER_BAND_NONE, INFER_BAND_LOW, INFER_BAND_MED, INFER_BAND_HI };

extern const char *const infer_unknown_names[], *const infer_goal_names[];
extern const char *const infer_band_names[];    /* "", "lo", "med", "hi" */

/* Shares are from 0 to 1; figures are of the pictures that it was fitted on. */
struct infer_calibration {
    double temperature;         /* logits / temperature before softmax or sigmoid; > 0 */
    const double *scale, *shift;        /* [n_labels]: logits * scale + shift instead; or NULL */
    const double *threshold;    /* [n_labels] probability from which a label is told; or NULL */
    int goal;                   /* enum infer_goal: what the thresholds were chosen for, */
    double goal_at;             /* and the precision or recall that was wished */
    double band[2];             /* confidence from which an answer is med, hi; 0: there are no
                                   bands, 2: no answer is so sure */
    double band_stated[2];      /* share of right answers that med, hi promise at least */
    double band_right[3];       /* the share that lo, med, hi had */
    int band_pictures[3];
    int unknown;                /* enum infer_unknown: how a picture unlike all is told, */
    double unknown_at;          /* below which confidence or energy score, */
    double unknown_false;       /* share of the pictures so called */
    int unknown_foreign;        /* foreign pictures tried, */
    double unknown_caught;      /* share of them so called */
    int pictures;               /* that it was fitted on */
    double log_loss[2], ece[2]; /* before and after */
};

/* A calibration that changes nothing. */
struct infer_calibration infer_calibration_none(void);

/* A copy in mem; NULL when memory is out. */
struct infer_calibration *infer_calibration_copy(const struct infer_calibration *c, int n_labels,
                                                 struct arena *mem);

/* As JSON: free() it; NULL when memory is out.  And back, strictly: every value is checked, what is
 * not known is refused; the result is in mem. */
char *infer_calibration_text(const struct infer_calibration *c, int n_labels);
struct infer_calibration *infer_calibration_parse(const char *text, int n_labels,
                                                  struct arena *mem, struct err *err);

/* ---- for who tells answers; c NULL: a model without ----------------------------------------- */

/* The probability from which a label is told: as fitted, else INFER_TOLD of several labels, 0
 * of one. */
float infer_calibration_threshold(const struct infer_calibration *c, enum data_task task,
                                  int label);

/* Whether there are bands; and how much the confidence, the probability of the likeliest label, is
 * worth. */
bool infer_calibration_has_bands(const struct infer_calibration *c);
enum infer_band infer_calibration_band(const struct infer_calibration *c, float confidence);

double infer_sigmoid(double u);         /* 1 / (1 + exp(-u)), and its integral log(1 + exp(u)): */
double infer_softplus(double u);        /* neither overflows */

/* How well logits[n_labels], as the network says them, fit what it learnt: the negative energy,
 * log sum exp of one label, of several the sum of each one's log(1 + exp). */
double infer_energy(enum data_task task, int n_labels, const float *logits);

/* Whether it can be told that a picture is like none that the model learnt, and in words by what
 * measure: "energy below 3: 5.0% of the pictures, 90.0% of 80 foreign ones". */
bool infer_calibration_tells_unknown(const struct infer_calibration *c);
void infer_calibration_add_unknown(struct str *out, const struct infer_calibration *c);

/* Whether the picture is like none that the model learnt.  logits NULL: there are none, as of
 * several networks' mean; then energy tells nothing. */
bool infer_calibration_unknown(const struct infer_calibration *c, enum data_task task,
                               int n_labels, const float *probability, const float *logits);

#endif
