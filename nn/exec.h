/*
 * exec -- runs a plan: one thread's activations, in one block
 *
 * Cannot fail and does not allocate once made.
 */
#ifndef NN_EXEC_H
#define NN_EXEC_H

#include "nn/weights.h"

struct nn_exec;

/* plan, params and pool (may be NULL; no more threads than the plan's) are lent and must outlive
 * it.  TRAIN needs params with gradients and writes running statistics into them; INFER only reads
 * them, so many execs may share one, and the first forward packs them: from then on they stand
 * still. */
struct nn_exec *nn_exec_new(const struct nn_plan *plan, struct nn_params *params, struct pool *pool,
                            struct err *err);
/* Of a plan for answers, with weights that are lent. */
struct nn_exec *nn_exec_of(const struct nn_plan *plan, const struct nn_weights *w,
                           struct pool *pool, struct err *err);
void nn_exec_free(struct nn_exec *e);

/* Where an input is written before, an output read after forward.  data NULL: no such name. */
struct tensor nn_exec_input(struct nn_exec *e, const char *name);
struct tensor nn_exec_output(struct nn_exec *e, const char *name);

/* INFER: the input called name is read where `data` lies, as many numbers, from now on; NULL: where
 * nn_exec_input says.  False: there is no such input. */
bool nn_exec_lend(struct nn_exec *e, const char *name, const real *data);

/* Random operators draw numbers of (seed, node, step). */
void nn_exec_seed(struct nn_exec *e, uint64_t seed, uint64_t step);

void nn_exec_forward(struct nn_exec *e);
/* After forward, TRAIN only: adds d loss / d parameter to params->grad; the caller zeroes that. */
void nn_exec_backward(struct nn_exec *e);

/* Step by step, for tests and benches: the call that step i makes.  Within a chain (nn/chain.h) its
 * values are windows: such are run by nn_exec_step alone. */
void nn_exec_call(struct nn_exec *e, int step, struct nn_call *call);
/* INFER, after a forward: runs step i, the first of a chain all of it, the others of it nothing. */
void nn_exec_step(struct nn_exec *e, int step);

#endif
