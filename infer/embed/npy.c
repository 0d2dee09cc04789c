/*
 * npy -- see npy.h
 *
 * NumPy's format 1.0: magic, version, length of the header, header, numbers.  The header is padded
 * to a fixed length, and written again when the rows are counted.
 */
#include "infer/embed/npy.h"

#include "nn/base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 128 };

struct infer_npy {
    struct file_out *file;
    int rank, dim[3], n;
    size_t count;               /* numbers of a row */
    float *none;                /* of one that is missing */
};

static void head(const struct infer_npy *f, char text[HEAD])
{
    int n = snprintf(text + 10, HEAD - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d",
                     f->n);

    for (int i = 0; i < f->rank; i++)
        n += snprintf(text + 10 + n, (size_t)(HEAD - 10 - n), ", %d", f->dim[i]);
    n += snprintf(text + 10 + n, (size_t)(HEAD - 10 - n), "), }");
    memset(text + 10 + n, ' ', (size_t)(HEAD - 10 - n));
    memcpy(text, "\x93NUMPY\x01", 8);
    text[8] = HEAD - 10;
    text[9] = 0;
    text[HEAD - 1] = '\n';
}

struct infer_npy *infer_npy_begin(const char *path, int rank, const int *dim, struct err *err)
{
    struct infer_npy *f = calloc(1, sizeof *f);
    char text[HEAD];

    if (!f) {
        err_set(err, ERR_MEMORY, "no memory for a row of numbers");
        return NULL;
    }
    f->rank = rank;
    f->count = 1;
    for (int i = 0; i < rank; i++) {
        f->dim[i] = dim[i];
        f->count *= (size_t)dim[i];
    }
    f->none = malloc(f->count * sizeof *f->none);
    if (!f->none) {
        err_set(err, ERR_MEMORY, "no memory for a row of numbers");
        infer_npy_abandon(f);
        return NULL;
    }
    for (size_t i = 0; i < f->count; i++)
        f->none[i] = NAN;
    head(f, text);
    file_sweep(path);
    f->file = file_create(path, err);
    if (f->file && file_write(f->file, text, sizeof text, err))
        return f;
    infer_npy_abandon(f);
    return NULL;
}

bool infer_npy_add(struct infer_npy *f, const float *row, struct err *err)
{
    f->n++;
    return file_write(f->file, row ? row : f->none, f->count * sizeof *row, err);
}

bool infer_npy_end(struct infer_npy *f, struct err *err)
{
    char text[HEAD];
    bool ok;

    head(f, text);
    ok = file_write_over(f->file, 0, text, sizeof text, err);
    if (ok) {
        ok = file_commit(f->file, err);
        f->file = NULL;
    }
    infer_npy_abandon(f);
    return ok;
}

void infer_npy_abandon(struct infer_npy *f)
{
    if (!f)
        return;
    file_abandon(f->file);
    free(f->none);
    free(f);
}
