/*
 * gradient -- where gradients are: of what is trained, and of little between
 *
 * The gradients of all parameters lie in one block (nn/params.h), those of frozen ones too, which
 * nobody writes.  Loops over it go by spans of what is trained: memory that is never touched is not
 * there, so what is frozen costs none.
 */
#ifndef TRAIN_GRADIENT_H
#define TRAIN_GRADIENT_H

#include "nn/base/pool.h"
#include "nn/params.h"

struct train_gradient {
    struct train_span {
        int64_t first, n; /* numbers of the block */
    } *span;
    int n;
};

/* Trained parameters that lie close together are one span.  False: memory is out. */
bool train_gradient_find(struct train_gradient *s, const struct nn_params *p);
void train_gradient_release(struct train_gradient *s); /* a zeroed one is fine */

/* Numbers of all spans, but for what aligns parameters, of a training copy. */
int64_t train_gradient_numbers(const struct nn_graph *g);

void train_gradient_clear(const struct train_gradient *s, struct nn_params *p);
void train_gradient_scale(const struct train_gradient *s, struct nn_params *p, double factor,
                          const struct nn_kernels *k, struct pool *pool);
/* Euclidean. */
double train_gradient_length(const struct train_gradient *s, const struct nn_params *p,
                             const struct nn_kernels *k, struct pool *pool);

#endif
