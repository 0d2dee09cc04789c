/*
 * eval -- what `discern eval` has found out, and how it is told
 */
#ifndef INFER_EVAL_H
#define INFER_EVAL_H

#include "infer/calibration.h"
#include "infer/committee.h"
#include "infer/eval/compare.h"
#include "infer/eval/curve.h"
#include "infer/eval/interval.h"
#include "infer/model.h"
#include "nn/base/str.h"

enum infer_eval_part {
    INFER_PART_AUTO, INFER_PART_TEST, INFER_PART_VAL, INFER_PART_TRAIN, INFER_PART_ALL
};
extern const char *const infer_eval_parts[];    /* "auto" ... NULL */

/* A model, or several that answer as one, and what they said. */
struct infer_eval_side {
    const char *name;           /* as it was typed */
    int n;                      /* models, and their files */
    struct infer_model *model[INFER_COMMITTEE_MOST];    /* without graph and weights: */
    struct infer_network *network[INFER_COMMITTEE_MOST];
    char *path[INFER_COMMITTEE_MOST];
    struct infer_answers answers;       /* labels in the order of the first side's */
    struct infer_figures f;
    struct infer_range range[INFER_FIGURES];
    double chance;              /* ECE that chance would give it: infer_reliability_by_chance */
    bool calibrated;            /* one model with one view, and calibrated; then: */
    struct infer_figures before;        /* what they would be without, */
    struct infer_bin bin_before[INFER_BINS];
    struct infer_eval_band {    /* [enum infer_band] SINGLE: answers of each band, */
        int n, right;
    } band[INFER_BAND_HI + 1];
    int unknown;                /* and pictures called unknown */
    float *threshold;           /* [n_labels] of MULTI; NULL: 0.5 each */
    int learnt;                 /* pictures of the part that were learnt from; -1: unknown */
};

struct infer_eval {
    const char *data, *part;
    struct infer_eval_side side[2];
    int sides;
    enum data_task task;
    int n_labels;
    const char *const *label;   /* lent by the first model */
    const struct data_index *index;     /* the pictures; lent */
    bool grow;                  /* a split file was given: what it does not name was drawn too */
    bool declared;              /* the part is as the data or a split file say */
    int failed;
    struct str note;            /* a line to tell now, or nothing */
    struct str failures;        /* --json: elements of an array */
    bool json;
    int n_confused;
    struct infer_confused *confused;    /* the pairs of the first side to tell; owned */
    int n_mistakes;
    struct infer_mistake *mistake;      /* the same */
    int64_t mistakes;           /* of all */
    struct infer_compared compared;     /* two sides: of the second less the first */
};

/* The pictures of x that `part` asks for, where it can be told by what the first model learnt from:
 * x itself, or a new index.  Sets part and declared, and note where pictures that were learnt from
 * are left out.  NULL on failure. */
struct data_index *infer_eval_choose(struct infer_eval *e, struct data_index *x,
                                     enum infer_eval_part part, int threads,
                                     const struct data_decode *decode, struct err *err);

/* Figures on pictures that were learnt from flatter, so that is never silent: looked up in the
 * sample that each model holds, and told with what helps.  Sets the side's learnt, and note. */
bool infer_eval_note_learnt(struct infer_eval *e, struct infer_eval_side *side,
                            struct data_index *part, enum infer_eval_part asked, int threads,
                            struct err *err);

/* "the second model has learnt from about 5 of them": of a side of which that is known. */
void infer_eval_add_learnt(struct str *out, const struct infer_eval *e, int side);

/* Append the report. */
void infer_eval_text(const struct infer_eval *e, struct str *out);
void infer_eval_json(const struct infer_eval *e, struct str *out);

/* Writes the report as a page, or each picture's answer as a row of a table (docs/eval.md);
 * atomically. */
bool infer_eval_page(const struct infer_eval *e, const struct data_decode *decode, int threads,
                     const char *path, struct err *err);
bool infer_eval_csv(const struct infer_eval *e, const char *path, struct err *err);

#endif
