/*
 * fit -- a calibration fitted to answers whose truth is known
 *
 * Pure functions of validation answers with their logits; the same answers, the same bits.
 * Thread-safe.
 */
#ifndef INFER_FIT_H
#define INFER_FIT_H

#include "infer/answers.h"
#include "infer/calibration.h"

enum infer_fit_method { INFER_FIT_TEMPERATURE, INFER_FIT_VECTOR };
extern const char *const infer_fit_methods[];   /* "temperature", "vector", NULL */

#define INFER_FIT_HI 0.95
#define INFER_FIT_MED 0.7
#define INFER_FIT_FALSE_ALARMS 0.05

struct infer_fit_options {
    int method;                 /* enum infer_fit_method */
    int goal;                   /* enum infer_goal, of the thresholds */
    double goal_at;             /* PRECISION, RECALL: how much; in (0, 1) */
    double stated[2];           /* share of right answers that med, hi promise; 0: no bands */
    int unknown;                /* enum infer_unknown */
    double false_alarms;        /* share of known pictures that may be called so */
};

/* Temperature, thresholds of several labels for F1, bands and energy by the numbers above. */
struct infer_fit_options infer_fit_defaults(enum data_task task);

/* What is no part of the calibration but should be told. */
struct infer_fit_notes {
    int few;                    /* labels with too few pictures, which share one threshold */
    int never;                  /* labels that cannot reach the goal and are never told */
};

enum {
    INFER_FIT_LEAST = 20,       /* pictures that anything can be fitted to */
    INFER_FIT_LABEL = 25        /* with and without a label, for a threshold of its own */
};

/*
 * Temperature (Guo et al. 2017) or scale and shift of each label by least log loss, bands and
 * unknown by their promises, thresholds for the goal.  The result's lists are in mem.  ERR_INPUT:
 * fewer than INFER_FIT_LEAST pictures are known, or no logits were kept.
 */
bool infer_fit(const struct infer_answers *a, const struct infer_fit_options *o,
               struct arena *mem, struct infer_calibration *c, struct infer_fit_notes *notes,
               struct err *err);

/* c->unknown_foreign and _caught: how many of these pictures, none of which the model knows, it
 * calls unknown. */
void infer_fit_foreign(const struct infer_answers *a, struct infer_calibration *c);

/* out[a->n * a->n_labels] = probabilities of a's logits under c; NULL: the network's own. */
void infer_fit_apply(const struct infer_answers *a, const struct infer_calibration *c, float *out);

/* ---- parts, for tests ------------------------------------------------------------------------ */

/*
 * The temperature of the least log loss, from 1/20 to 20.  As if one picture more had been seen
 * that says nothing (Platt 1999): where every answer is right there would be no best one.
 */
double infer_fit_temperature(const struct infer_answers *a);

/* Scale and shift for each label by the same rule, drawn to 1/temperature and 0 as by one picture
 * of each label. */
bool infer_fit_vector(const struct infer_answers *a, double temperature, double *scale,
                      double *shift, struct err *err);

/* From these probabilities; a's own are not looked at. */
bool infer_fit_thresholds(const struct infer_answers *a, const float *probability, int goal,
                          double at, double *threshold, struct infer_fit_notes *notes,
                          struct err *err);

/* c->band and its figures.  The lowest confidence above which the share of right answers is at
 * least the stated one, by an exact binomial test at the level of 5 %. */
bool infer_fit_bands(const struct infer_answers *a, const float *probability,
                     const double stated[2], struct infer_calibration *c, struct err *err);

#endif
