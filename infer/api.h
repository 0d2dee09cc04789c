/*
 * api -- what the parts of libdiscern (discern.h) share
 */
#ifndef INFER_API_H
#define INFER_API_H

#include "infer/committee.h"
#include "infer/discern.h"

struct discern_model {
    struct infer_model **model; /* without graph and weights: what answers is in network */
    struct infer_network **network;     /* of each, for all sessions */
    char **path;                /* of each, for errors */
    int n;
    bool raw;
    enum nn_precision precision;
    bool features;              /* of the first, which are: */
    char *features_from;
};

/* The status of an error; and the error for a caller, who may not want it (NULL). */
int infer_api_status(const struct err *err);
void infer_api_report(const struct err *err, discern_error *e);

/* What a caller knows of a struct that begins with its size; the rest is 0.  from NULL: all is. */
bool infer_api_options(void *to, size_t ours, const void *from, const char *name, struct err *err);

#endif
