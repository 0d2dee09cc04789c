/* lift -- what exporters write in many nodes and we have one operator for */
#ifndef NN_ONNX_IN_LIFT_H
#define NN_ONNX_IN_LIFT_H

#include "nn/io/onnx_in/ops.h"

/* Who makes what in the file: node of a name, and constants, as far as they are known. */
typedef struct nn_onnx_names nn_onnx_names;
int nn_onnx_maker(const nn_onnx_names *n, const char *name);            /* -1: none */
nn_onnx_val *nn_onnx_known(const nn_onnx_names *n, const char *name);   /* NULL: none */

enum { NN_ONNX_LIFT_IN = 4 };

/* A pattern that ends at a node: that node becomes `lower` of x and constants. */
struct nn_onnx_lift {
    bool (*lower)(nn_onnx_at *a, const struct nn_onnx_lift *l);         /* a->x[0] is x */
    const char *x;
    nn_onnx_val *p[NN_ONNX_LIFT_IN];
    int kind;
    double number;
    const char *name;           /* what our node is called; NULL: as its result */
};

/* The pattern that ends at this node; false: none. */
bool nn_onnx_lift_find(nn_onnx_reader *r, const nn_onnx_names *names, const Onnx__GraphProto *g,
                       const Onnx__NodeProto *node, struct nn_onnx_lift *l);

#endif
