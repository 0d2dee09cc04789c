/*
 * plan -- how a graph is run: steps and a memory map, for one batch size, mode and kernel table
 *
 * Everything that can fail fails here.  Immutable and shareable; the graph must outlive it.
 */
#ifndef NN_PLAN_H
#define NN_PLAN_H

#include "nn/chain.h"
#include "nn/fuse.h"
#include "nn/variant.h"

enum nn_precision { NN_PRECISION_AUTO, NN_PRECISION_FP32, NN_PRECISION_BF16 };
extern const char *const nn_precision_names[];  /* NULL-terminated */

/* What auto is: in training bf16 where the kernels have instructions for it, since trainings reach
 * the same by it (docs/results.md); every road to an answer must give the same, so there fp32. */
enum nn_precision nn_precision_auto(enum nn_mode mode, const struct nn_kernels *k);

struct nn_plan_options {
    enum nn_mode mode;
    int64_t batch;              /* >= 1 */
    int threads;                /* workers that scratch memory is laid out for; 0 = 1 */
    const struct nn_kernels *kernels;
    enum nn_precision precision;        /* of pictures between steps, and of their gradients */
    const struct nn_variants *variants; /* what was measured, lent to nn_plan_new; NULL: nothing */
    bool poison;                /* tests: exec fills every buffer with NaN when its life ends */
    bool bare;                  /* values alone, a step a node: for code that is written out */
    bool apart;                 /* tests: no two values share memory, nothing is done in place */
    bool single;                /* a step a node, nothing is fused: for who looks at each */
    size_t limit;               /* TRAIN: bytes that the block should take, 0: any.  The plan comes
                                   as near as it can: who must have it looks at `bytes` */
};

/* A value in memory: where and how, and from which step to which.  The plan alone knows. */
struct nn_buffer {
    enum dtype dtype;
    struct shape shape;
    size_t offset, bytes;       /* in the exec's block; 64-byte aligned */
    int first, last;            /* steps */
};

/* AGAIN: forward once more, among the backward steps, of a value that was not kept for them. */
enum nn_step_kind { NN_STEP_FORWARD, NN_STEP_BACKWARD, NN_STEP_AGAIN };

struct nn_step {
    enum nn_step_kind kind;
    int node;                   /* the host */
    int scratch, packed;        /* buffer, or -1; INFER has its packed weights elsewhere */
};

/* Backward adds: the buffer of a gradient is cleared before the step that first adds to it, unless
 * that step's operator writes it (nn_op.fresh). */
struct nn_zero {
    int step, buffer;
};

enum { NN_FRESH_RESIDUAL = NN_MAX_IN };         /* bit of `fresh`: of the residual's gradient */

struct nn_plan {
    const struct nn_graph *graph;
    struct nn_plan_options opt; /* precision: as decided, no longer auto */
    struct nn_fusion fused;     /* steps are of hosts and write the value of their tail */
    struct shape *shape;        /* of each node's value, for this batch */
    enum dtype *dtype;          /* of its value in memory, and of its gradient */
    unsigned char (*variant)[NN_CHOICES];       /* of node i's steps */
    int *value, *grad;          /* buffer of node i's value and gradient; -1: none, or in params */
    int *late;                  /* of its value in the steps behind forward: another where it is
                                   made again */
    int *stash;                 /* buffer, or -1 */
    size_t *packed_at;          /* INFER: where they lie in the exec's packed block */
    unsigned *fresh;            /* of node i's backward step: as in nn_call; NN_FRESH_RESIDUAL */
    struct nn_buffer *buffer;
    int n_buffer;
    struct nn_step *step;
    int n_step, n_forward;      /* the first n_forward steps are the forward ones */
    struct nn_chain *chain;     /* steps that are run together, in their order */
    int n_chain;
    size_t room;                /* bytes of a thread for windows of chains; */
    int windows;                /* the buffer of all threads', -1 none */
    struct nn_zero *zero;       /* sorted by step */
    int n_zero;
    bool *wants_grad;           /* node i's value has a gradient */
    int loss;                   /* TRAIN: node of the output called "loss"; else -1 */
    size_t bytes;               /* of the exec's block */
    size_t packed_bytes;        /* INFER: of its packed weights, which live as long as it does */
    size_t kept_bytes;          /* TRAIN: of values that stay from forward to backward */
    size_t again_bytes;         /* of values that are made again there instead */
    int64_t flops, again_flops; /* of the forward steps; of those that are run again */
    struct arena *mem;
};

struct nn_plan *nn_plan_new(const struct nn_graph *g, const struct nn_plan_options *opt,
                            struct err *err);
void nn_plan_free(struct nn_plan *p);

/* The call of a node with shapes and no data: what space() and flops() look at. */
struct nn_call nn_plan_call(const struct nn_plan *p, int node);

#endif
