/*
 * weights -- a network's values as a plan for answers reads them: made once, shared by its execs
 *
 * What kernels read packed is there packed alone.  Good for every plan of the same graph, kernels
 * and precision: what is packed does not depend on the batch.
 */
#ifndef NN_WEIGHTS_H
#define NN_WEIGHTS_H

#include "nn/params.h"
#include "nn/plan.h"

struct nn_weights {
    struct nn_params *params;   /* what is read as it lies; the rest has no entry */
    unsigned char *packed;      /* as plan->packed_at says; NULL where nothing is packed */
    size_t bytes;               /* of both */
};

/* plan is of INFER, v of its graph; both are read during the call only.  On the threads of the pool
 * (NULL: none), each of which takes the memory of the largest value meanwhile. */
struct nn_weights *nn_weights_new(const struct nn_plan *plan, const struct nn_values *v,
                                  struct pool *pool, struct err *err);
void nn_weights_free(struct nn_weights *w);     /* NULL is fine */

#endif
