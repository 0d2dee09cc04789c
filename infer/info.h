/*
 * info -- what `discern info` tells of a model, in parts
 */
#ifndef INFER_INFO_H
#define INFER_INFO_H

#include "infer/model.h"
#include "nn/kernel/cpu.h"
#include "nn/plan.h"

/* Memory of a training step with INFER_INFO_BATCH pictures: by itself, and with as little as it
 * comes to. */
enum { INFER_INFO_BATCH = 32 };
struct infer_info_step {
    size_t bytes;               /* of all that its steps write; 0: it cannot be trained */
    size_t kept, again;         /* of values kept from forward to backward; made again there */
    double more;                /* work for that, as a share of the step's */
};

/* What is known of a model beyond what its struct says. */
struct infer_info {
    const char *path;
    const struct infer_model *m;
    int64_t file_bytes, parameters, weight_bytes;
    const struct nn_kernels *kernels;
    struct nn_graph *inference;         /* the graph as it answers, owned */
    struct nn_params *params;           /* of it, owned */
    struct nn_plan *plan;               /* of it, for one picture, owned */
    struct infer_info_step step, least; /* where measured */
    double *seconds;                    /* of each step, on one thread, owned; NULL: not measured */
};

/* All of it for eyes. */
void infer_info_text(const struct infer_info *f, struct str *out);

/* Fills seconds: the median of some runs on numbers that are all 0; and step and least. */
bool infer_info_measure(struct infer_info *f, struct err *err);

/* The steps of the plan, once measured, a line each: operators, name, shape, bytes, flops, time. */
void infer_info_plan(const struct infer_info *f, struct str *out);

/* The variant that a forward step takes of a choice of its operator; NULL: there is no other, or
 * the plan has no such pass. */
const char *infer_info_variant(const struct nn_plan *p, int step, const struct nn_choice *choice);

/* Which variants of operators the plan's steps take, where these offer several: a line each, with
 * the numbers of the steps. */
void infer_info_variants(const struct nn_plan *p, struct str *out);

/* The graph as it is trained, in Graphviz's language: dot -Tsvg. */
void infer_info_dot(const struct nn_graph *g, struct str *out);

/* The networks of nn/model with parameters, flops and the size of their pictures. */
bool infer_info_models(bool json, struct str *out, struct err *err);

/* Appends a number of things or bytes with three digits and a unit: "1.23 MB". */
void infer_info_rounded(struct str *out, double x, const char *unit);

/* What a step computes, "conv2d+relu", and what it writes: a node; its flops and bytes. */
void infer_info_operators(const struct nn_plan *p, int step, struct str *out);
int infer_info_tail(const struct nn_plan *p, int step);
int64_t infer_info_flops(const struct nn_plan *p, int step);
int64_t infer_info_bytes(const struct nn_plan *p, int step);

#endif
