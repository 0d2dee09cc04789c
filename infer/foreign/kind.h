/*
 * kind -- files of others, known by their names and first bytes
 *
 * Nothing here reads them: it is for saying what they are, to who takes them for models.
 */
#ifndef INFER_KIND_H
#define INFER_KIND_H

#include "nn/base/err.h"

/* Whether path is an ONNX file: by its name, or since it begins as they do. */
bool infer_onnx_meant(const char *path);

/* Whether path is called as files are that nothing here reads, but other programs convert: those of
 * PyTorch, Keras, TensorFlow Lite. */
bool infer_other_meant(const char *path);

/* For who could read weights: ERR_UNSUPPORTED, and what converts it, where path is such a file;
 * else true. */
bool infer_other_refuse(const char *path, struct err *err);

/* For who wanted a model of ours, and found that path is none: where it is a file of others, a
 * picture, or the folder of a training, err says so instead, and what was meant or how it becomes a
 * model.  Returns false. */
bool infer_kind_tell(const char *path, struct err *err);

#endif
