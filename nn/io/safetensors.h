/*
 * safetensors -- named dense arrays and string metadata in one file
 *
 * Format: 8 bytes little-endian header length N, N bytes of JSON, data.  The reader takes the file
 * for hostile (the checks: docs/format.md).  Written headers are padded with spaces so that data
 * starts 64-byte aligned.  https://github.com/huggingface/safetensors
 */
#ifndef NN_SAFETENSORS_H
#define NN_SAFETENSORS_H

#include "nn/base/err.h"
#include "nn/base/tensor.h"

struct st_entry {
    const char *name;
    struct tensor tensor;       /* data points into the file; unaligned if foreign: use memcpy */
};

struct st_file {
    struct st_entry *entry;     /* in order of their offsets */
    int n;
    struct st_meta { const char *key, *value; } *meta;
    int n_meta;
    /* private */
    const struct st_entry **by_name;
    struct arena *mem;
    const unsigned char *data;
    size_t size;
    bool mapped;
};

/* The file is mapped; entries point into it until st_close.  NULL on failure, naming the path. */
struct st_file *st_open(const char *path, struct err *err);
/* The same from memory, which is lent and must outlive the result. */
struct st_file *st_parse(const void *data, size_t size, struct err *err);
void st_close(struct st_file *f);       /* NULL is fine */

/* NULL when there is none. */
const struct st_entry *st_find(const struct st_file *f, const char *name);
const char *st_meta(const struct st_file *f, const char *key);

/* Bytes of an entry in a file, which is checked: F32 takes 4 whatever `real` is. */
size_t st_bytes(const struct st_entry *e);

/* The numbers of a float entry: F32, F16 and BF16, exactly.
 * out[count of the tensor].  Others: ERR_UNSUPPORTED. */
bool st_floats(const struct st_entry *e, float *out, struct err *err);

/* Its bytes were read and are not wanted soon: mapped pages go back to the system. */
void st_used(const struct st_file *f, const struct st_entry *e);

/* Replaces path atomically, with room on the disk made sure of before.  Tensors are written in the
 * given order, metadata in the given order; names and keys are unique.  F32 data are floats
 * whatever `real` is.  What st_open would refuse is not written. */
bool st_write(const char *path, int n, const struct st_entry *entry, int n_meta,
              const struct st_meta *meta, struct err *err);

#endif
