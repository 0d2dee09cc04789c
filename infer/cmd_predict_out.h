/*
 * cmd_predict_out -- answers as text, JSON, JSON lines or a table (docs/predict.md)
 *
 * Lines go out as they come; JSON is held until the end, so that what stands on stdout is whole or
 * nothing.
 */
#ifndef INFER_CMD_PREDICT_OUT_H
#define INFER_CMD_PREDICT_OUT_H

#include "infer/discern.h"
#include "nn/base/err.h"
#include "nn/base/str.h"

enum infer_form { INFER_TEXT, INFER_JSON, INFER_NDJSON, INFER_CSV };

struct infer_out {
    enum infer_form form;
    const discern_model *model;
    const char *name;           /* of the model, as it was asked for */
    double threshold;           /* of every label; NAN: each its own */
    bool unknown;               /* a picture like nothing that was learnt has no labels */
    int pictures, failed;       /* told */
    struct str text;            /* JSON: the results */
};

/* Before the first and after the last of them. */
bool infer_out_begin(struct infer_out *o, struct err *err);
bool infer_out_end(struct infer_out *o, struct err *err);
void infer_out_release(struct infer_out *o);    /* a zeroed one is fine */

/* One picture's answer; file is what it is called.  What cannot be read is said on stderr too. */
bool infer_out_answer(struct infer_out *o, const char *file, const discern_answer *a,
                      struct err *err);
/* What gave no picture at all, as an empty folder. */
bool infer_out_missed(struct infer_out *o, const char *file, const struct err *why,
                      struct err *err);

#endif
