/*
 * onnx -- the two halves of export --to onnx: the bytes, and whether they answer as the model does
 */
#ifndef INFER_EXPORT_ONNX_H
#define INFER_EXPORT_ONNX_H

#include "infer/export/export.h"

/* The file's bytes; free() them.  NULL on failure. */
uint8_t *infer_onnx_bytes(const struct infer_model *m, const struct infer_export_options *o,
                          size_t *size, struct err *err);

/* Computes the bytes (nn/io/onnx_check.h) and holds what they answer against the model's own
 * (proof.h): appends to report, or says in err what is wrong with them. */
bool infer_onnx_verify(const struct infer_model *m, const struct infer_export_options *o,
                       const uint8_t *bytes, size_t size, struct str *report, struct err *err);

#endif
