/*
 * pool -- threads that run numbered pieces of work
 *
 * Pieces are fixed by the caller and never by the number of threads,
 * so that results do not depend on it.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "nn/base/err.h"

struct pool;

/* One piece: i in [0, n).  worker in [0, pool_threads): the running thread, for scratch memory. */
typedef void pool_fn(void *arg, int i, int worker);

/* threads >= 1, the caller among them. */
struct pool *pool_new(int threads, struct err *err);
void pool_free(struct pool *p);                 /* NULL is fine */
int pool_threads(const struct pool *p);         /* 1 for NULL */

/* Runs fn(arg, i, worker) for every i in [0, n) and returns when all are done.  In any
 * order, any thread.  p may be NULL: the caller does it all.  One pool_for at a time on a
 * pool; not from within a piece. */
void pool_for(struct pool *p, int n, pool_fn *fn, void *arg);

/* The number of processors that this process may use, >= 1. */
int pool_cpus(void);

#endif
