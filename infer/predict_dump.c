/*
 * predict_dump -- see predict_dump.h
 *
 * NumPy's format 1.0: magic, version, length of the header, header, numbers.  The header is padded
 * to a fixed length, and written again when the pictures are counted.
 */
#include "infer/predict_dump.h"

#include "nn/base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 128 };

struct infer_dump {
    struct file_out *file;
    int size[3], n;
    size_t count;               /* numbers of a picture */
    float *none;                /* of one that cannot be read */
};

static void head(const struct infer_dump *d, char text[HEAD])
{
    int n = snprintf(text + 10, HEAD - 10,
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d, %d), }", d->n,
                     d->size[0], d->size[1], d->size[2]);

    memset(text + 10 + n, ' ', (size_t)(HEAD - 10 - n));
    memcpy(text, "\x93NUMPY\x01", 8);
    text[8] = HEAD - 10;
    text[9] = 0;
    text[HEAD - 1] = '\n';
}

struct infer_dump *infer_dump_begin(const char *path, const int size[3], struct err *err)
{
    struct infer_dump *d = calloc(1, sizeof *d);
    char text[HEAD];

    if (!d) {
        err_set(err, ERR_MEMORY, "no memory for a picture");
        return NULL;
    }
    memcpy(d->size, size, sizeof d->size);
    d->count = (size_t)size[0] * (size_t)size[1] * (size_t)size[2];
    d->none = malloc(d->count * sizeof *d->none);
    if (!d->none) {
        err_set(err, ERR_MEMORY, "no memory for a picture");
        infer_dump_abandon(d);
        return NULL;
    }
    for (size_t i = 0; i < d->count; i++)
        d->none[i] = NAN;
    head(d, text);
    d->file = file_create(path, err);
    if (d->file && file_write(d->file, text, sizeof text, err))
        return d;
    infer_dump_abandon(d);
    return NULL;
}

bool infer_dump_add(struct infer_dump *d, const float *input, struct err *err)
{
    d->n++;
    return file_write(d->file, input ? input : d->none, d->count * sizeof *input, err);
}

bool infer_dump_end(struct infer_dump *d, struct err *err)
{
    char text[HEAD];
    bool ok;

    head(d, text);
    ok = file_write_over(d->file, 0, text, sizeof text, err);
    if (ok) {
        ok = file_commit(d->file, err);
        d->file = NULL;
    }
    infer_dump_abandon(d);
    return ok;
}

void infer_dump_abandon(struct infer_dump *d)
{
    if (!d)
        return;
    file_abandon(d->file);
    free(d->none);
    free(d);
}
