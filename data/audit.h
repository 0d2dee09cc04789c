/*
 * audit -- facts about every picture of a set
 *
 * One pass over the files, on threads, each read once and decoded once at most.  What is wrong with
 * the set follows from the facts alone: finding.h.
 */
#ifndef DATA_AUDIT_H
#define DATA_AUDIT_H

#include "data/header.h"
#include "data/look.h"
#include "data/phash.h"

struct data_fact {              /* of one sample */
    const char *why;            /* it cannot be read: the reason, without its name; NULL: it can */
    uint64_t bytes;
    int width, height;          /* as seen: after EXIF orientation */
    struct data_look look;
    int8_t format;              /* enum data_format; DATA_FORMAT_RAW; -1: not told */
    uint8_t orientation;        /* EXIF 1..8 */
    bool missing;               /* there is no such file */
    bool unfinished;            /* the file ends early, and was decoded all the same */
};
enum { DATA_FORMAT_RAW = 100 };

struct data_audit {
    const struct data_index *x;         /* lent */
    struct data_fact *fact;             /* [x->n] */
    struct data_phash *phash;           /* [x->n], flat where unreadable; NULL: only headers */
    int *cluster;                       /* [x->n], same or near pictures, groups not looked at */
};

struct data_audit_options {
    int threads;                        /* >= 1 */
    bool headers;                       /* decode nothing: no look, no phash, no cluster */
    const struct data_decode *decode;   /* NULL: the default; lent */
    struct progress *progress;          /* may be NULL */
};

/* A picture takes about 400 bytes (headers alone: 50).  Without `headers` it fills the hashes of x
 * on the way.  Fails only when memory is out; pictures that cannot be read are facts. */
struct data_audit *data_audit_new(struct data_index *x, const struct data_audit_options *opt,
                                  struct err *err);
void data_audit_free(struct data_audit *a);     /* NULL is fine */

/* "JPEG" ..., "raw", "unknown". */
const char *data_fact_format(const struct data_fact *f);


#endif
