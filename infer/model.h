/*
 * model -- a classifier in one file: graph, weights, preparation, labels, provenance
 *
 * A valid safetensors file (docs/format.md).  The graph is the trained one, with batch-norms,
 * without a loss; its output "logits" is what softmax or sigmoid is put on.
 *
 * A checkpoint of a training is a model file that carries more: numbers that only the training
 * understands.  Whoever wants the model alone reads over them.
 */
#ifndef INFER_MODEL_H
#define INFER_MODEL_H

#include "data/index.h"
#include "data/prep.h"
#include "infer/calibration.h"
#include "nn/params.h"

struct infer_model {
    struct nn_graph *graph;     /* owned; NULL where only its network is left (infer/network.h) */
    struct nn_params *params;   /* owned; NULL without */
    struct data_prep prep;
    enum data_task task;
    int n_labels;
    const char **label;         /* in mem */
    const char *arch;           /* name of the architecture, or of the file it was read from */
    const char *provenance;     /* JSON object: seed, epochs, data, figures, date ...; or "{}" */
    const struct infer_calibration *calibration;        /* NULL: none, or raw answers are wanted */
    struct arena *mem;
};

/* Reads and checks everything; the error names path and cause.  NULL on failure. */
struct infer_model *infer_model_open(const char *path, struct err *err);
/* The same from memory, which is lent during the call only. */
struct infer_model *infer_model_parse(const void *data, size_t size, struct err *err);
void infer_model_free(struct infer_model *m);   /* NULL is fine */

/* Which of the model's labels is called name; -1: none. */
int infer_model_label(const struct infer_model *m, const char *name);

/* A checked model around parts: takes graph and params over on success, copies the strings. */
struct infer_model *infer_model_new(struct nn_graph *graph, struct nn_params *params,
                                    const struct data_prep *prep, enum data_task task, int n_labels,
                                    const char *const *label, const char *arch, struct err *err);

/* The model with a copy of c, or with none (NULL). */
bool infer_model_calibrate(struct infer_model *m, const struct infer_calibration *c,
                           struct err *err);

/* Every label is told from this probability on, whatever else the model's calibration says. */
bool infer_model_threshold(struct infer_model *m, double threshold, struct err *err);

/* What a checkpoint carries beside the model; lent. */
struct infer_extra {
    const char *text;           /* UTF-8: whatever the training wants to read again */
    int n;
    const struct infer_array {
        const char *name;       /* begins with "training."; unique */
        int64_t count;
        const float *value;
    } *array;
};

/* Replaces path atomically.  Room on the disk is made sure of before anything is written.
 * extra NULL: the model alone. */
bool infer_model_write(const struct infer_model *m, const char *path,
                       const struct infer_extra *extra, struct err *err);

/*
 * A model file held open, for who wants what else it carries.  Damage of the metadata is found on
 * opening, of an array when it is read.  Errors name the path.
 */
struct infer_file;
struct infer_file *infer_file_open(const char *path, struct err *err);
/* The same from memory, which is lent and must outlive the result; errors name no path. */
struct infer_file *infer_file_parse(const void *data, size_t size, struct err *err);
void infer_file_close(struct infer_file *f);    /* NULL is fine */

/* A new model, which stays when the file is closed. */
struct infer_model *infer_file_model(const struct infer_file *f, struct err *err);
/* The same without values: params is NULL. */
struct infer_model *infer_file_head(const struct infer_file *f, struct err *err);
/* The values of the model's graph g, each read from the file, which they lend, and checked when it
 * is made.  infer_file_check checks those that nobody made. */
bool infer_file_values(const struct infer_file *f, const struct nn_graph *g, struct arena *mem,
                       struct nn_values *v, struct err *err);
bool infer_file_check(const struct infer_file *f, const struct nn_graph *g,
                      const struct nn_values *v, struct err *err);
/* Puts the file's path, where it has one, before an error of its values; false. */
bool infer_file_fault(const struct infer_file *f, struct err *err);
/* The text of the extras, lent; NULL: the file is no checkpoint. */
const char *infer_file_training(const struct infer_file *f);
/* The numbers of the array called name into out[count].  ERR_INPUT where there is none, or one of
 * another length, or a damaged one. */
bool infer_file_array(const struct infer_file *f, const char *name, int64_t count, float *out,
                      struct err *err);

#endif
