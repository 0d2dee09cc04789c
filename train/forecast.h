/*
 * forecast -- the memory that a training takes at its most, known before it begins
 *
 * What a training allocates is a function of its settings: the network's plan, the optimiser's
 * arrays, the loader's ring, the network that validates; to it come what the process holds already
 * and the decoded pictures that are mapped from the cache.
 */
#ifndef TRAIN_FORECAST_H
#define TRAIN_FORECAST_H

#include "data/loader.h"
#include "infer/model.h"
#include "train/choose.h"
#include "train/net.h"

struct train_forecast {
    int64_t program;    /* code, libraries, the index of the pictures */
    int64_t network;    /* that is trained: activations, values, gradients, moments */
    int64_t kept, again; /* of its activations that backward reads: kept for it; made again */
    int64_t pictures;   /* under way: decoded, and ready in batches */
    int64_t validation; /* the network that answers, and its batches */
    int64_t caches;     /* mapped files: the system takes them back first where memory is short */
    int64_t total;
};

struct train_forecast_facts {
    int64_t resident; /* bytes that the process held before it prepared the training */
    struct train_net_bytes network; /* the method's */
    const struct infer_model *model;
    const struct nn_kernels *kernels;
    int threads;
    const struct data_index *train, *val; /* val may be NULL */
    const struct data_loader_options *loader; /* of train */
    int val_batch;
    const struct train_seen *seen;
    int64_t caches;
};

bool train_forecast(const struct train_forecast_facts *facts, struct train_forecast *out,
                    struct err *err);

/* What of the network is there for learning, in words: "23 kept by its layers to learn from". */
void train_forecast_kept(const struct train_forecast *m, struct str *out);

/* Bytes of this process that are in memory now; 0 where the system does not tell. */
int64_t train_resident(void);

#endif
