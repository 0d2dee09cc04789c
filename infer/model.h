/*
 * model -- a classifier in one file: graph, weights, preparation, labels, provenance
 *
 * A valid safetensors file (docs/format.md).  The graph is the trained one, with batch-norms,
 * without a loss; its output "logits" is what softmax or sigmoid is put on.
 */
#ifndef INFER_MODEL_H
#define INFER_MODEL_H

#include "data/index.h"
#include "data/prep.h"
#include "nn/params.h"

struct infer_model {
    struct nn_graph *graph;     /* owned */
    struct nn_params *params;   /* owned */
    struct data_prep prep;
    enum data_task task;
    int n_labels;
    const char **label;         /* in mem */
    const char *arch;           /* name of the architecture, or of the file it was read from */
    const char *provenance;     /* JSON object: seed, epochs, data, figures, date ...; or "{}" */
    struct arena *mem;
};

/* Reads and checks everything; the error names path and cause.  NULL on failure. */
struct infer_model *infer_model_open(const char *path, struct err *err);
/* The same from memory, which is lent during the call only. */
struct infer_model *infer_model_parse(const void *data, size_t size, struct err *err);
void infer_model_free(struct infer_model *m);   /* NULL is fine */

/* Replaces path atomically. */
bool infer_model_write(const struct infer_model *m, const char *path, struct err *err);

/* A checked model around parts: takes graph and params over on success, copies the strings. */
struct infer_model *infer_model_new(struct nn_graph *graph, struct nn_params *params,
                                    const struct data_prep *prep, enum data_task task, int n_labels,
                                    const char *const *label, const char *arch, struct err *err);

#endif
