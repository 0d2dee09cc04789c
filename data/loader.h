/*
 * loader -- pictures to batches: decoding threads, a bounded ring, a fixed order
 *
 * What batch b of epoch e holds is a pure function of (index, preparation, recipe, seed, epoch):
 * neither the number of threads changes its bits, nor whether there is a cache, nor how full it is.
 * One consumer thread.
 */
#ifndef DATA_LOADER_H
#define DATA_LOADER_H

#include "data/fetch.h"
#include "data/sampler.h"
#include "data/take.h"

struct data_loader;

/* A picture that cannot be read is reported (from the consumer's thread, in order) and skipped: its
 * place in the batch is taken by nothing, the batch is shorter. */
typedef void data_bad_fn(void *ctx, const struct data_sample *sample, const struct err *why);

struct data_loader_options {
    int batch;
    int threads;                /* that decode; >= 1 */
    int views;                  /* of each picture in a batch: 1 (0 means 1) or 2 */
    bool shuffle;               /* by (seed, epoch); else the index's order */
    enum data_sampling sampling;    /* of what is shuffled (sampler.h); 0: each picture once */
    bool drop_last;             /* leave a last short batch out (never the only one) */
    const struct data_recipe *recipe;   /* NULL or empty: as validation sees them; lent */
    const struct data_decode *decode;   /* NULL: the default; the background is the preparation's */
    const struct data_prep *keep;       /* as struct data_fetch has it; lent */
    struct data_cache *cache;   /* as struct data_fetch has it; NULL: none; lent */
    const struct data_take *take;   /* lent; what is made of each picture, instead of what prep, */
    int takes;                  /* recipe and cache say; at most DATA_TAKES; 0: none */
    uint64_t seed;
    data_bad_fn *bad;           /* may be NULL */
    void *bad_ctx;
};

enum { DATA_TAKES = 64 };

struct data_batch {
    int n;                      /* pictures that are there, <= options.batch; 0: all were bad */
    const float *image;         /* [n,H,W,C] normalised */
    const float *image2;        /* the second view of each; NULL where there is one */
    float *const *take;         /* [takes]: of each take; the first is image */
    const float *target;        /* [n,n_labels] in [0,1]: SINGLE a row adds up to 1, or is 0s where
                                   no label is known; MULTI -1 unknown.  A recipe may mix them */
    const int *sample;          /* [n] position in the index */
};

/* x and prep are lent and must outlive the loader. */
struct data_loader *data_loader_new(const struct data_index *x, const struct data_prep *prep,
                                    const struct data_loader_options *opt, struct err *err);
void data_loader_free(struct data_loader *l);

/* Bytes that such a loader takes, without making it; pictures that are being decoded aside. */
int64_t data_loader_bytes(const struct data_index *x, const struct data_prep *prep,
                          const struct data_loader_options *opt);

int data_loader_batches(const struct data_loader *l);           /* in an epoch */

/* Starts an epoch at batch `first`; what was under way is dropped. */
void data_loader_start(struct data_loader *l, uint64_t epoch, int first);

/* The next batch, lent until the next call; NULL at the end of the epoch. */
const struct data_batch *data_loader_next(struct data_loader *l);

/* Seconds that data_loader_next has waited since data_loader_start: what is lost to data. */
double data_loader_waited(const struct data_loader *l);

#endif
