/*
 * model_file -- what readers and writers of model files share: names, and the sums of what is there
 *
 * discern.sums is a JSON object: for each tensor the XXH3-64 of its bytes as 16 hexadecimal digits,
 * and under the empty name that of the metadata: over all other keys that begin with "discern.", in
 * the order of their bytes, h = XXH3(key and a 0 byte, seed h), h = XXH3(value and a 0 byte, seed
 * h), from h = 0.  Tools that write metadata in another order keep it.
 */
#ifndef INFER_MODEL_FILE_H
#define INFER_MODEL_FILE_H

#include "nn/base/str.h"
#include "nn/io/safetensors.h"

#include <jansson.h>

#define MODEL_FORMAT "1"
#define MODEL_PREFIX "discern."
#define MODEL_TRAINING "training."      /* begins the names of tensors that are no parameters */

/* Appends the value of discern.sums for a file of these parts. */
void infer_sums_add(struct str *out, int n, const struct st_entry *entry, int n_meta,
                    const struct st_meta *meta);

/* The sums of a file whose metadata are whole: json_decref them.  NULL also, and err untouched,
 * for a file without sums: one of others, or from before.  ERR_INPUT: what is damaged. */
bool infer_sums_open(const struct st_file *f, json_t **sums, struct err *err);
/* Whether a tensor is whole; sums NULL: nobody knows. */
bool infer_sums_check(const json_t *sums, const struct st_entry *e, struct err *err);

#endif
