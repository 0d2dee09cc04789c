/*
 * strided -- where the numbers of a dense result come from in dense inputs
 *
 * For operators that permute or repeat dimensions: a row of the result is a run of its last
 * dimension; in an input it begins at some place and goes on in steps, 0 where it is repeated.
 */
#ifndef NN_OP_STRIDED_H
#define NN_OP_STRIDED_H

#include "nn/op.h"

enum { NN_STRIDED_IN = 3 };

struct nn_strided {
    int rank, n_in;
    int64_t dim[SHAPE_MAX_RANK];                        /* of the result */
    int64_t step[NN_STRIDED_IN][SHAPE_MAX_RANK];        /* of each input, in numbers */
};

/* Rows of the result, numbers of each. */
int64_t nn_strided_rows(const struct nn_strided *s);
int64_t nn_strided_width(const struct nn_strided *s);

/* Where row `row` begins in each input. */
void nn_strided_at(const struct nn_strided *s, int64_t row, int64_t at[NN_STRIDED_IN]);
/* How far neighbours in a row of the result are apart in input i. */
int64_t nn_strided_next(const struct nn_strided *s, int i);

/* Rows [first,first+count) of y, the numbers of input 0 as they are. */
void nn_strided_copy(const struct nn_strided *s, const struct nn_call *c, int64_t first,
                     int64_t count);

/* The result of n_in inputs that are repeated to one shape, aligned at the last dimension. */
struct nn_strided nn_strided_broadcast(const struct nn_call *c);

/* Type hook of such an operator: dimensions are equal or 1; an input without a batch, a parameter,
 * has fewer of them than the result.  One at least has a batch. */
bool nn_strided_type(const struct nn_op *op, int n_in, const struct nn_type *in,
                     struct nn_type *out, struct err *err);

#endif
