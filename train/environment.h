/*
 * environment -- what a training ran with: all but settings and pictures that its bits can depend
 * on, and what people want to know beside
 */
#ifndef TRAIN_ENVIRONMENT_H
#define TRAIN_ENVIRONMENT_H

#include "nn/base/record.h"

/* A new object: version, git, compiler, flags, blas, decoders, instructions, cpu, threads, host.
 * NULL when memory is out. */
json_t *train_environment(int threads);

/* Appends, in words, where results here can differ from those of `then`, an object of that kind
 * (or anything else that a file held); nothing when they cannot. */
void train_environment_compare(const json_t *then, struct str *out);

#endif
