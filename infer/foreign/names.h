/* names -- names of labels in the forms that other programs have them in */
#ifndef INFER_NAMES_H
#define INFER_NAMES_H

#include "nn/base/arena.h"
#include "nn/base/err.h"
#include "nn/base/str.h"

#include <jansson.h>

struct infer_names {
    int n;                      /* 0: none were said */
    const char **name;          /* in the arena, no two alike */
};

/* One a line: a byte order mark, carriage returns, blank lines at the end, numbers that count the
 * lines ("0 cat") and WordNet's numbers before the names are no part of them. */
bool infer_names_lines(const char *text, struct arena *mem, struct infer_names *out,
                       struct err *err);

/* A file of such lines. */
bool infer_names_file(const char *path, struct arena *mem, struct infer_names *out,
                      struct err *err);

/* ["cat", "dog"], or {"0": "cat", "1": "dog"}; of anything else none. */
bool infer_names_json(json_t *json, struct arena *mem, struct infer_names *out, struct err *err);

/* What metadata hold: a list in JSON, a Python literal {0: 'cat', 1: 'dog'} or ['cat', 'dog'], or
 * lines. */
bool infer_names_any(const char *text, struct arena *mem, struct infer_names *out,
                     struct err *err);

/* Where none were said: "label 0" and so on for n labels, and a line of it in told, unless NULL. */
bool infer_names_number(int n, struct arena *mem, struct infer_names *out, struct str *told,
                        struct err *err);

#endif
