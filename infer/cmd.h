/*
 * cmd -- the subcommands of this folder, and what they share
 */
#ifndef INFER_CMD_H
#define INFER_CMD_H

#include "data/sandbox.h"
#include "infer/committee.h"
#include "infer/model.h"
#include "infer/predict.h"
#include "infer/sort_into.h"
#include "nn/base/cli.h"

extern const struct cli_command infer_cmd_predict, infer_cmd_embed, infer_cmd_eval, infer_cmd_info,
    infer_cmd_export, infer_cmd_calibrate, infer_cmd_import, infer_cmd_pull, infer_cmd_merge,
    infer_cmd_cluster, infer_cmd_similar, infer_cmd_errors, infer_cmd_doctor;

/* How pictures are answered: what a network sees of them; how many at a time, by how many threads.
 * The members raw, views; batch, threads, sandbox of an options struct T. */
#define INFER_CMD_VIEWS_FIELDS(T)                                                                 \
    FIELD_BOOL(T, raw, "leave out what discern calibrate put into the model"),                    \
    FIELD_ENUM(T, views, infer_views_names, INFER_VIEWS_ONE,                                      \
               "what of a picture the answers are the mean of: itself; its mirror image too; "    \
               "both from nearer too; or both moved by a pixel, too")
#define INFER_CMD_PACE_FIELDS(T)                                                                  \
    FIELD_INT(T, batch, NULL, 32, 1, 4096, "pictures at a time"),                                 \
    FIELD_INT(T, threads, NULL, 0, 0, 1024, "threads; 0 = all processors"),                       \
    DATA_SANDBOX_FIELD(T)

#define INFER_CMD_PRECISION_FIELD(T)                                                              \
    FIELD_ENUM(T, precision, nn_precision_names, NN_PRECISION_AUTO,                               \
               "of pictures within the network; auto: fp32; bf16 is faster where the processor "  \
               "has it, and changes probabilities a little")

/* Whether the first of n arguments may name a model; the error for a folder, or for data where the
 * model belongs, says what to type. */
bool infer_cmd_named(char *const *arg, int n, struct err *err);

/* The model that the first of n arguments names; errors as of infer_cmd_named. */
struct infer_model *infer_cmd_model(char **arg, int n, struct err *err);

/* The same for answers alone: *m has no graph and no weights, the network has them.  raw: without
 * calibration. */
struct infer_network *infer_cmd_network(char **arg, int n, bool raw, enum nn_precision precision,
                                        struct pool *pool, struct infer_model **m,
                                        struct err *err);

/* The files of "MODEL,MODEL"; a file that has a comma in its name stands for itself.  Returns how
 * many, pieces of *mem: free() it; 0: err says why. */
int infer_cmd_models(const char *name, char *path[INFER_COMMITTEE_MOST], char **mem,
                     struct err *err);

/* A predictor for the model; threads 0 = all processors. */
struct infer_predictor *infer_cmd_predictor(const struct infer_model *m, int batch, int threads,
                                            struct err *err);

/* Labelled pictures with the task and the labels of the model, which is in the file called `path`;
 * says what it passes over. */
struct data_index *infer_cmd_data(const struct infer_model *m, const char *path, const char *data,
                                  const struct data_source_options *how, struct err *err);

/* Says what of the data is passed over, if anything is. */
void infer_cmd_tell_skipped(const struct data_index *x);

/* What sorting into folders tells: why a file stays where it is; how many were sorted. */
infer_sort_tell_fn infer_cmd_stays;
void infer_cmd_sorted(const struct infer_sort_counts *n, const char *folder);
/* --undo DIR, and the exit status. */
int infer_cmd_undo(const char *folder, bool json);

#endif
