/* onnx_labels -- names of labels in the forms that files and metadata have them in */
#ifndef INFER_ONNX_LABELS_H
#define INFER_ONNX_LABELS_H

#include "nn/base/arena.h"
#include "nn/base/err.h"

struct infer_names {
    int n;                      /* 0: none were said */
    const char **name;          /* in the arena, no two alike */
};

/* One a line: a byte order mark, carriage returns, blank lines at the end, numbers that count the
 * lines ("0 cat") and WordNet's numbers before the names are no part of them. */
bool infer_names_lines(const char *text, struct arena *mem, struct infer_names *out,
                       struct err *err);

/* What metadata hold: a list in JSON, a Python literal {0: 'cat', 1: 'dog'} or ['cat', 'dog'], or
 * lines. */
bool infer_names_any(const char *text, struct arena *mem, struct infer_names *out,
                     struct err *err);

#endif
