/*
 * cluster -- rows of numbers that lie together
 *
 * k-means: Lloyd's rounds from centres drawn by k-means++ (Arthur and Vassilvitskii 2007: each next
 * one with a chance that grows with the squared distance from those before), the best of several
 * restarts.  Density: HDBSCAN* (Campello, Moulavi and Sander 2013, "Density-based clustering based
 * on hierarchical density estimates"), infer/embed/density.c.
 *
 * Distances are Euclidean: of rows of length 1 they order as cosines do.  Pure functions; same rows
 * and options, same bits, for any number of threads.  Clusters are numbered from 0, the largest
 * first, of equal ones that with the earliest row; -1 is none.
 */
#ifndef INFER_CLUSTER_H
#define INFER_CLUSTER_H

#include "nn/base/pool.h"

#include <stddef.h>
#include <stdint.h>

struct infer_points {
    int n, width;
    const float *row;           /* [n,width] finite; lent */
};

static inline const float *infer_point(const struct infer_points *x, int i)
{
    return x->row + (size_t)i * (size_t)x->width;
}

struct infer_clusters {
    int n, k;                   /* rows, clusters */
    int *of;                    /* [n] the row's cluster */
    int *count;                 /* [k] rows of each */
    float *centre;              /* [k,width] means of their rows */
    float *distance;            /* [n] from the row's centre; INFINITY where it is in none */
    double sum;                 /* of squared distances */
};
void infer_clusters_release(struct infer_clusters *c);  /* a zeroed one is fine */

enum { INFER_KMEANS_RESTARTS = 8, INFER_KMEANS_ROUNDS = 300 };

/* k <= n clusters, each with a row at least where there are k different ones. */
bool infer_kmeans(const struct infer_points *x, int k, uint64_t seed, struct pool *pool,
                  struct infer_clusters *out, struct err *err);

/* The number of clusters, 2 to `most`, whose mean silhouette (Rousseeuw 1987) is largest; *best:
 * that; 1 and NaN where there are no two that differ.  Tried are 2 to 12, then steps of about a
 * fifth, on INFER_COUNT_ROWS rows drawn by lot. */
enum { INFER_COUNT_ROWS = 2000, INFER_COUNT_MOST = 64 };
bool infer_cluster_count(const struct infer_points *x, int most, uint64_t seed, struct pool *pool,
                         int *k, double *best, struct err *err);

/* Mean over the rows that are in a cluster of (b - a) / max(a, b), a the mean distance from the
 * others of its own, b the least mean distance from those of another; 0 for a row alone.  In
 * [-1,1]; NaN where there are fewer than 2 clusters.  Memory grows with n * n. */
bool infer_silhouette(const struct infer_points *x, const int *of, int k, struct pool *pool,
                      double *out, struct err *err);

/* Clusters of `least` rows (2 at least) or more, as many as there are; what lies thinly is in none.
 * Copies are never torn, and are a cluster also where there is no other.  A row's
 * core distance reaches `neighbours` rows, itself among them.  Time grows with n * n: at most
 * INFER_DENSITY_MOST rows. */
enum { INFER_DENSITY_MOST = 40000 };
bool infer_density(const struct infer_points *x, int least, int neighbours, struct pool *pool,
                   struct infer_clusters *out, struct err *err);

/* How clusters and labels agree, over the rows that have both (of and label >= 0). */
struct infer_agreement {
    int n;
    double purity;              /* share of rows that carry the commonest label of their cluster */
    double information;         /* mutual, over the mean of both entropies: 0 to 1 */
    double rand;                /* adjusted Rand index (Hubert and Arabie 1985): 0 by chance, 1 */
};
bool infer_agree(int n, const int *of, int k, const int *label, int n_labels,
                 struct infer_agreement *out, struct err *err);

/* ---- for density.c -------------------------------------------------------------------------- */

/* Squared distance; the order of the sum depends on the width alone. */
double infer_distance2(const float *a, const float *b, int width);

/* Numbers the clusters of out->of anew, as said above, and fills in the rest of *out, whose n, k
 * and of are set. */
bool infer_clusters_finish(const struct infer_points *x, struct infer_clusters *out,
                           struct err *err);

#endif
