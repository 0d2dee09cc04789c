/*
 * onnx_out -- an ONNX file while it is made: its parts (onnx_out.c), for the whole (onnx_write.c)
 *
 * Memory that runs out is remembered, so that it is asked for once.
 */
#ifndef NN_ONNX_OUT_H
#define NN_ONNX_OUT_H

#include "nn/base/arena.h"
#include "nn/io/onnx.h"

#include "onnx.pb-c.h"

/* A growing list of pointers to messages. */
struct nn_onnx_list {
    void **item;
    size_t n;
};

struct nn_onnx_out {
    const struct nn_graph *graph;
    const struct nn_params *params;
    const struct nn_onnx_options *opt;
    struct arena *mem;
    bool failed;                        /* memory ran out */
    struct nn_onnx_list node, initializer;
    Onnx__NodeProto *current;           /* takes the attributes */
    struct nn_onnx_list attribute;              /* of current */
    bool *written;                      /* a parameter, in its own order */
    int made_names;
};

/* Memory of the file's; a copy of a name in it; NULL: it ran out. */
void *nn_onnx_take(struct nn_onnx_out *o, size_t count, size_t size);
char *nn_onnx_copy(struct nn_onnx_out *o, const char *s);
bool nn_onnx_push(struct nn_onnx_out *o, struct nn_onnx_list *l, void *item);

/* Adds constants of an ONNX type; data is lent until the file is packed. */
bool nn_onnx_initializer(struct nn_onnx_out *o, const char *name, int type, int rank,
                         const int64_t *dim, const void *data, size_t bytes);

#endif
