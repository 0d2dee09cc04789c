/*
 * audit -- what is wrong with a set of pictures, and what would help
 *
 * One pass over the files (on threads, each read and decoded once) gathers facts; findings follow
 * from the facts alone, each a kind of audits.def with its advice.
 */
#ifndef DATA_AUDIT_H
#define DATA_AUDIT_H

#include "data/phash.h"

struct data_fact {              /* of one sample */
    bool readable;
    const char *why;            /* not readable: the reason */
    uint64_t bytes;
    int width, height;          /* as seen: after EXIF orientation */
    const char *format;         /* "JPEG" ...; "raw" */
    float light, contrast;      /* mean and deviation of luma, 0 to 1 */
    float sharp;                /* variance of luma's Laplacian at one size: small = blurred */
};

struct data_audit {
    const struct data_index *x;
    struct data_fact *fact;     /* [x->n] */
    struct data_phash *phash;   /* [x->n] */
    int *cluster;               /* [x->n], as data_phash_clusters */
    struct arena *mem;
};

typedef void data_audit_progress_fn(void *ctx, int done, int n);

struct data_audit *data_audit_new(struct data_index *x, int threads,
                                  data_audit_progress_fn *progress, void *ctx, struct err *err);
void data_audit_free(struct data_audit *a);

#endif
