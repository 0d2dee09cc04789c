/* file -- an ONNX file as messages, for those beside it */
#ifndef NN_ONNX_IN_FILE_H
#define NN_ONNX_IN_FILE_H

#include "nn/io/onnx_in.h"

#include "onnx.pb-c.h"

struct nn_onnx_file {
    Onnx__ModelProto *model;    /* its graph is there */
    int folder;                 /* of files beside, -1: none are read */
    char *path;                 /* NULL: from memory */
};

/* "" for what is not there. */
static inline const char *nn_onnx_text(const char *s)
{
    return s ? s : "";
}

/* Whether its numbers lie in another file. */
static inline bool nn_onnx_is_external(const Onnx__TensorProto *t)
{
    return t->has_data_location &&
           t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* Checks the wire format of a message of this kind: depth, lengths, how many there are. */
bool nn_onnx_walk(const uint8_t *bytes, size_t size, const ProtobufCMessageDescriptor *kind,
                  struct err *err);

/* The bytes of a tensor that lie in another file: free() them.  NULL on failure. */
uint8_t *nn_onnx_external(const struct nn_onnx_file *f, const Onnx__TensorProto *t, size_t bytes,
                          struct err *err);

#endif
