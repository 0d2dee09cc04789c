/*
 * onnx_model -- a model of ours from an ONNX file
 *
 * The network is the file's (nn/io/onnx_in.h).  What stands beside it in other programs' settings,
 * the names of labels and how pictures are prepared, becomes part of the model: from the caller,
 * from the file's metadata (ours, Ultralytics'), or guessed, and then said.
 */
#ifndef INFER_ONNX_MODEL_H
#define INFER_ONNX_MODEL_H

#include "infer/foreign/normalize.h"
#include "infer/model.h"
#include "nn/base/str.h"

enum infer_layout { INFER_LAYOUT_AUTO, INFER_LAYOUT_NCHW, INFER_LAYOUT_NHWC };
extern const char *const infer_layout_names[];  /* "auto" "nchw" "nhwc" NULL */

struct infer_onnx_options {
    const char *labels;         /* a file of names; NULL: as the metadata say */
    const char *output;         /* which of several; NULL: the first */
    int size;                   /* of the side of a picture; 0: as the file says */
    int normalize;              /* enum infer_normalize */
    int layout;                 /* enum infer_layout */
    double crop;                /* share of the picture that is seen; 0: as the metadata say */
    bool external;              /* weights may be in other files below the folder */
};

/* How many bytes of its path, or its name in a repository, are the folder that its settings lie in
 * (foreign_config.h): what is above one called onnx, as on Hugging Face's hub, else its own.  0:
 * the folder that all begins in. */
size_t infer_onnx_above(const char *path);

/* Preparation and names that neither options nor metadata say are as settings there or beside the
 * file have them.  What was found, and where from, are lines in `told`.  NULL on failure. */
struct infer_model *infer_onnx_model(const char *path, const struct infer_onnx_options *o,
                                     struct str *told, struct err *err);

#endif
