/*
 * predict_dump -- what the network sees, as a file of NumPy: .npy, [pictures,height,width,channels]
 */
#ifndef INFER_PREDICT_DUMP_H
#define INFER_PREDICT_DUMP_H

#include "nn/base/err.h"

struct infer_dump;

/* path is replaced when infer_dump_end has written everything. */
struct infer_dump *infer_dump_begin(const char *path, const int size[3], struct err *err);
/* A picture; NULL: one that cannot be read, NaN. */
bool infer_dump_add(struct infer_dump *d, const float *input, struct err *err);
bool infer_dump_end(struct infer_dump *d, struct err *err);     /* frees it either way */
void infer_dump_abandon(struct infer_dump *d);                  /* NULL is fine */

#endif
