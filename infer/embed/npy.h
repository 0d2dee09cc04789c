/*
 * npy -- 32-bit numbers as a file of NumPy: .npy, [rows] of any shape, written row by row
 */
#ifndef INFER_NPY_H
#define INFER_NPY_H

#include "nn/base/err.h"

struct infer_npy;

/* Of rows of shape dim[rank], rank <= 3.  path is replaced when infer_npy_end has written
 * everything. */
struct infer_npy *infer_npy_begin(const char *path, int rank, const int *dim, struct err *err);
/* A row; NULL: one that is missing, NaN. */
bool infer_npy_add(struct infer_npy *f, const float *row, struct err *err);
bool infer_npy_end(struct infer_npy *f, struct err *err);       /* frees it either way */
void infer_npy_abandon(struct infer_npy *f);                    /* NULL is fine */

#endif
