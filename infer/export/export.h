/*
 * export -- a model in the forms that other programs read: the table of writers
 *
 * A form is a file infer/export/NAME.c and a line in exports.def; command line, --help and default
 * names follow from them.  Options of all forms are members of one struct, with a line each in
 * export.c; a form names those that it takes, and the command refuses them for the others.  What no
 * form names is for all.
 */
#ifndef INFER_EXPORT_H
#define INFER_EXPORT_H

#include "infer/model.h"
#include "nn/base/str.h"

struct infer_export_options {
    /* what no form names, and the command sees to */
    int to;                     /* position in exports.def */
    const char *out;
    bool force, json;
    /* what forms name */
    bool logits, verify, raw, header;
    bool dynamic_batch, uint8;
    int batch, opset, layout;
    const char *input_name, *output_name;       /* output_name NULL: "probability" or "logits" */
};

/* The graph that is exported, infer_answer_graph's with the calibration unless o->raw.  Output
 * "probability", and before it "logits": what softmax or sigmoid is put on, so calibrated too. */
bool infer_export_graph(const struct infer_model *m, const struct infer_export_options *o,
                        struct nn_graph **g, struct nn_params **p, struct err *err);

enum { INFER_EXPORT_NCHW, INFER_EXPORT_NHWC };          /* layout */
extern const char *const infer_export_layouts[];        /* "nchw" "nhwc" NULL */

/* All of them, for the command line. */
extern const struct field infer_export_fields[];

enum { INFER_EXPORT_TAKES = 16 };

struct infer_exporter {
    const char *name;           /* of --to */
    const char *suffix;         /* "cats" ".onnx": the file where -o does not say */
    const char *takes[INFER_EXPORT_TAKES];      /* options, beside those of every form; NULL ends */

    /* Appends the name of what it writes beside path with these options, or nothing; NULL: never
     * anything. */
    void (*beside)(const struct infer_export_options *o, const char *path, struct str *name);

    /* Writes path, whole or not at all, with the checks that the form has: a file that answers
     * otherwise than the model is not left behind.  Appends to report what the user should know of
     * it beyond its name, in one line. */
    bool (*write)(const struct infer_model *m, const struct infer_export_options *o,
                  const char *path, struct str *report, struct err *err);
};

#define EXPORT(name, doc) extern const struct infer_exporter infer_export_##name;
#include "infer/export/exports.def"
#undef EXPORT

#endif
