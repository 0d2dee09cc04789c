/*
 * cmd -- the subcommands of this folder, and what they share
 */
#ifndef INFER_CMD_H
#define INFER_CMD_H

#include "infer/predict.h"
#include "nn/base/cli.h"

extern const struct cli_command infer_cmd_predict, infer_cmd_eval, infer_cmd_info, infer_cmd_export;

/* Appends text as a terminal may see it: '?' for control characters, U+FFFD for broken UTF-8. */
void infer_cmd_clean(struct str *out, const char *text);

/* Columns that cleaned text takes, a code point each. */
int infer_cmd_width(const char *text);

/* Prints "discern: ..." cleaned, and a newline, to stderr. */
void infer_cmd_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Writes out to stdout, ending its last line, and flushes.  Memory that ran out while it was made
 * is an error too. */
bool infer_cmd_print(const struct str *out, struct err *err);

/* A predictor for the model; threads 0 = all processors. */
struct infer_predictor *infer_cmd_predictor(const struct infer_model *m, int batch, int threads,
                                            struct err *err);

/* Whether out may be written: it is not there, or with force a file, and not the model. */
bool infer_cmd_may_write(const char *out, const char *model, bool force, struct err *err);

#endif
