/*
 * import -- a file's graph while it becomes one of ours: its names, and what is there before its
 * first node
 */
#ifndef NN_IO_ONNX_IN_IMPORT_H
#define NN_IO_ONNX_IN_IMPORT_H

#include "nn/io/onnx_in/lift.h"

/* A name of the file. */
struct nn_onnx_entry {
    const char *name;
    int maker;                  /* node; -1: an input or a weight */
    nn_onnx_val *val;           /* NULL: not yet */
    bool given;                 /* it is a weight, or known before */
};

struct nn_onnx_names {
    struct nn_onnx_entry *entry;        /* a hash table */
    size_t size;                /* a power of two */
};

struct nn_onnx_import {
    nn_onnx_reader r;
    const Onnx__GraphProto *g;
    struct nn_onnx_names names;
    bool *needed;               /* by node */
    struct nn_onnx_lift *lift;
    struct nn_onnx_net *net;
};

/* NULL: there is none. */
struct nn_onnx_entry *nn_onnx_lookup(const nn_onnx_names *n, const char *name);
/* A new name; NULL and an error where it is there. */
struct nn_onnx_entry *nn_onnx_define(struct nn_onnx_import *m, const char *name, int maker);

/* In this order; false: an error is set. */
bool nn_onnx_get_opset(struct nn_onnx_import *m);
bool nn_onnx_make_table(struct nn_onnx_import *m);
bool nn_onnx_define_weights(struct nn_onnx_import *m);
bool nn_onnx_define_inputs(struct nn_onnx_import *m);

#endif
