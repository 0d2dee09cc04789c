/*
 * trace -- which number of which value a number is, through moves
 *
 * Reshapes, transposes, slices and concats of parts of one value put numbers elsewhere and change
 * none, so a number can be followed back to where it was made.  Numbers are counted as they lie, of
 * one picture: its windows, too, where the first dimension is a multiple of the batch.
 */
#ifndef NN_IO_ONNX_IN_TRACE_H
#define NN_IO_ONNX_IN_TRACE_H

#include "nn/graph.h"

struct nn_onnx_trace {
    const struct nn_graph *g;
    int end, base;              /* nodes: of the numbers, and who made them */
    int linear;                 /* -1; else a linear layer on the way, which takes base's rows, all
                                   of them, each as it is: the numbers are what it makes of these,
                                   counted in base's order */
    double factor;              /* that they are multiplied with on the way */
    int64_t n;                  /* numbers of end, a picture */
};

/* Numbers a picture. */
int64_t nn_onnx_numbers(const struct nn_type *t);
/* Is it a reshape, flatten, transpose or slice? */
bool nn_onnx_is_move(const struct nn_node *n);
bool nn_onnx_is_reshape(const struct nn_node *n);
/* Is it a product with one number? */
bool nn_onnx_is_scale(const struct nn_node *n);

/* factors: products with a number are none of a maker's doing. */
struct nn_onnx_trace nn_onnx_trace(const struct nn_graph *g, int end, bool factors);
/* The number of base that number k is; *run: so many from k on lie one behind the other there. */
int64_t nn_onnx_source(const struct nn_onnx_trace *t, int64_t k, int64_t *run);
/* Is each number of base, all of them, where it was? */
bool nn_onnx_stays(const struct nn_onnx_trace *t);

#endif
