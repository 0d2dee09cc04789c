/*
 * foreign_file -- the tensors of a safetensors file of others, of several that an index names, or
 * of a folder with either
 */
#ifndef INFER_FOREIGN_FILE_H
#define INFER_FOREIGN_FILE_H

#include "nn/base/arena.h"
#include "nn/io/safetensors.h"

struct infer_tensors {
    const struct st_entry **tensor;
    int n;
    const char *folder;         /* where the file lies: "." or a path */
    /* private */
    struct st_file **file;
    int n_files;
    struct arena *mem;
};

/* Files that hold pickles and the like are refused by their endings, with what converts them.
 * Errors name the file that they are of.  False: nothing is open. */
bool infer_tensors_open(const char *path, struct infer_tensors *t, struct err *err);
void infer_tensors_close(struct infer_tensors *t);

/* Whether path is such a thing and no model file of ours: a folder, an index, a name that is
 * refused, safetensors without our metadata. */
bool infer_tensors_meant(const char *path);

#endif
