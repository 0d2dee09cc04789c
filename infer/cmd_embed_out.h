/*
 * cmd_embed_out -- rows of numbers with a name each, in one of several forms (docs/embed.md)
 */
#ifndef INFER_CMD_EMBED_OUT_H
#define INFER_CMD_EMBED_OUT_H

#include "nn/base/err.h"
#include "nn/base/str.h"

enum infer_rows_form { INFER_ROWS_AUTO, INFER_ROWS_NPY, INFER_ROWS_CSV, INFER_ROWS_JSONL,
                       INFER_ROWS_SAFETENSORS };
extern const char *const infer_rows_forms[];    /* "auto" "npy" "csv" "jsonl" "safetensors" NULL */

/* What AUTO means for a file of this name, NULL: standard output. */
enum infer_rows_form infer_rows_form_of(const char *path);

/* Appends the name of the file that NPY's names lie in, beside it. */
void infer_rows_names(const char *path, struct str *out);

struct infer_rows;

/* Rows of `width` numbers; model, what: of whom, and what they are, for the forms that can say so.
 * form is not AUTO.  path NULL: standard output, CSV and JSONL alone; else path is replaced by
 * infer_rows_end. */
struct infer_rows *infer_rows_begin(enum infer_rows_form form, const char *path, int width,
                                    const char *model, const char *what, struct err *err);
bool infer_rows_add(struct infer_rows *r, const char *name, const float *row, struct err *err);
bool infer_rows_end(struct infer_rows *r, struct err *err);     /* frees it either way */
void infer_rows_abandon(struct infer_rows *r);                  /* NULL is fine */

#endif
