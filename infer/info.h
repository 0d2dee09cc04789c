/*
 * info -- what `discern info` tells of a model, in parts
 */
#ifndef INFER_INFO_H
#define INFER_INFO_H

#include "infer/model.h"
#include "nn/kernel/cpu.h"
#include "nn/plan.h"

/* What is known of a model beyond what its struct says. */
struct infer_info {
    const char *path;
    const struct infer_model *m;
    int64_t file_bytes, parameters, weight_bytes;
    const struct nn_kernels *kernels;
    struct nn_graph *inference;         /* the graph as it answers, owned */
    struct nn_plan *plan;               /* of it, for one picture, owned */
};

/* All of it for eyes. */
void infer_info_text(const struct infer_info *f, struct str *out);

/* The steps of the plan, a line each: operator, name, shape, bytes, flops and their share. */
void infer_info_plan(const struct infer_info *f, struct str *out);

/* The graph as it is trained, in Graphviz's language: dot -Tsvg. */
void infer_info_dot(const struct nn_graph *g, struct str *out);

/* Appends a number of things or bytes with three digits and a unit: "1.23 MB". */
void infer_info_rounded(struct str *out, double x, const char *unit);

/* Flops of a step of the plan, and the bytes that it writes. */
int64_t infer_info_flops(const struct nn_plan *p, int step);
int64_t infer_info_bytes(const struct nn_plan *p, int step);

#endif
