/*
 * val -- the values of an ONNX graph while it becomes one of ours
 *
 * A value has the file's shape and is a constant or a node of our graph.  Which dimension of the
 * node is which of the file's stands beside it (ax), so that a transpose moves nothing: a node is
 * put into another order only where an operator reads it so.
 *
 * The batch, where it is open, is a number in shapes like all others: a prime that no dimension
 * reaches.  What divides by it has so many a picture, and what a file computes of shapes carries it
 * along.
 */
#ifndef NN_ONNX_IN_VAL_H
#define NN_ONNX_IN_VAL_H

#include "nn/base/arena.h"
#include "nn/io/onnx_in/file.h"
#include "nn/op/arith.h"
#include "nn/op/math.h"

#define NN_ONNX_BATCH ((int64_t)1000003)

/* Element types of the file, as TensorProto counts them. */
enum {
    NN_ONNX_T_FLOAT = 1, NN_ONNX_T_UINT8, NN_ONNX_T_INT8, NN_ONNX_T_UINT16, NN_ONNX_T_INT16,
    NN_ONNX_T_INT32, NN_ONNX_T_INT64, NN_ONNX_T_STRING, NN_ONNX_T_BOOL, NN_ONNX_T_FLOAT16,
    NN_ONNX_T_DOUBLE, NN_ONNX_T_UINT32, NN_ONNX_T_UINT64, NN_ONNX_T_BFLOAT16 = 16
};

struct nn_onnx_val {
    const char *name;           /* in the file */
    int type;
    int rank;
    int64_t dim[SHAPE_MAX_RANK];
    /* A constant has numbers, in one of two forms: floats keep theirs. */
    const float *f;
    const double *d;
    const Onnx__TensorProto *tensor;    /* not yet read: f and d are NULL */
    /* Else a node, -1 for a constant; its dimension i is ax[i] of the file, -1: a batch that the
     * file's shape does not have. */
    int node, n_ax;
    int8_t ax[SHAPE_MAX_RANK];
};

struct nn_onnx_reader {
    const struct nn_onnx_file *file;
    const struct nn_onnx_in_options *opt;
    struct nn_graph *g;
    const real **number;        /* values of parameters, by node */
    struct arena *mem;
    struct err *err;
    int opset;
    int64_t batch;              /* NN_ONNX_BATCH; 1: all is one thing */
    const struct nn_onnx_val *first;    /* an input: where the batch is taken from */
    int64_t said;               /* the batch that the file declares, 0 where open */
    int64_t computed;           /* numbers of all constants that were made while reading, */
    int64_t loaded;             /* and of those that the file has */
    const char *hint;           /* what nodes that are made now are called; NULL: by operator */
};

typedef struct nn_onnx_val nn_onnx_val;
typedef struct nn_onnx_reader nn_onnx_reader;

/* Functions here return NULL or false on failure, with the error set. */

bool nn_onnx_is_const(const nn_onnx_val *v);
bool nn_onnx_is_float(int type);
/* Numbers of the file's shape; -1: too many, beside a 0 too, so that any dimensions multiply. */
int64_t nn_onnx_count(int rank, const int64_t *dim);
/* Reads a constant's numbers, where they were not. */
bool nn_onnx_load(nn_onnx_reader *r, nn_onnx_val *v);
/* Number i of a constant that was loaded. */
static inline double nn_onnx_num(const nn_onnx_val *v, int64_t i)
{
    return v->f ? (double)v->f[i] : v->d[i];
}
/* A whole number as such, cut to what an int64 holds; 0 where it is none. */
int64_t nn_onnx_whole(double x);
/* A constant of whole numbers as such, at most `most` of them; -1 on failure. */
int nn_onnx_ints_of(nn_onnx_reader *r, nn_onnx_val *v, int most, int64_t *out);

/* A new constant; its numbers are *d, to be written. */
nn_onnx_val *nn_onnx_new_const(nn_onnx_reader *r, int type, int rank, const int64_t *dim,
                               double **d);
nn_onnx_val *nn_onnx_new_node(nn_onnx_reader *r, int type, int rank, const int64_t *dim, int node,
                              int n_ax, const int8_t *ax);
/* A constant of a TensorProto, checked now and read when asked for. */
nn_onnx_val *nn_onnx_of_tensor(nn_onnx_reader *r, const Onnx__TensorProto *t);

/* ---- our graph ---- */

/* A node; its id or -1.  attr, in as for nn_graph_add. */
int nn_onnx_emit(nn_onnx_reader *r, const struct nn_op *op, const void *attr, int n_in,
                 const int *in);
/* A parameter with numbers in the order of files. */
int nn_onnx_param(nn_onnx_reader *r, const char *name, const struct nn_param *p, int64_t count,
                  const float *number);
/* A node of p's shape with the n numbers of a constant: trained, where they are floats. */
int nn_onnx_const_node(nn_onnx_reader *r, nn_onnx_val *v, const struct nn_param *p, int64_t n);
/* Parameter i of an operator, as its hook says, from a constant of as many numbers.  node: what the
 * operator's node is going to be called. */
int nn_onnx_op_param(nn_onnx_reader *r, const struct nn_op *op, const void *attr, int x, int i,
                     const char *node, nn_onnx_val *v);
/* A name that our graph takes and that nothing has. */
const char *nn_onnx_new_name(nn_onnx_reader *r, const char *want);

/* The node of a value with its dimensions in this order; -1 on failure. */
int nn_onnx_place(nn_onnx_reader *r, const nn_onnx_val *v, int n_ax, const int8_t *ax);
/* The same in a new value. */
nn_onnx_val *nn_onnx_placed(nn_onnx_reader *r, const nn_onnx_val *v, int n_ax, const int8_t *ax);
/* The order in which dimension 1 is the last; dimension 0 the first. */
int nn_onnx_last_channels(int rank, int8_t *ax);
/* The file's order, the batch first; where it has none, that too. */
int nn_onnx_natural(const nn_onnx_val *v, int8_t *ax);
/* v with a dimension of its own for what is our first, where all is one thing. */
nn_onnx_val *nn_onnx_apart(nn_onnx_reader *r, nn_onnx_val *v);
/* Where dimension `axis` is in the node. */
int nn_onnx_ours_of(const nn_onnx_val *v, int axis);

/* ---- functions of values ---- */

nn_onnx_val *nn_onnx_v_transpose(nn_onnx_reader *r, nn_onnx_val *x, const int64_t *perm);
/* dim: none 0 or -1 any more, but for what the batch leaves. */
nn_onnx_val *nn_onnx_v_reshape(nn_onnx_reader *r, nn_onnx_val *x, int rank, const int64_t *dim);
nn_onnx_val *nn_onnx_v_take(nn_onnx_reader *r, nn_onnx_val *x, int axis, int64_t start,
                            int64_t step, int64_t count);
nn_onnx_val *nn_onnx_v_pick(nn_onnx_reader *r, nn_onnx_val *x, int axis, int64_t n,
                            const int64_t *index);
nn_onnx_val *nn_onnx_v_concat(nn_onnx_reader *r, int n, nn_onnx_val **x, int axis);
nn_onnx_val *nn_onnx_v_expand(nn_onnx_reader *r, nn_onnx_val *x, int rank, const int64_t *dim);
nn_onnx_val *nn_onnx_v_math(nn_onnx_reader *r, const struct nn_math *m, nn_onnx_val *x, int type);
nn_onnx_val *nn_onnx_v_arith(nn_onnx_reader *r, enum nn_arith_kind kind, nn_onnx_val *x,
                             nn_onnx_val *y, int type);
nn_onnx_val *nn_onnx_v_scalar(nn_onnx_reader *r, int type, double number);
/* Of a and b, which are repeated as sums are, as cond says. */
nn_onnx_val *nn_onnx_v_where(nn_onnx_reader *r, nn_onnx_val *cond, nn_onnx_val *a, nn_onnx_val *b);
/* The product of matrices that are the last two dimensions. */
nn_onnx_val *nn_onnx_v_product(nn_onnx_reader *r, nn_onnx_val *x, nn_onnx_val *y);
/* A constant as an operand of a node of this order: dimensions of 1 in front go unsaid. */
int nn_onnx_const_operand(nn_onnx_reader *r, nn_onnx_val *y, const nn_onnx_val *x);
/* Both as nodes in one order; x's, where that can be. */
bool nn_onnx_same_order(nn_onnx_reader *r, nn_onnx_val **x, nn_onnx_val **y);
/* With dimensions of 1 in front. */
nn_onnx_val *nn_onnx_widened(nn_onnx_reader *r, nn_onnx_val *x, int rank);
/* As many numbers a picture, and the same for each channel (dimension `axis`) or all 1? */
bool nn_onnx_one_axis(const nn_onnx_val *v, int rank, int axis);
/* An operator of ours on one value, as it lies. */
nn_onnx_val *nn_onnx_v_each(nn_onnx_reader *r, const struct nn_op *op, const void *attr,
                            nn_onnx_val *x);
/* The broadcast of two shapes; its rank, -1: there is none. */
int nn_onnx_v_shape(nn_onnx_reader *r, const nn_onnx_val *x, const nn_onnx_val *y, int64_t *dim);

#endif
