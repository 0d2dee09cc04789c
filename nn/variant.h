/*
 * variant -- which of its variants each call of an operator takes
 *
 * What the operator's rule says (struct nn_choice), unless a table of what was measured on some
 * machine (nn/tune.h) has the call.  A table is text:
 *
 *     kernels avx2 avx512; conv2d channels=64 size=3 pad=1 of 32x56x56x64 f32 f32: forward=deep
 *     weight=few; ...
 *
 * all in one line: first the kernels that it was measured with, then an entry a call, named by the
 * operator, the attributes that are not default, the shape of x and the dtypes of x and y; then the
 * variants of its choices.  What is not named is left to the rule, and so is a name that this
 * program does not know or a variant that the call cannot take: it was made by another program, or
 * for other kernels.  Constant once read, and shared.
 */
#ifndef NN_VARIANT_H
#define NN_VARIANT_H

#include "nn/op.h"

struct nn_variants;

/* NULL for what is no such text, in words; "" is a table without entries. */
struct nn_variants *nn_variants_read(const char *text, struct err *err);
void nn_variants_free(struct nn_variants *t);           /* NULL is fine */

/* What it begins with: "kernels avx2 avx512"; "" where nothing was measured. */
const char *nn_variants_kernels(const struct nn_variants *t);
int nn_variants_count(const struct nn_variants *t);     /* of its entries */

/* Appends what a table for k begins with: the names of all its implementations, each once. */
void nn_variants_add_kernels(const struct nn_kernels *k, struct str *out);

/* Appends the name of a call. */
void nn_variants_add_call(const struct nn_op *op, const struct nn_call *c, struct str *out);

/* Fills c->variant, all else of which that choices look at is there; t NULL: by rule.  False when
 * memory is out: never without a table. */
bool nn_variants_choose(const struct nn_variants *t, const struct nn_op *op, struct nn_call *c,
                        struct err *err);

/* How many variants the call can take, of one of the operator's choices. */
int nn_variants_of(const struct nn_choice *choice, const struct nn_call *c);

#endif
