/*
 * eval -- what `discern eval` has found out, and how it is told
 */
#ifndef INFER_EVAL_H
#define INFER_EVAL_H

#include "infer/metric.h"
#include "infer/model.h"
#include "nn/base/str.h"

enum infer_eval_part {
    INFER_PART_AUTO, INFER_PART_TEST, INFER_PART_VAL, INFER_PART_TRAIN, INFER_PART_ALL
};
extern const char *const infer_eval_parts[];    /* "auto" ... NULL */

struct infer_eval {
    const char *model, *data, *part;
    const struct infer_model *m;
    bool grow;                  /* a split file was given: what it does not name was drawn too */
    bool declared;              /* the part is as the data or a split file say */
    int learnt;                 /* pictures of the part that were learnt from; -1: unknown */
    int failed;
    struct str note;            /* a line to tell now, or nothing */
    struct str failures;        /* --json: elements of an array */
    bool json;
    struct infer_figures f;
    int n_confused;
    struct infer_confused *confused;    /* the pairs to tell; owned */
};

/* The pictures of x that `part` asks for: x itself, or a new index.  Sets part and declared,
 * and note where pictures that were learnt from are left out.  NULL on failure. */
struct data_index *infer_eval_choose(struct infer_eval *r, struct data_index *x,
                                     enum infer_eval_part part, int threads,
                                     const struct data_decode *decode, struct err *err);

/* Figures on pictures that were learnt from flatter, so that is never silent: looked up in the
 * sample that the model holds, and told with what helps.  Sets learnt
 * and note. */
bool infer_eval_note_learnt(struct infer_eval *r, struct data_index *part,
                            enum infer_eval_part asked, int threads, struct err *err);

/* Append the report. */
void infer_eval_text(const struct infer_eval *r, struct str *out);
void infer_eval_json(const struct infer_eval *r, struct str *out);

#endif
