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

#define INFER_WEIGHTS_NAME "model.safetensors"
#define INFER_INDEX_END ".index.json"
#define INFER_INDEX_NAME INFER_WEIGHTS_NAME INFER_INDEX_END

/* Files that hold pickles and the like are refused by their endings, with what converts them.
 * Errors name the file that they are of.  False: nothing is open. */
bool infer_tensors_open(const char *path, struct infer_tensors *t, struct err *err);
void infer_tensors_close(struct infer_tensors *t);

/* The same of the text of an index, whose files are in the folder: what infer_tensors_open does
 * with one.  Errors do not name the index. */
bool infer_tensors_parse(const char *index, size_t bytes, const char *folder,
                         struct infer_tensors *t, struct err *err);

/* The names of the files that an index names, each once, in mem: all in its own folder. */
bool infer_index_files(const char *path, struct arena *mem, const char ***name, int *n,
                       struct err *err);

/* Whether path is such a thing and no model file of ours: a folder, an index, a name that is
 * refused, safetensors without our metadata. */
bool infer_tensors_meant(const char *path);

#endif
