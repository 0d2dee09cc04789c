/*
 * export -- a model in the forms that other programs read: the table of writers
 *
 * A form is a file infer/export/NAME.c and a line in exports.def; command line, --help and default
 * names follow from them.  Options of all forms are members of one struct, with a line each in
 * cmd_export.c; a form names those that it takes, and for the others the command refuses them.
 */
#ifndef INFER_EXPORT_H
#define INFER_EXPORT_H

#include "infer/model.h"
#include "nn/base/str.h"

struct infer_export_options {
    /* what every form takes, and the command sees to */
    int to;
    const char *out;
    bool force;
    /* what a form takes if it says so */
    bool logits, dynamic_batch;
};

enum { INFER_EXPORT_TAKES = 16 };

struct infer_exporter {
    const char *name;           /* of --to */
    const char *suffix;         /* "cats" ".onnx": the file where -o does not say */
    const char *takes[INFER_EXPORT_TAKES];      /* options, beside those of every form; NULL ends */

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
